import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { ALL_SPF_ROUTERS, INITIAL_SEQUENCE, LsType, MAX_AGE, MAX_SEQUENCE, Option } from '../../src/core/ospf/codes.ts';
import { buildLsa } from '../../src/core/ospf/lsa/codec.ts';
import type { Lsa, RouterLsaBody } from '../../src/core/ospf/lsa/lsa.ts';
import { encodePacket } from '../../src/core/ospf/packet/codec.ts';
import { databaseOf, type Network, type SimNode } from './network.ts';
import { announce, hostsSeen, pair } from './topologies.ts';

const A = ipv4('10.0.0.1');
const B = ipv4('10.0.0.2');
const VIP = '203.0.113.10';
const VIP2 = '203.0.113.11';

/** Two Full routers whose floors have long passed. */
function settledPair() {
  const network = pair();
  network.net.run(5000);
  expect(network.a.fullAt(B)).toBeDefined();
  return network;
}

/** Time until `at` has exactly these host routes of 10.0.0.1. */
function timeUntilSeen(net: Network, at: SimNode, hosts: readonly string[]): number {
  const from = net.now;
  const seen = net.runUntil(() => hostsSeen(net, at, '10.0.0.1').join() === hosts.join(), 10_000);
  expect(seen, `${hosts.join()} is seen`).toBe(true);
  return net.now - from;
}

/** Hands `to` an update as if its neighbor had flooded it. */
function inject(net: Network, from: SimNode, to: SimNode, lsa: Lsa): void {
  const header = { routerId: from.config.routerId, areaId: 0 };
  const bytes = encodePacket({ header, body: { kind: 'lsUpdate', lsas: [lsa], skipped: [] } });
  const source = ipv4(from.name === 'a' ? '10.1.0.1' : '10.1.0.2');
  net.input(to, { kind: 'packet', interface: 'eth1', source, destination: ALL_SPF_ROUTERS, bytes });
}

function forged(id: number, sequence: number, stub: string): Lsa {
  const link = { type: 3, id: ipv4(stub), data: 0xffffffff, metric: 1 };
  const body: RouterLsaBody = { kind: 'router', flags: 0, links: [link] };
  const key = { type: LsType.router, id, advertisingRouter: id };
  return buildLsa({ ...key, age: 1, options: Option.e, sequence }, body);
}

const sequenceOf = (net: Network, at: SimNode, id: number) =>
  at.instance.lsdb(net.now).find(({ type, advertisingRouter }) => type === 1 && advertisingRouter === id)?.sequence;

test('the first announcement reaches the peer at once, with its own metric', () => {
  const { net, a, b } = settledPair();
  announce(net, a, `${VIP} metric 7`);
  expect(timeUntilSeen(net, b, [`${VIP}/32 metric 7`])).toBeLessThan(1);
  expect(a.instance.announced()).toMatchObject([{ metric: 7 }]);
});

test('changes within the floor are coalesced into one instance that follows when the floor has passed', () => {
  const { net, a, b } = settledPair();
  announce(net, a, VIP);
  net.run(300);
  announce(net, a, VIP, VIP2);
  net.run(300);
  announce(net, a, VIP2);
  const originatedBefore = a.instance.counters().originated;
  expect(a.instance.announced()).toHaveLength(1);
  expect(timeUntilSeen(net, b, [`${VIP2}/32 metric 1`])).toBeCloseTo(500, 0);
  expect(a.instance.counters().originated - originatedBefore).toBe(1);
  expect(a.instance.counters().retransmitted).toBe(0);
});

test('a change that is taken back within the floor originates nothing', () => {
  const { net, a } = settledPair();
  announce(net, a, VIP);
  const before = a.instance.counters().originated;
  announce(net, a, VIP, VIP2);
  announce(net, a, VIP);
  net.run(5000);
  expect(a.instance.counters().originated).toBe(before);
});

test('announcing the same set again originates nothing', () => {
  const { net, a } = settledPair();
  announce(net, a, VIP, VIP2);
  const before = a.instance.counters().originated;
  net.run(2000);
  announce(net, a, VIP2, VIP);
  net.run(2000);
  expect(a.instance.counters().originated).toBe(before);
});

test('a stub router announces its point-to-point links at the maximum metric, its stubs at theirs, and the H-bit', () => {
  const { net, b } = (() => {
    const network = pair({ stubRouter: true });
    announce(network.net, network.a, `${VIP} metric 7`);
    network.net.run(5000);
    return network;
  })();
  const lsa = b.instance.lsdb(net.now).find(({ advertisingRouter }) => advertisingRouter === A);
  expect(lsa?.summary).toEqual([
    'flags H',
    'p2p 10.0.0.2 from 10.1.0.1 metric 65535',
    'stub 10.1.0.0/30 metric 10',
    `stub ${VIP}/32 metric 7`,
  ]);
  expect(b.instance.routes().map(({ cost }) => cost)).toEqual([10, 17]);
});

test('a thousand prefixes make one LSA that travels alone in a packet larger than the MTU', () => {
  const { net, a, b } = settledPair();
  const vips = Array.from({ length: 1000 }, (_, n) => `198.18.${n >> 8}.${n & 255}`);
  announce(net, a, ...vips);
  net.run(1000);
  expect(hostsSeen(net, b, '10.0.0.1')).toHaveLength(1000);
});

