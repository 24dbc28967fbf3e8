/** `sluice explain` against a built agent and a real kernel. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ExplanationDocument } from '../../../src/api/documents.ts';
import { Namespace } from './namespace.ts';

let namespace: Namespace;

beforeEach(() => {
  namespace = new Namespace();
  namespace.ip('address', 'add', '10.9.0.1/32', 'dev', 'lo');
  namespace.ip('address', 'add', '10.9.0.2/32', 'dev', 'lo');
  namespace.listen(80);
  namespace.addLink('eth1', '10.1.1.2/24');
});

afterEach(async () => {
  await namespace.remove();
});

function clusterFile(): string {
  const path = join(namespace.dir, 'cluster.yml');
  writeFileSync(
    path,
    `cluster: test
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } } }
routing: { instances: { outside: { area: 0, interfaces: { up0: {} } } } }
services:
  web:
    vip: 203.0.113.10
    ports: 80
    persistence: true
    servers: { s1: 10.9.0.1, s2: 10.9.0.2 }
    health: { interval: 200ms, timeout: 150ms, rise: 1, fall: 2 }
`,
  );
  return path;
}

const FLOW = ['198.51.100.7:40123', '203.0.113.10:80'] as const;

async function explained(): Promise<ExplanationDocument> {
  const { code, stdout } = await namespace.sluice('explain', ...FLOW, '--json').ended;
  expect(code).toBe(0);
  return JSON.parse(stdout) as ExplanationDocument;
}

test('the slot’s server, and the one that the kernel remembers instead; what is no service of ours is exit code 1', async () => {
  namespace.agent(clusterFile());
  await namespace.event('dataplane-programmed');
  const before = await explained();
  expect(before).toMatchObject({ director: 'd1', service: 'web', programmed: true, reason: 'slot', persistence: null });
  // Ids are given in the order of the file: 1 is s1, 2 is s2.
  const [other, id] = before.server?.name === 's1' ? (['s2', 2] as const) : (['s1', 1] as const);
  namespace.output('nft', 'add', 'element', 'ip', 'sluice_v1', 'clients_web', `{ 198.51.100.7 timeout 60s : ${id} }`);
  const after = await explained();
  expect(after).toMatchObject({
    reason: 'persistence',
    server: { name: other },
    slot: before.slot,
    owner: before.owner,
  });
  expect(after.persistence?.expiresIn).toBeGreaterThan(50_000);
  const { stdout } = await namespace.sluice('explain', ...FLOW).ended;
  expect(stdout).toContain(`why          this client has been given ${other}\n`);

  const stranger = await namespace.sluice('explain', FLOW[0], '203.0.113.10:81').ended;
  expect(stranger.code).toBe(1);
  expect(stranger.stdout).toContain('no service on 203.0.113.10 has port 81');
  expect((await namespace.sluice('explain', FLOW[0]).ended).code).toBe(2);
});
