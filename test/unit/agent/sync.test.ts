/** A director with peers to sync with: what its sync thread is told, and what waits for it. Everything around it in memory. */
import { expect, test } from 'vitest';
import { counterDocuments } from '../../../src/agent/documents/documents.ts';
import { syncDocument, syncSummary } from '../../../src/agent/documents/sync-documents.ts';
import { syncSettings } from '../../../src/agent/wishes/sync.ts';
import { unsyncedServices } from '../../../src/agent/wishes/unsynced.ts';
import { formatPrefix, ipv4 } from '../../../src/core/base/ipv4.ts';
import { serviceHash } from '../../../src/core/sync/records/record.ts';
import { settle } from './fake-clock.ts';
import { viewOf } from './sync-threads.ts';
import { parsed, World } from './world.ts';

interface Choices {
  readonly web?: string;
  readonly others?: string;
}

function file({ web = '', others = '' }: Choices = {}): string {
  return `cluster: test
keys: { file: cluster.keys }
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 }, local: 10.3.0.1, sync: 10.2.0.11 }
  d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 }, local: 10.3.0.2, sync: "10.2.0.12:7272" }
  d3: { routerId: 10.255.0.3, interfaces: { up0: eth1 }, local: 10.3.0.3, sync: 10.2.0.13 }
lifecycle: { holdUp: 0s, drain: 30s, syncTimeout: 20s }
routing: { instances: { core: { area: 0, announce: [vip, local], interfaces: { up0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: [80, 443], forward: fullnat, servers: { s1: 10.2.0.21, s2: 10.2.0.22 }${web} }
${others}`;
}

const ALONE = file()
  .replace('keys: { file: cluster.keys }\n', '')
  .replaceAll(/, sync: [^ ]+ \}/g, ' }')
  .replace(', syncTimeout: 20s', '');

async function begun(text = file()): Promise<World> {
  const world = new World(await parsed(text));
  await world.start();
  await world.clock.advance(5000);
  return world;
}

function vips(world: World): string[] {
  const announced = world.speaker.announced().map(({ prefix }) => formatPrefix(prefix));
  return announced.filter((prefix) => prefix.startsWith('203.'));
}

async function active(): Promise<World> {
  const world = await begun();
  world.syncThreads.last.say({ kind: 'synced', reason: 'equal', waiting: [] });
  await world.clock.advance(2000);
  expect(world.director.state).toBe('active');
  return world;
}

test('the thread is told who is who, and what the kernel calls the servers', async () => {
  const world = await begun(
    file({ others: '  log: { vip: 203.0.113.11, ports: 514, protocol: udp, servers: { s1: 10.2.0.21 } }\n' }),
  );
  const { self, peers, keys, services, plane, syncTimeout, configHash, tableDigest } = world.syncThreads.last.settings;
  expect(self).toEqual({
    name: 'd1',
    routerId: ipv4('10.255.0.1'),
    endpoint: { address: ipv4('10.2.0.11'), port: 7171 },
  });
  expect(peers.map(({ name, endpoint }) => `${name} ${endpoint.port}`)).toEqual(['d2 7272', 'd3 7171']);
  expect(keys).toEqual([{ id: '1', secret: new Uint8Array(32).fill(0x5a), acceptOnly: false }]);
  expect([syncTimeout, configHash, plane.members]).toEqual([20_000, world.director.loaded.hash, ['d1', 'd2', 'd3']]);
  expect(tableDigest).toMatch(/^[0-9a-f]{16}$/);
  const [web, log] = services;
  expect(web).toMatchObject({
    ...{ name: 'web', service: serviceHash('web'), ports: [80, 443], protocol: 'tcp', fullnat: true },
    ...{ sync: 'established', establishedTimeout: 432_000, persistence: undefined },
  });
  const id = (service: string, server: string) => world.director.dataplane.serverId(service, ipv4(server))!;
  expect(web!.serverIds).toEqual([
    [ipv4('10.2.0.21'), id('web', '10.2.0.21')],
    [ipv4('10.2.0.22'), id('web', '10.2.0.22')],
  ]);
  expect(log).toMatchObject({ name: 'log', sync: 'off', establishedTimeout: 120, fullnat: false });
});

