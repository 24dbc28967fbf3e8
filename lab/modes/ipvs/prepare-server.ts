import { once } from 'node:events';
import { join } from 'node:path';
import { LabError } from '../../lab-error.ts';
import { projectRoot } from '../../project.ts';
import type { Lab } from '../../runtimes/lab.ts';
import { RouterView, untilAnnounced } from '../../scenarios/observe.ts';

/**
 * Makes a node a real server of a director's cluster file as its operator would, by the product's own command on it. Throws a
 * LabError with what that says.
 */
export async function prepareServer(lab: Lab, name: string, director: string): Promise<void> {
  const sluice = [process.execPath, join(projectRoot, 'dist/bundle/bin/sluice.js')];
  const argv = [...sluice, 'realserver', '--apply', '--config', lab.configFile(director), '--name', name];
  const child = lab.node(name).spawn(argv, { stdio: ['ignore', 'pipe', 'pipe'], onHost: true });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      text += part;
    });
  }
  const [code] = await once(child, 'close');
  if (code !== 0) throw new LabError(`sluice realserver --apply on ${name}: ${text.trim()}`);
}

/** Prepares the servers and waits until routers lead to a VIP by this director. Throws LabError. */
export async function untilServed(lab: Lab, vip: string, servers: readonly string[], director: string): Promise<void> {
  for (const name of servers) await prepareServer(lab, name, director);
  await untilAnnounced(lab, director);
  await (await RouterView.of(lab, vip)).untilNextHops([director]);
}
