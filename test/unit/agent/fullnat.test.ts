/** A director with a FullNAT service, everything around it in memory. */
import { expect, test } from 'vitest';
import { counterDocuments } from '../../../src/agent/documents/documents.ts';
import { formatPrefix, ipv4 } from '../../../src/core/base/ipv4.ts';
import { successorOrder } from '../../../src/core/hash/port-blocks.ts';
import { parsed, World } from './world.ts';

const FILE = `cluster: test
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 }, local: 10.3.0.1 }
  d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 }, local: 10.3.0.2 }
  d3: { routerId: 10.255.0.3, interfaces: { up0: eth1 }, local: 10.3.0.3 }
lifecycle: { holdUp: 0s }
routing: { instances: { core: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, forward: fullnat, servers: { s1: 10.2.0.21, s2: 10.2.0.22 } }
`;

async function serving(): Promise<World> {
  const world = new World(await parsed(FILE));
  await world.start();
  await world.clock.advance(5000);
  return world;
}

function connect(world: World, count: number): void {
  for (let sport = 40_000; sport < 40_000 + count; sport++) {
    world.kernel.packet({ protocol: 'tcp', source: ipv4('192.0.2.7'), sport, vip: ipv4('203.0.113.10'), port: 80 });
  }
}

test('the local addresses of all are routed to us and announced, our own before those of others', async () => {
  const world = await serving();
  const metricOf = (address: string, others: readonly string[]) =>
    10 + 100 * (successorOrder(ipv4(address), others).indexOf('d1') + 1);
  expect(world.speaker.announced().map(({ prefix, metric }) => `${formatPrefix(prefix)} ${metric}`)).toEqual([
    '203.0.113.10/32 10',
    '10.3.0.1/32 10',
    `10.3.0.2/32 ${metricOf('10.3.0.2', ['d1', 'd3'])}`,
    `10.3.0.3/32 ${metricOf('10.3.0.3', ['d1', 'd2'])}`,
  ]);
  expect(world.localRoutes().toSorted()).toEqual(['10.3.0.1', '10.3.0.2', '10.3.0.3', '203.0.113.10']);
});

test('connections are counted by the local address that they come from', async () => {
  const world = await serving();
  connect(world, 200);
  const [fill, ...others] = world.director.fill.fills() ?? [];
  expect(others).toEqual([]);
  expect(fill).toMatchObject({ address: ipv4('10.3.0.1'), blocks: 63, connections: 200 });
  // Some more than half of them go to one of the two servers.
  expect(fill!.fill).toBeGreaterThanOrEqual(100 / (63 * 1024));
  expect(fill!.fill).toBeLessThan(130 / (63 * 1024));
  expect(world.director.fill.digest()).toMatch(/^[0-9a-f]{16}$/);
  world.kernel.connections.drop();
  await world.clock.advance(2000);
  const counters = (await counterDocuments(world.director)).find(
    ({ instance }) => instance === 'connections',
  )?.counters;
  expect(counters).toEqual({ tracked: 200, 'events.lost': 0, insertFailed: 1, drop: 1, 'fill.10.3.0.1': 0, fill: 0 });
  expect(world.events.since(0).at(-1)).toMatchObject({
    event: 'conntrack-drops',
    values: { insertFailed: 1, drop: 1 },
  });
});
