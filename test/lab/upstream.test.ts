/**
 * What `sluice upstream` writes, in the daemons that it is for: FRR 8.4 and 10.3 (`vtysh -C`, and an ospfd that runs), BIRD 2.0, 2.17
 * and 3.1 (`bird -p`, and a bird that runs); and what FRR prints of it as its running configuration lacks nothing.
 */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { projectRoot } from '../../lab/project.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { routerNode, SYSCTLS } from '../../lab/topologies/generated.ts';
import { checkRouter } from '../../src/api/upstream.ts';
import { CASES } from '../unit/upstream/cases.ts';

const FRR = { r8: 'frr-8', r10: 'frr-10' } as const;
const BIRD = { b2: 'bird-2.0', b217: 'bird-2.17', b3: 'bird-3' } as const;

let folder = '';
let lab: Lab;

function golden(name: string, vendor: 'frr' | 'bird'): string {
  return join(projectRoot, 'test/golden/upstream', `${name}.${vendor}`);
}

/** ospfd speaks on interfaces that have an address. */
function addresses(name: string): readonly string[] {
  return [`ip address add 10.${name.slice(1)}.2.1/30 dev eth2`];
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-upstream-'));
  const frr = Object.entries(FRR).map(([name, kind]) => [
    name,
    routerNode(kind, golden('p2p', 'frr'), addresses(name)),
  ]);
  const bird = Object.entries(BIRD).map(([name, kind]) => [name, routerNode(kind, golden('lan-md5-bfd', 'bird'), [])]);
  const nodes = Object.fromEntries([...frr, ...bird]);
  // Both have interfaces of the names in the golden files.
  const links = [{ endpoints: ['r8:eth2', 'b2:eth2'] }, { endpoints: ['r10:eth2', 'b3:eth2'] }];
  const topology = { name: 'upstream', topology: { defaults: { kind: 'linux', sysctls: SYSCTLS }, nodes, links } };
  await writeFile(join(folder, 'upstream.clab.yml'), stringify(topology));
  lab = await up(join(folder, 'upstream.clab.yml'));
}, 60_000);

afterAll(async () => {
  await lab?.down();
  await rm(folder, { recursive: true, force: true });
});

/** Puts a text into the node's `/tmp` and runs a program on it. */
async function onFile(node: string, text: string, argv: readonly string[]) {
  await writeFile(join(lab.dir, node, 'tmp/upstream.conf'), text);
  return lab.node(node).exec([...argv, '/tmp/upstream.conf']);
}

describe.each(Object.keys(FRR))('FRR on %s', (node) => {
  test.each(CASES.map(({ name }) => name))('takes %s', async (name) => {
    const text = await readFile(golden(name, 'frr'), 'utf8');
    const { code, stdout, stderr } = await onFile(node, text, ['vtysh', '-C', '-f']);
    // FRR 8.4 has no HMAC for OSPF, and no type 7 default route: that is refused shows that the others are looked at.
    const refused = node === 'r8' && name === 'nssa-hmac';
    expect(refused ? 2 : 0, `${stdout}${stderr}`).toBe(code);
  });

  test('runs with it, and its running configuration lacks nothing for the cluster', async () => {
    const { stdout } = await lab.node(node).exec(['vtysh', '-c', 'show running-config']);
    const cluster = join(folder, 'cluster.yml');
    await writeFile(cluster, CASES[0]!.cluster);
    const query = { router: 'r1/10.255.1.1/eth2,eth3' };
    const checked = await checkRouter(cluster, query, stdout, undefined);
    expect(checked).toMatchObject({ dialect: 'frr', interfaces: ['eth2', 'eth3'], findings: [] });
    const { stdout: interfaces } = await lab.node(node).exec(['vtysh', '-c', 'show ip ospf interface eth2 json']);
    expect(JSON.parse(interfaces).interfaces.eth2).toMatchObject({ networkType: 'POINTOPOINT', timerMsecs: 1000 });
  });
});

test.each(Object.keys(BIRD))('BIRD on %s takes every file', async (node) => {
  for (const { name } of CASES) {
    const text = await readFile(golden(name, 'bird'), 'utf8');
    const { code, stderr } = await onFile(node, text, ['bird', '-p', '-c']);
    expect(code, `${name}: ${stderr}`).toBe(0);
  }
  const { code } = await onFile(node, 'protocol ospf v2 { ecmp maybe; }', ['bird', '-p', '-c']);
  expect(code).not.toBe(0);
});
