/** The mesh of directors on the virtual network: starting, telling, moving, leaving, dying, healing. */
import { expect, test } from 'vitest';
import { digestsOf, type Flow, type SimDirector, SyncNetwork } from './sync-network.ts';

function started(count: number, seed = 1): SyncNetwork {
  const network = new SyncNetwork(count, seed);
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
  for (const flow of flows(5000)) a.kernel.open(flow);
  for (const flow of flows(3000, 10_000)) b.kernel.open(flow);
  network.run(100);
  network.start(d);
  let atSynced = -1;
  while (d.logged('synced').length === 0) {
    network.run(1);
    atSynced = d.mesh!.table.size;
  }
  expect(atSynced).toBe(8000);
  expect(d.logged('synced')[0]?.effect.reason).toBe('equal');
  network.run(10);
  expect(held(d)).toBe(8000);
  expect(new Set(digestsOf(network)).size).toBe(1);
});

test('a director that joins gets those of the dead as well, from one donor', () => {
  const network = new SyncNetwork(4);
  const [a, b, c, d] = network.directors as [SimDirector, SimDirector, SimDirector, SimDirector];
  for (const director of [a, b, c]) network.start(director);
  network.run(3000);
  for (const flow of flows(2000)) a.kernel.open(flow);
  network.run(100);
  network.crash(a);
  network.run(5000);
  const before = network.sent;
  network.start(d);
  network.run(5000);
  expect(held(d)).toBe(2000);
  expect(network.sent - before).toBeLessThan(2 * 2000 * 48);
});

test('joined empty, then the others die one after the other: nothing is lost', () => {
  const network = new SyncNetwork(4);
  const [a, b, c, d] = network.directors as [SimDirector, SimDirector, SimDirector, SimDirector];
  for (const director of [a, b, c]) network.start(director);
  network.run(3000);
  for (const flow of flows(500)) [a, b, c][flow.key % 3]!.kernel.open(flow);
  network.run(1000);
  network.start(d);
  network.run(5000);
  for (const director of [a, b, c]) {
    network.crash(director);
    network.run(10_000);
  }
  expect(flows(500).filter((flow) => d.kernel.packet(flow))).toHaveLength(500);
});
