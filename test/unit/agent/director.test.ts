import { describe, expect, test } from 'vitest';
import { formatIpv4, formatPrefix, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { OspfRoute } from '../../../src/core/ospf/events.ts';
import { settle } from './fake-clock.ts';
import { clusterText, parsed, World } from './world.ts';

const VIP = '203.0.113.10';
const OTHER = '203.0.113.11';

function learned(address: string, length: number): OspfRoute {
  const nextHops = [{ interface: 'eth1', gateway: ipv4('10.1.1.1') }];
  return { prefix: { address: ipv4(address), length }, pathType: 'intraArea', cost: 10, nextHops };
}

const defaultRoute = learned('0.0.0.0', 0);

/** Learned routes in the kernel. */
function unicastRoutes(world: World): string[] {
  const ours = [...world.routeKernel.ours.values()].filter(({ kind }) => kind === 'unicast');
  return ours.map(({ prefix }) => formatPrefix(prefix)).sort();
}

async function serving(text = clusterText({ web: {} })): Promise<World> {
  const world = new World(await parsed(text));
  await world.start();
  await world.clock.advance(5000);
  return world;
}

function announced(world: World): string[] {
  return world.speaker.announced().map(({ prefix, metric }) => `${formatPrefix(prefix)} ${metric}`);
}

test('a start: programmed and read back before announced', async () => {
  const world = await serving();
  expect(world.story()).toEqual([
    'state-changed syncing',
    'state-changed ready',
    'dataplane-guarded',
    `dataplane-programmed ${VIP}`,
    'state-changed active',
    `vip-announcing ${VIP} 10`,
    `vip-announced ${VIP} 10`,
  ]);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
  expect(world.localRoutes()).toEqual([VIP]);
});

test('the neighbors hear Hello before the data plane is asked anything', async () => {
  const world = new World(await parsed(clusterText({ web: {} })));
  await world.director.greet();
  expect(world.speakers).toHaveLength(1);
  expect(world.kernel.tables.size).toBe(0);
});

test('nothing is announced while the data plane refuses; it is tried again until it succeeds', async () => {
  const world = new World(await parsed(clusterText({ web: {} })));
  world.kernel.refuseNext = 'EBUSY';
  await world.start();
  await world.clock.advance(2600);
  expect(world.story().slice(2)).toEqual([
    'dataplane-fault nft-apply: EBUSY',
    'dataplane-guarded',
    `dataplane-programmed ${VIP}`,
    'state-changed active',
    `vip-announcing ${VIP} 10`,
    `vip-announced ${VIP} 10`,
  ]);
});

/** Every local route that comes into the kernel, with what of its VIP the guard and the services hold at that moment. */
function watchLocalRoutes(world: World): string[] {
  const seen: string[] = [];
  const { ours } = world.routeKernel;
  const holds = (table: string, set: string, vip: string) =>
    [...(world.kernel.tables.get(table)?.sets.get(set)?.elements.keys() ?? [])].some((key) => key.startsWith(vip));
  const set = ours.set.bind(ours);
  ours.set = (key, route) => {
    const vip = formatIpv4(route.prefix.address);
    const guard = holds('sluice_guard_v1', 'vips', vip) ? 'guarded' : 'open';
    const services = holds('sluice_v1', 'services', vip) ? 'programmed' : 'empty';
    if (route.kind === 'local') seen.push(`${vip} ${guard} ${services}`);
    return set(key, route);
  };
  return seen;
}

test('nothing leads packets here before the guard is there: neither at a start nor after a reload', async () => {
  const world = new World(await parsed(clusterText({ web: {} })));
  world.kernel.refuseNext = 'EBUSY';
  const seen = watchLocalRoutes(world);
  await world.start();
  expect(seen).toEqual([]);
  await world.clock.advance(2600);
  expect(seen).toEqual([`${VIP} guarded empty`]);
  await reload(world, clusterText({ web: {}, api: { vip: OTHER } }));
  expect(seen.slice(1)).toEqual([`${OTHER} guarded programmed`]);
});

test('when its servers fail a VIP is withdrawn, stays programmed, and comes back after the hold-up', async () => {
  const world = await serving();
  const before = world.seq;
  world.down.add('10.3.0.21').add('10.3.0.22');
  await world.clock.advance(5000);
  expect(world.story(before).filter((one) => one.startsWith('vip-'))).toEqual([
    `vip-withdrawing ${VIP}`,
    `vip-withdrawn ${VIP}`,
  ]);
  expect(world.localRoutes()).toEqual([VIP]);
  world.down.clear();
  await world.clock.advance(9000);
  expect(announced(world)).toEqual([]);
  await world.clock.advance(5000);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
});

test('one server of two fails: its slots fall back, nothing is announced anew', async () => {
  const world = await serving();
  const before = world.seq;
  world.down.add('10.3.0.21');
  await world.clock.advance(5000);
  expect(world.story(before)).toEqual([`dataplane-programmed ${VIP}`]);
});

test('a stop: metric, withdrawal, and only when that is out, nothing of ours in the kernel', async () => {
  const world = await serving();
  world.speaker.others.set(ipv4(VIP), [ipv4('10.255.0.2')]);
  const before = world.seq;
  await world.director.stop();
  await world.clock.advance(10_000);
  await world.director.stopped;
  expect(world.story(before)).toEqual([
    'state-changed draining',
    `vip-metric ${VIP} 60010`,
    `vip-announced ${VIP} 60010`,
    'drain-step metric-raised',
    'drain-step traffic-gone',
    'drain-step withdrawing',
    `vip-withdrawing ${VIP}`,
    `vip-withdrawn ${VIP}`,
    'state-changed drained',
    `vip-unprogrammed ${VIP}`,
    'agent-stopped our tables and routes are gone',
  ]);
  expect(world.kernel.tables.size).toBe(0);
  expect(world.localRoutes()).toEqual([]);
});

test('while a withdrawal has not gone out, a stop leaves the data plane alone', async () => {
  const world = await serving();
  world.speaker.others.set(ipv4(VIP), [ipv4('10.255.0.2')]);
  await world.director.stop();
  await world.clock.advance(200);
  world.speaker.hold = true;
  await world.clock.advance(4000);
  expect(world.story().at(-1)).toBe(`vip-withdrawing ${VIP}`);
  expect(world.localRoutes()).toEqual([VIP]);
  expect(world.kernel.tables.size).toBeGreaterThan(0);
});

test('while the routers act on a withdrawal, packets still on their way find tables and routes', async () => {
  const world = await serving();
  world.speaker.others.set(ipv4(VIP), [ipv4('10.255.0.2')]);
  world.speaker.learn([defaultRoute]);
  await world.director.stop();
  const end = 10_000;
  for (let passed = 0; passed < end && world.story().at(-1) !== 'state-changed drained'; passed += 50) {
    await world.clock.advance(50);
  }
  await world.clock.advance(900);
  expect(unicastRoutes(world)).toEqual(['0.0.0.0/0']);
  expect(world.kernel.tables.size).toBeGreaterThan(0);
  await world.clock.advance(200);
  await world.director.stopped;
  expect(unicastRoutes(world)).toEqual([]);
});

test('the last director of a VIP keeps serving through a drain, and a stop waits for the deadline', async () => {
  const world = await serving();
  await world.director.drain();
  await world.clock.advance(120_000);
  expect(announced(world)).toEqual([`${VIP}/32 60010`]);
  await world.director.stop();
  await world.clock.advance(29_000);
  expect(announced(world)).toEqual([`${VIP}/32 60010`]);
  await world.clock.advance(5000);
  await world.director.stopped;
  expect(announced(world)).toEqual([]);
});

test('undrain takes the metric back', async () => {
  const world = await serving();
  await world.director.drain();
  await world.clock.advance(500);
  expect(announced(world)).toEqual([`${VIP}/32 60010`]);
  world.director.undrain();
  await world.clock.advance(500);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
});

test('a stop at once says goodbye and leaves the kernel forwarding', async () => {
  const world = await serving();
  await world.director.stopAtOnce();
  await world.director.stopped;
  expect(world.story().at(-1)).toBe('agent-stopped left as it is');
  expect(announced(world)).toEqual([]);
  expect(world.localRoutes()).toEqual([VIP]);
  expect(world.kernel.tables.size).toBeGreaterThan(0);
});

test('what an earlier agent left is not touched before the servers are known, and then found in order', async () => {
  const earlier = await serving();
  const world = new World(await parsed(clusterText({ web: {} })), earlier);
  const writes: string[] = [];
  const write = world.kernel.write.bind(world.kernel);
  world.kernel.write = (operations) => {
    writes.push(...operations.map(({ kind }) => kind));
    return write(operations);
  };
  await world.start();
  await world.clock.advance(5000);
  expect(writes).toEqual([]);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
});

test('with the verdicts of an agent that was killed a moment ago it serves at once', async () => {
  const text = clusterText({ web: {} });
  const world = new World(await parsed(text), await serving(text), () => 'up');
  await world.start();
  await world.clock.advance(0);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
  await world.clock.advance(10_000);
  expect(world.story().filter((one) => one.startsWith('vip-'))).toEqual([
    `vip-announcing ${VIP} 10`,
    `vip-announced ${VIP} 10`,
  ]);
});

test('verdicts of an earlier agent do not outlive the time in which ours are due', async () => {
  const world = new World(await parsed(clusterText({ web: {} })), undefined, () => 'up');
  world.down.add('10.3.0.21').add('10.3.0.22');
  await world.start();
  await world.clock.advance(0);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
  // rise x interval + timeout.
  await world.clock.advance(2500);
  expect(announced(world)).toEqual([]);
});

test('what the next life should know: who is Full and what our checks have found; nothing after a stop', async () => {
  const world = await serving();
  world.down.add('10.3.0.22');
  await world.clock.advance(5000);
  const announcedBefore = [{ instance: 'outside', prefix: { address: ipv4(VIP), length: 32 } }];
  expect(world.kept).toEqual({
    full: [],
    announced: announcedBefore,
    verdicts: { '10.3.0.21:80 tcp': 'up', '10.3.0.22:80 tcp': 'down' },
  });
  await world.director.stopAtOnce();
  expect(world.kept).toBeUndefined();
});

describe('an end with a restart to come', () => {
  test('leaves the kernel and what is announced as they are', async () => {
    const world = await serving();
    world.speaker.learn([defaultRoute]);
    await settle();
    const [tables, routes] = [world.kernel.tables.size, world.routeKernel.ours.size];
    expect(await world.director.handOver('upgrade')).toBeUndefined();
    await world.director.stopped;
    expect(world.speaker.handedOver).toEqual({ period: 120_000, reason: 'upgrade', sequence: 7 });
    expect(world.speaker.announced()).toHaveLength(1);
    expect([world.kernel.tables.size, world.routeKernel.ours.size]).toEqual([tables, routes]);
    expect(world.kept?.announced).toHaveLength(1);
    expect(world.grace).toBe(120_000);
    expect(world.story().slice(-1)).toEqual(['agent-stopped left as it is']);
  });

  test('is refused when the next agent could not know, and the director serves on', async () => {
    const world = await serving();
    world.diskRefusal = new Error('state-write: ENOSPC');
    expect(await world.director.handOver('restart')).toContain('ENOSPC');
    expect(world.speaker.handedOver).toBeUndefined();
    world.down.add('10.3.0.21').add('10.3.0.22');
    await world.clock.advance(5000);
    expect(announced(world)).toEqual([]);
  });

  test('is refused by a director that drains', async () => {
    const world = await serving();
    await world.director.drain();
    expect(await world.director.handOver('restart')).toBe('the director is draining, not active');
  });
});

test('what an earlier agent learned stays while its adjacencies are taken up, for longer than half a minute', async () => {
  const earlier = await serving();
  earlier.speaker.learn([defaultRoute, learned('10.9.0.0', 24)]);
  await settle();
  const world = new World(await parsed(clusterText({ web: {} })), earlier);
  await world.director.greet();
  world.speaker.continued = { planned: true, left: 60_000, waitingFor: [] };
  await world.director.open();
  await world.clock.advance(40_000);
  expect(unicastRoutes(world)).toEqual(['0.0.0.0/0', '10.9.0.0/24']);
  expect(world.kept).toBeUndefined();
  world.speaker.continued = undefined;
  world.speaker.emit({ kind: 'restart', step: 'ended', detail: 'all adjacencies are full again' });
  world.speaker.learn([defaultRoute]);
  await settle();
  expect(unicastRoutes(world)).toEqual(['0.0.0.0/0']);
  expect(world.kept).toBeDefined();
});

test('routes that an earlier agent learned stay until we have learned our own', async () => {
  const earlier = await serving();
  earlier.speaker.learn([defaultRoute, learned('10.9.0.0', 24)]);
  await settle();
  const world = new World(await parsed(clusterText({ web: {} })), earlier);
  await world.start();
  await world.clock.advance(5000);
  expect(unicastRoutes(world)).toEqual(['0.0.0.0/0', '10.9.0.0/24']);
  world.speaker.learn([defaultRoute]);
  await settle();
  expect(unicastRoutes(world)).toEqual(['0.0.0.0/0']);
});

test('routes that an earlier agent learned do not outlive a network that is gone', async () => {
  const earlier = await serving();
  earlier.speaker.learn([defaultRoute]);
  await settle();
  const world = new World(await parsed(clusterText({ web: {} })), earlier);
  await world.start();
  await world.clock.advance(31_000);
  expect(unicastRoutes(world)).toEqual([]);
});

test('somebody else’s change to our tables is repaired and told', async () => {
  const world = await serving();
  const before = world.seq;
  world.kernel.tables.clear();
  await world.clock.advance(5000);
  expect(world.story(before)[0]).toBe('dataplane-drift');
  expect(world.kernel.tables.size).toBeGreaterThan(0);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
});

test('what the kernel tells of somebody else’s change is looked at at once, though no oftener than once a second', async () => {
  const world = await serving();
  const flush = async () => {
    world.kernel.tables.clear();
    for (const watcher of world.kernel.watchers) watcher();
    await settle();
  };
  const isThere = async () => (await world.kernel.read()).tables.has('sluice_guard_v1');
  await flush();
  expect(await isThere()).toBe(true);
  await flush();
  expect(await isThere()).toBe(false);
  await world.clock.advance(1000);
  expect(await isThere()).toBe(true);
});

async function reload(world: World, text: string, wait = 10_000): Promise<string[]> {
  const before = world.seq;
  await world.director.apply(await parsed(text));
  await world.clock.advance(wait);
  return world.story(before);
}

test('a reload that changes nothing does nothing', async () => {
  const world = await serving();
  expect(await reload(world, clusterText({ web: {} }))).toEqual([]);
  expect(world.speakers).toHaveLength(1);
});

test('a service with a VIP of its own is added: programmed, then announced; the others are not touched', async () => {
  const world = await serving();
  expect(await reload(world, clusterText({ web: {}, api: { vip: OTHER } }))).toEqual([
    `dataplane-programmed ${VIP} ${OTHER}`,
    `vip-announcing ${OTHER} 10`,
    `vip-announced ${OTHER} 10`,
  ]);
});

test('a service is removed: withdrawn first, unprogrammed when that is out', async () => {
  const world = await serving(clusterText({ web: {}, api: { vip: OTHER } }));
  const story = await reload(world, clusterText({ web: {} }));
  expect(story.filter((one) => one.endsWith(OTHER))).toEqual([
    `vip-withdrawing ${OTHER}`,
    `vip-withdrawn ${OTHER}`,
    `vip-unprogrammed ${OTHER}`,
  ]);
  expect(world.localRoutes()).toEqual([VIP]);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
});

test('the local route of a VIP goes only after the data plane has forgotten the VIP', async () => {
  const world = await serving(clusterText({ web: {}, api: { vip: OTHER } }));
  const before = world.seq;
  await reload(world, clusterText({ web: {} }));
  const told = world.events.since(before).map(({ event, values }) => `${event} ${values['operations']}`);
  const unprogrammed = told.findIndex((one) => one.startsWith('vip-unprogrammed'));
  const removed = told.findIndex(
    (one) => one.startsWith('routes-installed') && one.includes(`remove local ${OTHER}/32`),
  );
  expect(unprogrammed).toBeGreaterThan(-1);
  expect(removed).toBeGreaterThan(unprogrammed);
});

test('a service that is taken back before it was ever programmed leaves nothing behind', async () => {
  const world = new World(await parsed(clusterText({ web: {}, api: { vip: OTHER } })));
  await world.start();
  await world.director.apply(await parsed(clusterText({ web: {} })));
  await world.clock.advance(10_000);
  expect(world.story().filter((one) => one.includes(OTHER))).toEqual([]);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
});

test.each([
  ['another port', { web: { ports: '80, 443' } }],
  ['all servers replaced', { web: { servers: 's5: 10.3.0.25, s6: 10.3.0.26' } }],
  ['another service on the same VIP', { web: {}, tls: { ports: '443' } }],
  ['the service renamed', { site: {} }],
])('no VIP flaps when a reload brings %s', async (_, services) => {
  const world = await serving();
  const story = await reload(world, clusterText(services));
  expect(story.filter((one) => one.startsWith('vip-'))).toEqual([]);
  expect(story).not.toEqual([]);
  expect(announced(world)).toEqual([`${VIP}/32 10`]);
});

test('routes: remote prefixes are installed, our own VIP as learned from the others is not', async () => {
  const world = await serving();
  world.speaker.learn([defaultRoute, learned('10.9.0.0', 24), learned(VIP, 32)]);
  await settle();
  expect(unicastRoutes(world)).toEqual(['0.0.0.0/0', '10.9.0.0/24']);
});
