/** The mesh of directors on the virtual network: starting, telling, moving, leaving, dying, healing. */

import { expect, test } from 'vitest';
import type { SyncSettings } from '../../src/core/model/sync.ts';
import { THOROUGH } from '../sizes.ts';
import { digestsOf, type Flow, type SimDirector, SyncNetwork } from './sync-network.ts';

function started(count: number, seed = 1, settings: Partial<SyncSettings> = {}): SyncNetwork {
  const network = new SyncNetwork(count, seed, settings);
  for (const director of network.directors) network.start(director);
  network.run(3000);
  return network;
}

function flows(count: number, from = 0): readonly Flow[] {
  return Array.from({ length: count }, (_, index) => ({ key: from + index, server: index % 7 }));
}

function ownerOf(director: SimDirector, flow: Flow): number | undefined {
  const { table } = director.mesh!;
  let owner: number | undefined;
  table.walk(0, 1e9, (slot) => {
    const view = new DataView(table.record(slot).slice().buffer);
    if (view.getUint32(0) === 0x0a000000 + flow.key) owner = view.getUint32(32);
  });
  return owner;
}

function held(director: SimDirector): number {
  return director.kernel.entries.size;
}

/** Long ones, which `npm run check` has no time for. */
const thoroughTest = THOROUGH ? test : () => {};

test('three that start at once are synced as soon as they know each other, and hold each other as living', () => {
  const network = new SyncNetwork(3);
  for (const director of network.directors) network.start(director);
  network.run(1000);
  for (const director of network.directors) {
    expect(director.logged('synced').map(({ effect }) => effect)).toEqual([
      { kind: 'synced', reason: 'equal', waiting: [] },
    ]);
    expect(
      director
        .logged('members')
        .at(-1)
        ?.effect.view.living.map(({ name }) => name)
        .sort(),
    ).toEqual(['d1', 'd2', 'd3']);
  }
});

test('a lone director is synced when the start is over', () => {
  const network = new SyncNetwork(3);
  network.start(network.directors[0]!);
  network.run(2000);
  expect(network.directors[0]!.logged('synced')).toMatchObject([{ at: 1500, effect: { reason: 'alone' } }]);
});

test('one that is dialed by others waits a little longer: nobody has told it that they are not there', () => {
  const network = new SyncNetwork(3);
  network.start(network.directors[2]!);
  network.run(4000);
  expect(network.directors[2]!.logged('synced')).toMatchObject([{ at: 3000, effect: { reason: 'alone' } }]);
});

test('what begins at one is at all others within the coalescing time, once', () => {
  const network = started(3);
  for (const flow of flows(100)) network.directors[0]!.kernel.open(flow);
  network.run(5);
  expect(network.directors.map(held)).toEqual([100, 100, 100]);
  expect(new Set(digestsOf(network)).size).toBe(1);
});

test('an end at the owner is an end everywhere', () => {
  const network = started(3);
  const [a, b, c] = network.directors as [SimDirector, SimDirector, SimDirector];
  for (const flow of flows(10)) a.kernel.open(flow);
  network.run(10);
  for (const flow of flows(4)) a.kernel.close(flow, network.now);
  network.run(10);
  expect([held(a), held(b), held(c)]).toEqual([6, 6, 6]);
  expect(b.mesh!.table.size).toBe(6);
});

test('ownership follows the client: the new owner tells all, the old one turns its entry into a replica', () => {
  const network = started(3);
  const [a, b, c] = network.directors as [SimDirector, SimDirector, SimDirector];
  const [flow] = flows(1) as [Flow];
  a.kernel.open(flow);
  network.run(10);
  b.kernel.packet(flow);
  network.run(10);
  expect([a, b, c].map((each) => ownerOf(each, flow))).toEqual([b.routerId, b.routerId, b.routerId]);
  expect(a.kernel.entries.get(0)?.mark).toBe('replica');
  a.kernel.packet(flow);
  network.run(10);
  expect([a, b, c].map((each) => ownerOf(each, flow))).toEqual([a.routerId, a.routerId, a.routerId]);
});

test('an end that another director than the owner sees is told to the owner, which ends it', () => {
  const network = started(3);
  const [a, b, c] = network.directors as [SimDirector, SimDirector, SimDirector];
  const [flow] = flows(1) as [Flow];
  a.kernel.open(flow);
  network.run(10);
  b.kernel.close(flow, network.now);
  network.run(5000);
  expect(held(a)).toBe(1);
  network.run(10_000);
  expect([held(a), held(b), held(c)]).toEqual([0, 0, 0]);
});

