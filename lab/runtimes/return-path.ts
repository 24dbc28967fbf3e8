/** Makes a real server answer to the director that a flow last came from, by the rules `sluice realserver` prepares. */
import { sourceMacReturnRules } from '../../src/api/realserver.ts';
import { LabError } from '../lab-error.ts';
import type { BuiltNode } from './built-node.ts';

/** Reads the directors' inside addresses as they are, so that no topology has to repeat them for its servers. */
export async function applySourceMacReturn(
  server: BuiltNode,
  directors: readonly BuiltNode[],
  toInside: boolean,
): Promise<void> {
  const rules = sourceMacReturnRules({
    interface: server.labels['sluice.return']!,
    directors: await Promise.all(directors.map((director) => insideOf(director, toInside))),
  });
  await must(server, ['nft', '-f', '-'], rules.nft);
  for (const argv of rules.commands) await must(server, argv);
}

async function insideOf(director: BuiltNode, toInside: boolean) {
  const name = director.labels['sluice.inside'];
  if (name === undefined) throw new LabError(`director ${director.name} needs the label sluice.inside`);
  const { mac, address } = await director.linkFacts(name);
  const insideAddress = (toInside ? director.labels['sluice.answers'] : undefined) ?? address;
  return { name: director.name, mac, insideAddress: numberOf(insideAddress) };
}

/** `10.3.0.1` as the unsigned 32-bit number that the rules take. */
function numberOf(dotted: string): number {
  return dotted.split('.').reduce((number, byte) => number * 256 + Number(byte), 0);
}

async function must(server: BuiltNode, argv: readonly string[], input = ''): Promise<void> {
  const { code, stderr } = await server.execOnHost(argv, { input });
  if (code !== 0) throw new LabError(`node ${server.name}: ${argv.join(' ')}: ${stderr.trim()}`);
}
