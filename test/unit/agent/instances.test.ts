/** Two routing instances in one agent: who announces what, whose routes are in the kernel, and the order of a drain. */
import { expect, test } from 'vitest';
import { formatPrefix, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { NeighborView, OspfRoute } from '../../../src/core/ospf/events.ts';
import type { FakeSpeaker } from '../../../src/drivers/routing/fake.ts';
import { settle } from './fake-clock.ts';
import { parsed, World } from './world.ts';

const VIP = '203.0.113.10';
const LOCAL = '10.3.0.1';

interface Choices {
  readonly inside?: string;
  readonly order?: readonly ('outside' | 'inside')[];
  readonly lsa?: string;
}

function text({ inside = '[local]', order = ['outside', 'inside'], lsa = 'stub' }: Choices = {}): string {
  const instances = {
    outside: `    outside: { area: 0.0.0.0, announce: [vip], interfaces: { up0: {} } }`,
    inside: `    inside: { area: { id: 1, type: stub }, announce: ${inside}, interfaces: { in0: {} } }`,
  };
  return `cluster: test
directors:
  d1: { routerId: 10.255.0.1, interfaces: { up0: eth1, in0: eth2 }, local: ${LOCAL} }
lifecycle: { holdUp: 1s, drain: 30s }
routing:
  instances:
${order.map((name) => instances[name]).join('\n')}
dataplane: nftables
services:
  web: { vip: [${VIP}], ports: [80], servers: { s1: 10.3.0.21 }, health: { interval: 1s, rise: 2, fall: 2 }, announce: { lsa: ${lsa} } }
`;
}

function learned(prefix: string, length: number, name: string, gateway: string): OspfRoute {
  const nextHops = [{ interface: name, gateway: ipv4(gateway) }];
  return { prefix: { address: ipv4(prefix), length }, pathType: 'intraArea', cost: 10, nextHops };
}

const OUTSIDE_DEFAULT = learned('0.0.0.0', 0, 'eth1', '10.1.1.1');
const INSIDE_DEFAULT = learned('0.0.0.0', 0, 'eth2', '10.2.1.1');
const INSIDE_NET = learned('10.9.0.0', 16, 'eth2', '10.2.1.1');

/** Learned routes in the kernel, e.g. `10.9.0.0/16 eth2`. */
function kernelRoutes(world: World): string[] {
  const ours = [...world.routeKernel.ours.values()];
  return ours
    .flatMap((route) => {
      return route.kind === 'unicast' ? [`${formatPrefix(route.prefix)} ${route.nextHops[0]?.interface}`] : [];
    })
    .sort();
}

function speaker(world: World, name: string): FakeSpeaker {
  return world.speakers.findLast(({ instance }) => instance === name)!;
}

function announced(world: World, name: string): string[] {
  return speaker(world, name)
    .announced()
    .map(({ prefix, metric }) => `${formatPrefix(prefix)} ${metric}`);
}

async function started(choices: Choices = {}, earlier?: World): Promise<World> {
  const world = new World(await parsed(text(choices)), earlier);
  world.routeKernel.interfaces.add('eth2');
  await world.start();
  return world;
}

async function serving(choices?: Choices): Promise<World> {
  const world = await started(choices);
  await world.clock.advance(5000);
  return world;
}

function neighbor(state: NeighborView['state']): NeighborView {
  const router = { interface: 'eth1', routerId: 1, address: 1, priority: 1, designatedRouter: 0 };
  return { ...router, backupDesignatedRouter: 0, state, deadIn: 1000, retransmissions: 0, requests: 0 } as NeighborView;
}

test('each instance announces its own classes, and both kinds of address have a local route', async () => {
  const world = await serving();
  expect(announced(world, 'outside')).toEqual([`${VIP}/32 10`]);
  expect(announced(world, 'inside')).toEqual([`${LOCAL}/32 10`]);
  expect(world.localRoutes().sort()).toEqual([LOCAL, VIP]);
});

test('an instance that announces both is told both at once: a second change would wait for the first', async () => {
  const world = await started({ inside: '[vip, local]' });
  const told: number[] = [];
  speaker(world, 'inside').onEvent((event) => {
    if (event.kind === 'announced') told.push(event.prefixes.length);
  });
  await world.clock.advance(5000);
  expect(told).toEqual([2]);
});

test('own addresses are announced from the start of serving on, healthy VIPs or not', async () => {
  const world = new World(await parsed(text()));
  world.down.add('10.3.0.21');
  await world.start();
  await world.clock.advance(5000);
  expect(announced(world, 'outside')).toEqual([]);
  expect(announced(world, 'inside')).toEqual([`${LOCAL}/32 10`]);
});

test('a drain withdraws the own addresses after the last VIP; undrain brings both back', async () => {
  const world = await serving();
  const order: string[] = [];
  for (const name of ['outside', 'inside']) {
    speaker(world, name).onEvent((event) => {
      if (event.kind === 'announced') order.push(`${name} ${event.prefixes.map(({ metric }) => metric).join() || '-'}`);
    });
  }
  speaker(world, 'outside').others.set(ipv4(VIP), [ipv4('10.255.0.2')]);
  speaker(world, 'outside').hold = true;
  await world.director.drain();
  await world.clock.advance(10_000);
  // The neighbors have not heard of the withdrawal yet.
  expect(announced(world, 'inside')).toEqual([`${LOCAL}/32 10`]);
  speaker(world, 'outside').hold = false;
  speaker(world, 'outside').release();
  await world.clock.advance(31_000);
  expect(world.director.state).toBe('drained');
  expect(order).toEqual(['outside 60010', 'outside -', 'inside -']);
  expect(world.localRoutes()).toContain(LOCAL);
  world.director.undrain();
  await world.clock.advance(5000);
  expect([announced(world, 'outside'), announced(world, 'inside')]).toEqual([[`${VIP}/32 10`], [`${LOCAL}/32 10`]]);
});

test('SIGTERM leaves nothing of either in the kernel', async () => {
  const world = await serving();
  speaker(world, 'outside').others.set(ipv4(VIP), [ipv4('10.255.0.2')]);
  await world.director.stop();
  await world.clock.advance(60_000);
  await world.director.stopped;
  expect(world.localRoutes()).toEqual([]);
});

test('we are the last of a VIP where any instance that is heard has nobody else for it', async () => {
  const world = await serving({ inside: '[vip, local]' });
  const [outside, inside] = [speaker(world, 'outside'), speaker(world, 'inside')];
  outside.others.set(ipv4(VIP), [ipv4('10.255.0.2')]);
  outside.neighborRows = [neighbor('full')];
  inside.neighborRows = [neighbor('full')];
  await world.director.drain();
  await world.clock.advance(20_000);
  expect(world.director.state).toBe('draining');
  expect(world.director.lifecycle.waitingFor()).toContain(`${VIP}: no other director announces it`);
  // Nobody hears us inside any more, so nobody is kept waiting there.
  inside.neighborRows = [neighbor('init')];
  inside.learn([INSIDE_NET]);
  await world.clock.advance(20_000);
  expect(world.director.state).toBe('drained');
});

test('a VIP in another form is announced anew, without a withdrawal', async () => {
  const world = await serving();
  const before = world.seq;
  await world.director.apply(await parsed(text({ lsa: 'external' })));
  await world.clock.advance(3000);
  expect(speaker(world, 'outside').announced()).toMatchObject([
    { metric: 10, lsa: { kind: 'external', metricType: 1 } },
  ]);
  expect(world.story(before)).toEqual([`vip-announcing ${VIP} 10`]);
});

test('what both have learned goes to the first in the file, and each keeps the rest', async () => {
  const world = await serving();
  speaker(world, 'inside').learn([INSIDE_DEFAULT, INSIDE_NET]);
  await settle();
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth2', '10.9.0.0/16 eth2']);
  speaker(world, 'outside').learn([OUTSIDE_DEFAULT]);
  await settle();
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth1', '10.9.0.0/16 eth2']);
  speaker(world, 'outside').learn([]);
  await settle();
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth2', '10.9.0.0/16 eth2']);
});

test('an instance that starts over keeps its rank', async () => {
  const world = await serving();
  await world.director.apply(await parsed(text().replace('area: 0.0.0.0', 'area: 0.0.0.7')));
  speaker(world, 'outside').learn([OUTSIDE_DEFAULT]);
  speaker(world, 'inside').learn([INSIDE_DEFAULT]);
  await settle();
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth1']);
  await world.director.apply(
    await parsed(text({ order: ['inside', 'outside'] }).replace('area: 0.0.0.0', 'area: 0.0.0.7')),
  );
  await settle();
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth2']);
});

test('what an earlier agent left stays, instance by instance, until that instance has learned its own', async () => {
  const earlier = await serving();
  speaker(earlier, 'outside').learn([OUTSIDE_DEFAULT, learned('10.8.0.0', 16, 'eth1', '10.1.1.1')]);
  speaker(earlier, 'inside').learn([INSIDE_NET]);
  await settle();
  await earlier.director.stopAtOnce();
  const world = await started({}, earlier);
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth1', '10.8.0.0/16 eth1', '10.9.0.0/16 eth2']);
  speaker(world, 'outside').learn([OUTSIDE_DEFAULT]);
  await settle();
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth1', '10.9.0.0/16 eth2']);
  await world.clock.advance(31_000);
  expect(kernelRoutes(world)).toEqual(['0.0.0.0/0 eth1']);
});