test('a director that joins gets all, from the owners, before it may announce', () => {
  const network = new SyncNetwork(4);
  const [a, b, c, d] = network.directors as [SimDirector, SimDirector, SimDirector, SimDirector];
  for (const director of [a, b, c]) network.start(director);
  network.run(3000);
  for (const flow of flows(1500)) a.kernel.open(flow);
  for (const flow of flows(1000, 10_000)) b.kernel.open(flow);
  network.run(100);
  network.start(d);
  let atSynced = -1;
  while (d.logged('synced').length === 0) {
    network.run(1);
    atSynced = d.mesh!.table.size;
  }
  expect(atSynced).toBe(2500);
  expect(d.logged('synced')[0]?.effect.reason).toBe('equal');
  network.run(10);
  expect(held(d)).toBe(2500);
  expect(new Set(digestsOf(network)).size).toBe(1);
});

test('two agents that start at once on kernels that hold connections wait for each other, and not in a circle', () => {
  const network = started(2);
  const [a, b] = network.directors as [SimDirector, SimDirector];
  for (const flow of flows(40)) [a, b][flow.key % 2]!.kernel.open(flow);
  network.run(100);
  for (const director of [a, b]) network.kill(director);
  for (const { kernel } of [a, b])
    for (const [key, { mark }] of kernel.entries) if (mark === 'replica') kernel.entries.delete(key);
  network.run(1000);
  for (const director of [a, b]) {
    director.dumpTakes = 700;
    network.start(director);
  }
  while (a.logged('synced').length === 0) network.run(0.1);
  expect(a.logged('synced')[0]?.effect.reason).toBe('equal');
  expect(a.mesh!.table.size).toBe(40);
});

test('a director that joins gets those of the dead as well, from one donor', () => {
  const network = new SyncNetwork(4);
  const [a, b, c, d] = network.directors as [SimDirector, SimDirector, SimDirector, SimDirector];
  for (const director of [a, b, c]) network.start(director);
  network.run(3000);
  for (const flow of flows(1000)) a.kernel.open(flow);
  network.run(100);
  network.crash(a);
  network.run(5000);
  const before = network.sent;
  network.start(d);
  network.run(5000);
  expect(held(d)).toBe(1000);
  expect(network.sent - before).toBeLessThan(2 * 1000 * 48);
});

test('joined empty, then the others die one after the other: nothing is lost', () => {
  const network = new SyncNetwork(4);
  const [a, b, c, d] = network.directors as [SimDirector, SimDirector, SimDirector, SimDirector];
  for (const director of [a, b, c]) network.start(director);
  network.run(3000);
  const all = flows(THOROUGH ? 500 : 100);
  for (const flow of all) [a, b, c][flow.key % 3]!.kernel.open(flow);
  network.run(1000);
  network.start(d);
  network.run(5000);
  for (const director of [a, b, c]) {
    network.crash(director);
    network.run(10_000);
  }
  expect(all.filter((flow) => d.kernel.packet(flow))).toHaveLength(all.length);
});

test('parted for a minute with both sides at work: what ended has ended, what moved has moved, nothing that lives is lost', () => {
  const network = started(4);
  const [a, b, c, d] = network.directors as [SimDirector, SimDirector, SimDirector, SimDirector];
  for (const flow of flows(200)) [a, b, c, d][flow.key % 4]!.kernel.open(flow);
  network.run(100);
  const deleted: Flow[] = [];
  for (const { kernel } of network.directors) kernel.onDelete = (flow) => deleted.push(flow);
  network.islands = [
    ['d1', 'd2'],
    ['d3', 'd4'],
  ];
  network.run(10_000);
  expect(
    a
      .logged('members')
      .at(-1)
      ?.effect.view.living.map(({ name }) => name),
  ).toEqual(['d1', 'd2']);
  // Half of the clients of d1 and d2 come to d3; some connections end, and some begin, on either side.
  for (const flow of flows(200)) if (flow.key % 4 < 2 && flow.key % 8 < 4) c.kernel.packet(flow);
  for (const flow of flows(200).filter(({ key }) => key % 20 === 7)) d.kernel.close(flow, network.now);
  for (const flow of flows(50, 1000)) b.kernel.open(flow);
  for (const flow of flows(50, 2000)) d.kernel.open(flow);
  network.run(50_000);
  network.islands = undefined;
  network.run(5000);
  expect(new Set(digestsOf(network)).size).toBe(1);
  expect(network.directors.map(held)).toEqual([290, 290, 290, 290]);
  expect(deleted.every(({ key }) => key % 20 === 7)).toBe(true);
  expect(a.logged('members').at(-1)?.effect.view.living).toHaveLength(4);
});