test('a service of another definition has another digest', async () => {
  const digestOf = async (web: string) => {
    const loaded = await parsed(file({ web }));
    const marks = { servers: { desired: () => [] }, dataplane: { serverId: () => undefined } };
    return syncSettings(loaded, loaded.cluster.services, { services: [], upstream: [] }, marks)!.services[0]!.digest;
  };
  const plain = await digestOf('');
  expect(plain).toMatch(/^[0-9a-f]{16}$/);
  expect(await digestOf(', drain: 5s')).toBe(plain);
  expect(await digestOf(', scheduler: { name: mh, slots: 65537 }')).not.toBe(plain);
});

test('nothing is announced before the peers’ connections are here', async () => {
  const world = await begun();
  expect(world.director.state).toBe('syncing');
  expect(world.speaker.announced()).toEqual([]);
  world.syncThreads.last.say({ kind: 'synced', reason: 'equal', waiting: [] });
  await world.clock.advance(2000);
  expect(world.director.state).toBe('active');
  expect(world.speaker.announced()).not.toEqual([]);
});

test('a service that peers define otherwise is not announced', async () => {
  const world = await begun();
  world.syncThreads.last.say({ kind: 'synced', reason: 'equal', waiting: ['web'] });
  await world.clock.advance(2000);
  expect(world.director.state).toBe('active');
  expect(vips(world)).toEqual([]);
  world.syncThreads.last.say({ kind: 'synced', reason: 'equal', waiting: [] });
  await world.clock.advance(2000);
  expect(vips(world)).toEqual(['203.0.113.10/32']);
});

test('nor is it waited for without end', async () => {
  const world = await begun();
  await world.clock.advance(25_000);
  expect(world.director.state).toBe('active');
  expect(world.story()).toContain('sync-complete');
});

test('without keys there is no thread, and nothing waits', async () => {
  const world = await begun(ALONE);
  expect(world.syncThreads.all).toEqual([]);
  expect(world.director.state).toBe('active');
  await world.director.drain();
  await settle();
  expect(world.story()).not.toContain('drain-step flushed');
});

test('the port blocks of a director that is gone move', async () => {
  const world = await active();
  const blocks = () => world.director.fill.fills()?.map(({ address }) => address);
  expect(blocks()).toEqual([ipv4('10.3.0.1')]);
  world.syncThreads.last.say({ kind: 'members', view: viewOf(['d1'], ['d2', 'd3']) });
  await world.clock.advance(1000);
  expect(blocks()).toEqual(['10.3.0.1', '10.3.0.2', '10.3.0.3'].map(ipv4));
  world.syncThreads.last.say({ kind: 'members', view: viewOf(['d1', 'd2', 'd3']) });
  await world.clock.advance(1000);
  expect(blocks()).toEqual([ipv4('10.3.0.1')]);
});

test.each([
  ['its own address', '10.3.0.2'],
  ['a VIP', '203.0.113.10'],
])('the port blocks of one that the mesh has lost stay while routers lead to it by %s', async (_, address) => {
  const world = await active();
  const blocks = () => world.director.fill.fills()?.map((one) => one.address);
  world.speaker.others.set(ipv4(address), [ipv4('10.255.0.2')]);
  world.syncThreads.last.say({ kind: 'members', view: viewOf(['d1'], ['d2', 'd3']) });
  await world.clock.advance(1000);
  // Those of d3 fall to d2, which holds its own still.
  expect(blocks()).toEqual([ipv4('10.3.0.1')]);
  world.speaker.others.clear();
  world.syncThreads.last.say({ kind: 'members', view: viewOf(['d1'], ['d2', 'd3']) });
  await world.clock.advance(1000);
  expect(blocks()).toEqual(['10.3.0.1', '10.3.0.2', '10.3.0.3'].map(ipv4));
});