test('more prefixes than an LSA can carry are cut off, and `announced` says so', () => {
  const { net, a, b } = settledPair();
  const vips = Array.from({ length: 6000 }, (_, n) => `198.18.${n >> 8}.${n & 255}`);
  announce(net, a, ...vips);
  net.run(1000);
  const inLsa = hostsSeen(net, b, '10.0.0.1').length;
  expect(inLsa).toBeGreaterThan(5000);
  expect(a.instance.announced()).toHaveLength(inLsa);
});

test('after a crash the stale LSA in the peer is outdone at Full, and the new contents count', () => {
  const { net, a, b } = settledPair();
  announce(net, a, VIP);
  net.run(5000);
  const staleSequence = sequenceOf(net, b, A)!;
  net.kill(a);
  net.run(300);
  const restarted = net.replace(a);
  announce(net, restarted, VIP2);
  const startedAt = net.now;
  expect(timeUntilSeen(net, b, [`${VIP2}/32 metric 1`])).toBeLessThan(400);
  expect(restarted.fullAt(B)! - startedAt).toBeLessThan(400);
  expect(sequenceOf(net, b, A)).toBeGreaterThan(staleSequence);
  const links = b.instance.lsdb(net.now).find(({ advertisingRouter }) => advertisingRouter === A)?.summary;
  expect(links).toContain('p2p 10.0.0.2 from 10.1.0.1 metric 10');
});

test('somebody else speaking in our name is outdone at once', () => {
  const { net, a, b } = settledPair();
  const own = sequenceOf(net, a, A)!;
  inject(net, b, a, forged(A, own + 40, '192.0.2.66'));
  net.run(1500);
  expect(sequenceOf(net, b, A)).toBe(own + 41);
  expect(databaseOf(a, net.now)).toEqual(databaseOf(b, net.now));
  expect(hostsSeen(net, b, '10.0.0.1')).toEqual([]);
});

test('an LSA in our name that we do not want is flushed', () => {
  const { net, a, b } = settledPair();
  const body = { kind: 'network', mask: 0xffffff00, attachedRouters: [A, B] } as const;
  const key = { type: LsType.network, id: ipv4('192.0.2.1'), advertisingRouter: A };
  const ageOf = (node: SimNode) => node.instance.lsdb(net.now).find(({ id }) => id === key.id)?.age;
  const leftover = buildLsa({ ...key, age: 1, options: Option.e, sequence: 77 }, body);
  inject(net, a, b, leftover);
  net.run(2000);
  inject(net, b, a, leftover);
  net.run(2000);
  for (const node of [a, b]) expect(ageOf(node)).toBe(MAX_AGE);
  net.run(11_000);
  for (const node of [a, b]) expect(ageOf(node)).toBeUndefined();
});

test('when sequence numbers run out the LSA is flushed and starts again from the first number', () => {
  const { net, a, b } = settledPair();
  inject(net, b, a, forged(A, MAX_SEQUENCE - 1, '192.0.2.66'));
  net.run(2000);
  expect(sequenceOf(net, b, A)).toBe(MAX_SEQUENCE);
  announce(net, a, VIP);
  expect(timeUntilSeen(net, b, [`${VIP}/32 metric 1`])).toBeLessThan(2000);
  expect(sequenceOf(net, b, A)).toBe(INITIAL_SEQUENCE);
  const flushed = a.logged('originated').findLast(({ effect }) => effect.sequence === MAX_SEQUENCE);
  expect(flushed?.effect.prefixes).toEqual([]);
});

test('an orderly stop removes our LSAs from the peer, ends the adjacency and takes at most 200 ms', () => {
  const { net, a, b } = settledPair();
  announce(net, a, VIP);
  net.run(2000);
  const from = net.now;
  net.input(a, { kind: 'stop' });
  net.run(1000);
  expect(a.logged('stopped')[0]!.at - from).toBeLessThanOrEqual(200);
  expect(a.log.at(-1)?.effect.kind).toBe('stopped');
  expect(a.instance.deadline).toBeUndefined();
  const inForce = b.instance.lsdb(net.now).filter(({ age }) => age < MAX_AGE);
  expect(inForce.map(({ advertisingRouter }) => advertisingRouter)).toEqual([B]);
  const oneWay = b.logged('neighborChanged').at(-1)!;
  expect(oneWay.effect).toMatchObject({ from: 'full', to: 'init', reason: 'oneWay' });
  expect(oneWay.at - from).toBeLessThan(201);
});

test('a stop right after the last prefix was withdrawn waits until the peer accepts the flush', () => {
  const { net, a, b } = settledPair();
  announce(net, a, VIP);
  net.run(5000);
  announce(net, a);
  net.run(300);
  expect(hostsSeen(net, b, '10.0.0.1')).toEqual([]);
  net.input(a, { kind: 'stop' });
  net.run(1500);
  expect(a.log.at(-1)?.effect.kind).toBe('stopped');
  const inForce = b.instance.lsdb(net.now).filter(({ age }) => age < MAX_AGE);
  expect(inForce.map(({ advertisingRouter }) => advertisingRouter)).toEqual([B]);
});

test('a stop without neighbors is over in the same moment', () => {
  const { net, a, b } = pair();
  net.kill(b);
  net.run(10_000);
  net.input(a, { kind: 'stop' });
  expect(a.log.at(-1)?.effect.kind).toBe('stopped');
});