test('a record that was lost is found by the digests and sent again, it alone with its range', () => {
  const network = started(2);
  const [a, b] = network.directors as [SimDirector, SimDirector];
  for (const flow of flows(1000)) a.kernel.open(flow);
  network.run(100);
  const { table } = b.mesh!;
  b.kernel.entries.clear();
  table.remove(17);
  const before = b.mesh!.status(network.now).peers[0]!;
  expect(before.digestsMatch).toBe(true);
  network.run(15_000);
  expect(b.mesh!.status(network.now).peers[0]!.digestsMatch).toBe(false);
  network.run(10_000);
  expect(table.size).toBe(1000);
  network.run(10_000);
  const after = b.mesh!.status(network.now).peers[0]!;
  expect(after.digestsMatch).toBe(true);
  // The range that it lies in, and the alive frames of half a minute.
  expect(after.recordsIn * 35).toBeLessThan(30);
});

thoroughTest('a slow peer falls behind, alone, and is caught up when it has drained', () => {
  const network = started(3);
  const [a, b, c] = network.directors as [SimDirector, SimDirector, SimDirector];
  network.throttle.set('d3', 125);
  for (let round = 0; round < 100; round++) {
    for (const flow of flows(1000, 1000 * round)) a.kernel.open(flow);
    network.run(20);
    expect(held(b)).toBeGreaterThan(1000 * round);
  }
  expect(a.mesh!.status(network.now).peers.map(({ name, state }) => [name, state])).toEqual([
    ['d2', 'up'],
    ['d3', 'behind'],
  ]);
  const [toB, toC] = a.mesh!.status(network.now).peers;
  expect(toB!.lag!.p99).toBeLessThan(10);
  expect(toC!.unacknowledged).toBeLessThan(4.5e6);
  network.throttle.delete('d3');
  network.run(40_000);
  expect(held(c)).toBe(100_000);
  expect(new Set(digestsOf(network)).size).toBe(1);
});

test('lost events: the kernel is asked, what ended is told, what began is taken', () => {
  const network = started(2);
  const [a, b] = network.directors as [SimDirector, SimDirector];
  for (const flow of flows(100)) a.kernel.open(flow);
  network.run(100);
  a.deaf = true;
  for (const flow of flows(30)) a.kernel.close(flow, network.now);
  for (const flow of flows(50, 500)) a.kernel.open(flow);
  a.deaf = false;
  network.handle(a, { kind: 'kernelLost' });
  network.run(20);
  expect([held(a), held(b), b.mesh!.table.size]).toEqual([120, 120, 120]);
});

test('an agent that was killed finds its own connections in the kernel, under the epochs that the others know', () => {
  const network = started(2);
  const [a, b] = network.directors as [SimDirector, SimDirector];
  for (const flow of flows(20)) a.kernel.open(flow);
  network.run(10);
  for (const flow of flows(20)) b.kernel.packet(flow);
  network.run(10);
  for (const flow of flows(20)) a.kernel.packet(flow);
  network.run(10);
  network.kill(a);
  for (const flow of flows(5)) a.kernel.close(flow, network.now);
  network.run(500);
  network.start(a);
  network.run(2000);
  expect([held(a), held(b)]).toEqual([15, 15]);
  expect(a.mesh!.table.countOf(a.routerId)).toBe(15);
  expect(new Set(digestsOf(network)).size).toBe(1);
});

test('a machine that was rebooted takes back what the others have kept for it', () => {
  const network = started(3);
  const [a, b, c] = network.directors as [SimDirector, SimDirector, SimDirector];
  for (const flow of flows(300)) a.kernel.open(flow);
  network.run(100);
  network.crash(a);
  network.run(3000);
  network.start(a);
  network.run(5000);
  expect([held(a), held(b), held(c)]).toEqual([300, 300, 300]);
  expect(new Set(digestsOf(network)).size).toBe(1);
});