test('a drain has the peers confirm first, and only then raises the metric', async () => {
  const world = await active();
  const metrics = () => world.speaker.announced().filter(({ prefix }) => prefix.address === ipv4('203.0.113.10'));
  await world.director.drain();
  await world.clock.advance(500);
  expect(world.syncThreads.last.kinds().at(-1)).toBe('flush');
  expect(metrics().map(({ metric }) => metric)).toEqual([10]);
  world.syncThreads.last.say({ kind: 'flushed', silent: [] });
  await world.clock.advance(500);
  expect(metrics().map(({ metric }) => metric)).toEqual([60_010]);
  expect(world.story()).toContain('drain-step flushed');
});

test('a stop says goodbye when all is withdrawn, a restart that it is back soon', async () => {
  const world = await active();
  const stopped = world.director.stop();
  await world.clock.advance(500);
  world.syncThreads.last.say({ kind: 'flushed', silent: [] });
  await world.clock.advance(60_000);
  await stopped;
  expect(world.syncThreads.last.orders.at(-1)).toEqual({ kind: 'end', goodbye: 'drained' });

  const restarted = await active();
  expect(await restarted.director.handOver('restart')).toBeUndefined();
  await restarted.clock.advance(2000);
  expect(restarted.syncThreads.last.orders.at(-1)).toEqual({ kind: 'end', goodbye: 'restart', back: 120_000 });
});

test('a reload takes peers away, and their thread', async () => {
  const world = await active();
  await world.director.apply(await parsed(ALONE));
  await world.clock.advance(2000);
  expect(world.syncThreads.last.stopped).toBe(true);
  expect(world.director.state).toBe('active');
});

test('what is shown of it', async () => {
  const world = await active();
  expect(syncDocument(world.director)).toMatchObject({ state: 'syncing', members: null, peers: [] });
  const { last } = world.syncThreads;
  last.say({ kind: 'members', view: viewOf(['d1', 'd2'], ['d3']) });
  const peer = {
    ...{ name: 'd2', state: 'behind', since: 0, lag: undefined, recordsOut: 0, recordsIn: 0, bytesOut: 0, bytesIn: 0 },
    ...{ unacknowledged: 0, digestsMatch: undefined, unprotected: 3, lastError: undefined },
    fileHash: '00'.repeat(8),
  };
  const connections = { total: 5, own: 3, bytes: 1000 };
  const status = { synced: true, connections, peers: [peer], counters: { 'frames.batch': 7 } };
  last.say({ kind: 'status', status, answersMisses: false });
  expect(syncDocument(world.director)).toMatchObject({
    ...{ state: 'synced', fault: null, connections, counters: { 'frames.batch': 7 } },
    members: { living: [{ name: 'd1' }, { name: 'd2' }], dead: [{ name: 'd3', age: world.director.now() }] },
    peers: [
      {
        name: 'd2',
        state: 'behind',
        age: world.director.now(),
        lag: null,
        sameFile: false,
        digestsMatch: null,
        unprotected: 3,
      },
    ],
  });
  expect(syncSummary(world.director)).toEqual({
    ...{
      state: 'synced',
      fault: null,
      living: ['d1', 'd2'],
      dead: ['d3'],
      troubles: ['d2 is behind', 'd2 has another cluster file'],
    },
  });
  expect(await counterDocuments(world.director)).toContainEqual({ instance: 'sync', counters: { 'frames.batch': 7 } });
  await world.clock.advance(4000);
  expect(syncSummary(world.director)).toMatchObject({ state: 'down', fault: 'the sync thread does not answer' });
  last.die('out of memory');
  expect(syncDocument(world.director)).toMatchObject({ state: 'down', fault: 'out of memory' });
  expect(syncSummary((await begun(ALONE)).director)).toBeNull();
});

