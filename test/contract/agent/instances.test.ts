/** The built agent with two routing instances: an LSDB each, classes of prefixes, and local routes for both of them. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Namespace } from './namespace.ts';

const VIP = '203.0.113.10';
const LOCAL = '10.3.0.1';

let namespace: Namespace;

beforeEach(() => {
  namespace = new Namespace();
  namespace.addLink('eth1', '10.1.1.2/24');
  namespace.addLink('eth2', '10.2.1.2/24');
});

afterEach(async () => {
  await namespace.remove();
});

function clusterFile(): string {
  const path = join(namespace.dir, 'cluster.yml');
  writeFileSync(
    path,
    `cluster: test
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1, in0: eth2 }, local: ${LOCAL} }
lifecycle: { holdUp: 1s, drain: 0s }
routing:
  instances:
    outside: { area: 0.0.0.0, announce: vip, interfaces: { up0: {} } }
    inside: { area: { id: 0.0.0.1, type: nssa }, announce: local, interfaces: { in0: {} } }
dataplane: nftables
services:
  web: { vip: ${VIP}, ports: 80, servers: { s1: 10.9.0.1 }, health: none, announce: { metric: 70, lsa: external, tag: 5 } }
`,
  );
  return path;
}

/** Local routes of ours, by protocol number. */
function localRoutes(): string[] {
  const lines = namespace.output('ip', '-4', 'route', 'show', 'table', 'local', 'proto', '217').trim().split('\n');
  return lines.flatMap((line) => line.split(' ')[1] ?? []).sort();
}

test('each instance says on its own interface what it announces, and knows nothing of the other', async () => {
  const run = namespace.agent(clusterFile());
  await namespace.event('vip-announced');
  const hellos = (await namespace.client().get('/v1/events')).filter(({ event }) => event === 'hello-sent');
  expect(hellos.map(({ values }) => [values['instance'], values['interface']])).toEqual([
    ['outside', 'eth1'],
    ['inside', 'eth2'],
  ]);
  const lsdb = await namespace.client().get('/v1/lsdb');
  expect(lsdb.map(({ instance, type, summary }) => [instance, type, ...summary])).toEqual([
    ['outside', 1, 'flags E H', 'stub 10.1.1.0/24 metric 10'],
    ['outside', 5, `${VIP}/32 E1 metric 70 tag 5`],
    ['inside', 1, 'flags H', 'stub 10.2.1.0/24 metric 10', `stub ${LOCAL}/32 metric 10`],
  ]);
  const { vips, local } = await namespace.client().get('/v1/status');
  expect(vips).toMatchObject([{ vip: VIP, metric: 70, lsa: 'external E1 tag 5' }]);
  expect(local).toEqual([{ address: LOCAL, class: 'local', announced: true }]);
  expect(localRoutes()).toEqual([LOCAL, VIP]);
  await run.stop('SIGTERM');
  expect(localRoutes()).toEqual([]);
});
