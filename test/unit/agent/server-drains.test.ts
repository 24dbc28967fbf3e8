import { describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { clusterText, parsed, World } from './world.ts';

const SERVERS = 's1: 10.3.0.21, s2: 10.3.0.22, s3: 10.3.0.23';
const VIP = '203.0.113.10';

function text(settings: string, servers = SERVERS): string {
  return clusterText({ web: { servers } }).replace('    protocol: tcp\n', `    protocol: tcp\n${settings}`);
}

async function serving(settings = '', earlier?: World): Promise<World> {
  const world = new World(await parsed(text(settings)), earlier);
  await world.start();
  await world.clock.advance(5000);
  return world;
}

/** Who answers a packet of each of 60 flows, counted. */
function ask(world: World, first = 20_000): Record<string, number> {
  const counts: Record<string, number> = {};
  for (let sport = first; sport < first + 60; sport++) {
    const flow = { protocol: 'tcp', source: ipv4('10.1.0.2'), sport, vip: ipv4(VIP), port: 80 } as const;
    const address = world.kernel.packet(flow);
    const name = address === undefined ? 'nobody' : formatIpv4(address);
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}

const web = (world: World) => world.director.loaded.cluster.services[0]!;

const drains = (world: World) =>
  world.events
    .since(0)
    .filter(({ event }) => event === 'server-drain')
    .map(({ t, values }) => `${Math.round(t / 1000)} ${values['server']} ${values['from']}->${values['to']}`);

describe('removal from the file', () => {
  test('drains first: connections live on until they are done, then the server is forgotten', async () => {
    const world = await serving();
    const before = ask(world);
    expect(Object.keys(before).sort()).toEqual(['10.3.0.21', '10.3.0.22', '10.3.0.23']);
    await world.director.apply(await parsed(text('', 's1: 10.3.0.21, s3: 10.3.0.23')));
    await world.clock.advance(10_000);
    expect(ask(world)).toEqual(before);
    expect(Object.keys(ask(world, 30_000)).sort()).toEqual(['10.3.0.21', '10.3.0.23']);
    expect(drains(world)).toEqual(['5 s2 serving->draining']);
    for (const { original, reply } of world.kernel.connections.all()) {
      if (reply.source === ipv4('10.3.0.22')) world.kernel.connections.close(original);
    }
    await world.clock.advance(2000);
    expect(drains(world).slice(1)).toEqual(['16 s2 draining->drained', '16 s2 drained->forgotten']);
  });

  test('ends what is left at the deadline', async () => {
    const world = await serving('    drain: 20s\n');
    const before = ask(world);
    await world.director.apply(await parsed(text('    drain: 20s\n', 's1: 10.3.0.21, s3: 10.3.0.23')));
    await world.clock.advance(21_000);
    const { '10.3.0.22': ended, ...others } = before;
    expect(ask(world)).toEqual({ ...others, nobody: ended });
    await world.clock.advance(10_000);
    expect(drains(world)).toEqual([
      '5 s2 serving->draining',
      '25 s2 draining->ending',
      '30 s2 ending->drained',
      '30 s2 drained->forgotten',
    ]);
    // Whoever was idle until now meets another server.
    expect(ask(world)['nobody']).toBeUndefined();
  });

  test('that is taken back meanwhile, once its checks have found it, costs nothing', async () => {
    const world = await serving();
    const before = ask(world);
    await world.director.apply(await parsed(text('', 's1: 10.3.0.21, s3: 10.3.0.23')));
    await world.clock.advance(10_000);
    await world.director.apply(await parsed(text('')));
    await world.clock.advance(100_000);
    expect(ask(world)).toEqual(before);
    expect(ask(world, 30_000)['10.3.0.22']).toBeGreaterThan(0);
    expect(drains(world)).toEqual(['5 s2 serving->draining', '17 s2 draining->serving']);
  });
});

describe('a drain that the operator asks for', () => {
  test('counts the server out, and the next agent goes on with it', async () => {
    const world = await serving();
    const name = { service: 'web', server: 's2' };
    await world.director.servers.drain(name, undefined);
    await world.clock.advance(3000);
    expect(ask(world)['10.3.0.22']).toBeUndefined();
    expect(world.director.servers.healthy(web(world))).toBe(2);
    await world.director.stopAtOnce();
    const next = await serving('', world);
    expect(ask(next, 30_000)['10.3.0.22']).toBeUndefined();
    await next.director.servers.undrain(name);
    await next.clock.advance(1000);
    expect(ask(next, 40_000)['10.3.0.22']).toBeGreaterThan(0);
    expect(next.drained).toEqual([]);
  });

  test('of all servers withdraws the VIP', async () => {
    const world = await serving();
    for (const server of ['s1', 's2', 's3']) await world.director.servers.drain({ service: 'web', server }, 0);
    await world.clock.advance(3000);
    expect(world.speaker.announced()).toEqual([]);
  });
});

describe('a server that dies', () => {
  test('its connections hear RST at once, those of others nothing', async () => {
    const world = await serving();
    const before = ask(world);
    world.down.add('10.3.0.22');
    await world.clock.advance(3000);
    const { '10.3.0.22': ended, ...others } = before;
    expect(ask(world)).toEqual({ ...others, nobody: ended });
    world.down.clear();
    await world.clock.advance(5000);
    expect(ask(world)['nobody']).toBeUndefined();
  });

  test('with whenServerDown: keep they are left to themselves', async () => {
    const world = await serving('    whenServerDown: keep\n');
    const before = ask(world);
    world.down.add('10.3.0.22');
    await world.clock.advance(3000);
    expect(ask(world)).toEqual(before);
  });
});

describe('what is not known', () => {
  test('without events of connections a drain waits for its deadline, and why is told', async () => {
    const world = new World(await parsed(text('')));
    world.conntrack.refuseNext = 'EPERM';
    await world.start();
    await world.clock.advance(5000);
    expect(world.story()).toContain('conntrack-fault conntrack-subscribe: EPERM');
    expect(world.director.servers.active(web(world), ipv4('10.3.0.22'))).toBeUndefined();
    await world.clock.advance(10_000);
    expect(world.director.servers.active(web(world), ipv4('10.3.0.22'))).toBe(0);
  });

  test('lost events: the connections are listed anew, and counted right', async () => {
    const world = await serving();
    world.kernel.connections.loseDuring(() => ask(world));
    await world.clock.advance(0);
    const total = [21, 22, 23].map((last) => world.director.servers.active(web(world), ipv4(`10.3.0.${last}`)) ?? 0);
    expect(total.reduce((sum, one) => sum + one, 0)).toBe(60);
    expect(world.story()).toContain('conntrack-lost');
  });
});

test('the sorry server: the VIP stays as a last resort while it answers', async () => {
  const world = new World(
    await parsed(text('    sorry: 10.3.0.99\n').replace(', metric: 10, lsa: stub', ', metric: 10')),
  );
  await world.start();
  await world.clock.advance(5000);
  for (const address of ['10.3.0.21', '10.3.0.22', '10.3.0.23']) world.down.add(address);
  await world.clock.advance(5000);
  expect(ask(world)).toEqual({ '10.3.0.99': 60 });
  expect(world.speaker.announced().map(({ metric }) => metric)).toEqual([60_010]);
  world.down.clear();
  await world.clock.advance(30_000);
  expect(ask(world, 30_000)['10.3.0.99']).toBeUndefined();
  expect(world.speaker.announced().map(({ metric }) => metric)).toEqual([10]);
});
