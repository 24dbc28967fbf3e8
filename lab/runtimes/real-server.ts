/** Makes a node a real server of its topology's cluster file, by the script that `sluice realserver --print` makes. */
import { readFile } from 'node:fs/promises';
import { planScript, planStranger } from '../../src/api/realserver.ts';
import { LabError } from '../lab-error.ts';
import type { BuiltNode } from './built-node.ts';

/** The node's name is the server's in the file that it binds at `destination`; its label `sluice.realserver` names the interface. */
export async function applyRealServer(server: BuiltNode, destination: string): Promise<void> {
  const bind = server.binds.find((one) => one.destination === destination);
  if (bind === undefined) throw new LabError(`server ${server.name} needs a bind for ${destination}`);
  const text = await readFile(bind.source, 'utf8');
  const device = server.labels['sluice.realserver'];
  const plan = planStranger({ file: bind.source, text, server: server.name, interface: device, directors: [] });
  if ('faults' in plan) throw new LabError(`server ${server.name}: ${plan.faults.join('; ')}`);
  const { code, stderr } = await server.execOnHost(['sh', '-s'], { input: planScript(plan) });
  if (code !== 0) throw new LabError(`server ${server.name}: ${stderr.trim()}`);
}