test('unknown packets are asked for as long as somebody can find out whose they are', async () => {
  const world = await active();
  const { last } = world.syncThreads;
  const status = { synced: true, connections: { total: 0, own: 0, bytes: 0 }, peers: [], counters: {} };
  const times = async (seconds: number) => {
    const before = world.kernel.missesTakenFor.length;
    for (let second = 0; second < seconds; second++) await world.clock.advance(1000);
    return world.kernel.missesTakenFor.slice(before);
  };
  expect(await times(3)).toEqual([]);
  last.say({ kind: 'status', status, answersMisses: true });
  expect(await times(2)).toEqual([3000, 3000]);
  // Nothing is heard of the thread any more.
  expect((await times(5)).length).toBeLessThanOrEqual(1);
  expect(world.story()).not.toContain('dataplane-drift');
});

test('services that are not synced although there are keys are named, with what becomes of their connections', async () => {
  const others = [
    '  mail: { vip: 203.0.113.11, ports: 25, servers: { s1: 10.2.0.21 }, scheduler: rr }',
    '  call: { vip: 203.0.113.12, ports: 80, servers: { s1: 10.2.0.21 }, persistence: 60s }',
    '  game: { vip: 203.0.113.13, ports: 80, servers: { s1: 10.2.0.21 } }',
    '  dns: { vip: 203.0.113.14, ports: 53, protocol: udp, servers: { s1: 10.2.0.21 } }',
    '  cdn: { vip: 203.0.113.15, ports: 80, servers: { s1: 10.2.0.21 }, forward: dr, via: up0 }',
    '',
  ];
  const { cluster } = await parsed(file({ others: others.join('\n') }));
  const kept = 'IPVS keeps its connections, which are not copied';
  const direct = {
    service: 'cdn',
    reason:
      'answers pass the directors, no connection is translated; one that moves finds its server again by the hash, unless the pool has changed',
  };
  expect(unsyncedServices(cluster, 'nftables')).toEqual([direct]);
  expect(unsyncedServices(cluster, 'ipvs')).toEqual([
    { service: 'mail', reason: `${kept}; with rr one that moves to another director ends` },
    {
      service: 'call',
      reason: `${kept}; one that moves finds its server by the hash, not the one that its client is remembered for`,
    },
    {
      service: 'game',
      reason: `${kept}; one that moves finds its server again by the hash, unless the pool has changed`,
    },
    direct,
  ]);
  expect(unsyncedServices({ ...cluster, keys: undefined }, 'ipvs')).toEqual([]);
});

test('what is left out is told once', async () => {
  const world = await begun(
    file({ others: '  cdn: { vip: 203.0.113.15, ports: 80, servers: { s1: 10.2.0.21 }, forward: dr, via: up0 }\n' }),
  );
  await world.clock.advance(20_000);
  const told = () => world.events.since(0).filter(({ event }) => event === 'sync-left-out');
  expect(told().map(({ values }) => values)).toEqual([{ services: [expect.stringMatching(/^cdn: answers pass/)] }]);
  expect(syncSummary(world.director)?.troubles).toContain('without cdn (sluice sync says why)');
  expect(syncDocument(world.director).leftOut).toHaveLength(1);
});

test('an agent that starts anew where another has served greets its peers before it knows its servers', async () => {
  const first = await active();
  await first.director.handOver('restart');
  await first.clock.advance(2000);
  const second = new World(await parsed(file()), first);
  await second.start();
  await second.clock.advance(100);
  expect(second.syncThreads.last.settings.services[0]).toMatchObject({ name: 'web', serverIds: [] });
  await second.clock.advance(5000);
  expect(second.syncThreads.last.settings.services[0]!.serverIds).toHaveLength(2);
});