test('a director that is started again, as it has said, was never gone; one that does not come back is, and no later than that', () => {
  const network = started(3, 1, { grace: 20_000 });
  const [a, b] = network.directors as [SimDirector, SimDirector];
  const views = () => b.logged('members').length;
  const before = views();
  network.handle(a, { kind: 'stop', text: 'restart', back: 600_000 });
  network.run(1);
  network.kill(a);
  network.run(15_000);
  network.start(a);
  network.run(5000);
  expect(
    b
      .logged('members')
      .slice(before)
      .every(({ effect }) => effect.view.dead.length === 0),
  ).toBe(true);
  network.handle(a, { kind: 'stop', text: 'restart', back: 600_000 });
  network.run(1);
  network.kill(a);
  network.run(19_900);
  expect(b.logged('members').at(-1)?.effect.view.dead).toEqual([]);
  network.run(200);
  expect(b.logged('members').at(-1)?.effect.view.dead).toMatchObject([{ name: a.name }]);
});

test('what lives is told again before its copies time out, and a copy of which nobody tells goes', () => {
  const network = started(2);
  const [a, b] = network.directors as [SimDirector, SimDirector];
  for (const flow of flows(10)) a.kernel.open(flow);
  for (let minute = 0; minute < 10; minute++) {
    for (const flow of flows(10)) a.kernel.packet(flow);
    network.run(60_000);
  }
  expect(held(b)).toBe(10);
  network.kill(a);
  network.run(200_000);
  expect([held(b), b.mesh!.table.size]).toEqual([0, 0]);
});

test('who leaves is told when all have confirmed, and who does not answer is named', () => {
  const network = started(3);
  const [a] = network.directors as [SimDirector];
  for (const flow of flows(100)) a.kernel.open(flow);
  network.handle(a, { kind: 'leave' });
  network.run(5);
  expect(a.logged('flushed').map(({ effect }) => effect.silent)).toEqual([[]]);
  network.throttle.set('d3', 0.1);
  for (const flow of flows(100, 500)) a.kernel.open(flow);
  network.run(1);
  network.handle(a, { kind: 'leave' });
  network.run(6000);
  expect(a.logged('flushed').at(-1)?.effect.silent).toEqual(['d3']);
});

test('a goodbye counts at once', () => {
  const network = started(2);
  const [a, b] = network.directors as [SimDirector, SimDirector];
  network.handle(a, { kind: 'stop', text: 'drained' });
  network.run(1);
  expect(b.logged('members').at(-1)?.effect.view).toMatchObject({ living: [{ name: 'd2' }], dead: [{ name: 'd1' }] });
});

test('a director that was away itself does not take its peers for dead', () => {
  const network = started(2);
  const [a] = network.directors as [SimDirector];
  const { mesh } = a;
  const before = a.logged('members').length;
  mesh!.handle({ kind: 'timer' }, network.now + 5000);
  expect(a.logged('members')).toHaveLength(before);
  expect(mesh!.status(network.now).peers[0]!.state).toBe('up');
});

thoroughTest('when no peer keeps up, what has just begun waits, and is told when it has lasted', () => {
  const network = started(3);
  const [a, b, c] = network.directors as [SimDirector, SimDirector, SimDirector];
  for (const name of ['d2', 'd3']) network.throttle.set(name, 500);
  for (let round = 0; round < 10; round++) {
    for (const flow of flows(4000, 4000 * round)) a.kernel.open(flow);
    network.run(100);
  }
  // Of those that were held, most end young.
  const { held: waiting } = a.mesh!.status(network.now).counters;
  expect(waiting).toBeGreaterThan(3000);
  for (const { flow } of [...a.kernel.entries.values()]) {
    if (flow.key >= 28_000 && flow.key % 10 > 0) a.kernel.close(flow, network.now);
  }
  network.run(30_000);
  expect(a.logged('event').filter(({ effect }) => effect.event === 'sync-overload')).toMatchObject([
    { effect: { values: { state: 'begins' } } },
    { effect: { values: { state: 'ends', held: 0 } } },
  ]);
  expect([held(a), held(b), held(c)]).toEqual([29_200, 29_200, 29_200]);
  expect(new Set(digestsOf(network)).size).toBe(1);
});
