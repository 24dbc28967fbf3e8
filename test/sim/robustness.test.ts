/** What a speaker must survive that no protocol foresees: neighbors gone silent or wild, time that jumps, links that flap. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { ALL_SPF_ROUTERS, DdFlag, LsType, MAX_AGE, MAX_SEQUENCE, Option } from '../../src/core/ospf/codes.ts';
import type { OspfEffect } from '../../src/core/ospf/events.ts';
import { buildLsa } from '../../src/core/ospf/lsa/codec.ts';
import type { Lsa } from '../../src/core/ospf/lsa/lsa.ts';
import { encodePacket, packetLength } from '../../src/core/ospf/packet/codec.ts';
import type { PacketBody } from '../../src/core/ospf/packet/packet.ts';
import { THOROUGH } from '../sizes.ts';
import { databaseOf, instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { agree, announce, announceOwnId, campus, converged, hostsSeen, pair } from './topologies.ts';

const A = ipv4('10.0.0.1');
const B = ipv4('10.0.0.2');
const HOUR = 3_600_000;
/** LSAs that a neighbor does not acknowledge. */
const UNACKNOWLEDGED = THOROUGH ? 600 : 200;
const FLAPS = THOROUGH ? 200 : 60;
/** Packets in a storm. */
const STORM = THOROUGH ? 1000 : 300;

/** What `to` makes of a packet in another's name, as if it had come over the link. */
function say(
  net: Network,
  to: SimNode,
  from: { id: number; address: string },
  body: PacketBody,
): readonly OspfEffect[] {
  const bytes = encodePacket({ header: { routerId: from.id, areaId: 0 }, body });
  const source = ipv4(from.address);
  const before = to.log.length;
  net.input(to, { kind: 'packet', interface: 'eth1', source, destination: ALL_SPF_ROUTERS, bytes });
  return to.log.slice(before).map(({ effect }) => effect);
}

const NEIGHBOR = { id: B, address: '10.1.0.2' };

function external(n: number, changes: { age?: number; sequence?: number } = {}): Lsa {
  const { age = 1, sequence = 0x80000001 | 0 } = changes;
  const header = { type: LsType.asExternal, id: n * 256, advertisingRouter: ipv4('10.0.0.77'), options: Option.e };
  const body = { kind: 'external', mask: 0xffffff00, e2: true, metric: 1, forwardingAddress: 0, tag: 0 } as const;
  return buildLsa({ ...header, age, sequence }, body);
}

function update(...lsas: Lsa[]): PacketBody {
  return { kind: 'lsUpdate', lsas, skipped: [] };
}

/** a in the middle of two point-to-point links: b on eth1, c on eth2. */
function middle(rxmtInterval = 1000) {
  const net = new Network();
  const ports = ['eth1', 'eth2'].map((name) => interfaceConfig(name, { rxmtInterval }));
  const a = net.addNode('a', instanceConfig('10.0.0.1', ports));
  const ends = ['10.0.0.2', '10.0.0.3'].map((id) => net.addNode(id, instanceConfig(id, [interfaceConfig('eth1')])));
  const links = ends.map((end, at) => {
    const link = new SimLink();
    net.attach(link, a, `eth${at + 1}`, `10.1.${at}.1`, 30);
    net.attach(link, end, 'eth1', `10.1.${at}.2`, 30);
    return link;
  });
  net.run(5000);
  return { net, a, b: ends[0]!, c: ends[1]!, links };
}

test('sequence numbers wrap: the last instance is flushed, the first follows, and both ends have it', () => {
  const { net, a, b } = pair();
  net.run(5000);
  announce(net, a, '203.0.113.10');
  net.run(2000);
  // Somebody still has one of ours that is as new as can be.
  const body = { kind: 'router', flags: 0, links: [] } as const;
  const header = { type: LsType.router, id: A, advertisingRouter: A, age: 900, options: Option.e };
  say(net, a, NEIGHBOR, update(buildLsa({ ...header, sequence: MAX_SEQUENCE }, body)));
  const first = () => databaseOf(b, net.now).some((line) => line.startsWith(`1 10.0.0.1 10.0.0.1 ${0x80000001} `));
  expect(net.runUntil(first, 3000)).toBe(true);
  net.run(2000);
  expect(agree(net, [a, b])).toBe(true);
  expect(hostsSeen(net, b, '10.0.0.1')).toEqual(['203.0.113.10/32 metric 1']);
  // And goes on from there.
  announce(net, a, '203.0.113.11');
  net.run(2000);
  expect(databaseOf(b, net.now).some((line) => line.startsWith(`1 10.0.0.1 10.0.0.1 ${0x80000002} `))).toBe(true);
});

test.each([1, 2, 3, 4])(
  'a flush and a live copy of an LSA race round a lossy campus: the flush wins (seed %i)',
  (seed) => {
    const { net, lan, cables, nodes } = campus({}, seed);
    for (const node of nodes) announceOwnId(net, node);
    net.run(20_000);
    // As if r3, the DR, had said it.
    const inject = (at: number, lsa: Lsa) => {
      const header = { routerId: ipv4('10.0.0.3'), areaId: 0 };
      const [source, destination] = [ipv4('192.0.2.3'), ALL_SPF_ROUTERS];
      const bytes = encodePacket({ header, body: update(lsa) });
      net.input(nodes[at]!, { kind: 'packet', interface: 'lan', source, destination, bytes });
    };
    for (const link of [lan, ...cables]) link.quality = { delay: 1, jitter: 30, loss: 0.3, duplication: 0.2 };
    inject(0, external(1));
    const has = (node: SimNode) => databaseOf(node, net.now).some((line) => line.startsWith('5 '));
    // Who has never heard of it would take no flush of it.
    expect(net.runUntil(() => nodes.every(has), 20_000)).toBe(true);
    net.run(1500);
    inject(4, external(1, { age: MAX_AGE }));
    inject(1, external(1));
    net.run(20_000);
    for (const link of [lan, ...cables]) link.quality = { delay: 1, jitter: 2, loss: 0, duplication: 0 };
    const gone = () => !nodes.some(has);
    expect(net.runUntil(() => gone() && converged(net, nodes), 40_000)).toBe(true);
    net.run(30_000);
    expect(gone()).toBe(true);
  },
);

test('an hour during which we were suspended: what was ours is renewed, what is stale goes, the adjacency comes back', () => {
  const { net, a, b, links } = middle();
  announce(net, a, '203.0.113.10');
  say(net, a, NEIGHBOR, update(external(1)));
  net.run(2000);
  a.running = false;
  net.run(HOUR + 10_000);
  a.running = true;
  const before = a.log.length;
  net.input(a, { kind: 'timer' });
  net.run(10_000);
  expect(a.instance.neighbors(net.now).map(({ state }) => state)).toEqual(['full', 'full']);
  expect(agree(net, net.nodes)).toBe(true);
  expect(hostsSeen(net, b, '10.0.0.1')).toEqual(['203.0.113.10/32 metric 1']);
  const ages = a.instance.lsdb(net.now).map(({ age }) => age);
  expect(Math.max(...ages)).toBeLessThan(1805);
  // The stranger's LSA was as old as can be.
  expect(databaseOf(a, net.now).some((line) => line.startsWith('5 '))).toBe(false);
  // Both neighbors were lost and found again once, no more.
  const lost = a.log.slice(before).filter(({ effect }) => effect.kind === 'neighborChanged' && effect.to === 'down');
  expect(lost.length).toBeLessThanOrEqual(links.length);
});

test('a moment between two calls that is seconds long loses no adjacency, as long as Hellos are waiting to be read', () => {
  const { net, a } = pair({}, {}, { deadInterval: 4000 });
  net.run(5000);
  // The shell reads its sockets only every 3 s: all that came meanwhile at once.
  const handle = a.instance.handle.bind(a.instance);
  const waiting: Parameters<typeof handle>[0][] = [];
  a.instance.handle = (input, now) => {
    if (input.kind === 'packet') waiting.push({ ...input, bytes: Uint8Array.from(input.bytes) });
    return input.kind === 'packet' ? [] : handle(input, now);
  };
  for (let n = 0; n < 20; n++) {
    net.run(3000);
    a.instance.handle = handle;
    for (const input of waiting.splice(0)) net.input(a, input);
    a.instance.handle = (input, now) => {
      if (input.kind === 'packet') waiting.push({ ...input, bytes: Uint8Array.from(input.bytes) });
      return input.kind === 'packet' ? [] : handle(input, now);
    };
  }
  expect(a.logged('neighborChanged').filter(({ effect }) => effect.from === 'full')).toEqual([]);
});

test(`a link that flaps ${FLAPS} times is used again at once, and costs no more LSAs than the pace allows`, () => {
  const { net, a, b, c } = middle();
  announce(net, a, '203.0.113.10');
  net.run(2000);
  const before = a.instance.counters().originated;
  const start = net.now;
  for (let n = 0; n < FLAPS; n++) {
    net.down(a, 'eth1');
    net.run(20 + ((n * 7) % 100));
    net.up(a, 'eth1');
    net.run(20 + ((n * 13) % 150));
  }
  const lasted = (net.now - start) / 1000;
  // One instance per 1.1 s, and one more whenever an adjacency becomes Full that has no young copy of it.
  expect(a.instance.counters().originated - before).toBeLessThan(lasted * 2.5);
  expect(net.runUntil(() => a.instance.neighbors(net.now).every(({ state }) => state === 'full'), 1500)).toBe(true);
  net.run(5000);
  expect(agree(net, [a, b, c])).toBe(true);
  expect(c.logged('neighborChanged').filter(({ effect }) => effect.from === 'full')).toEqual([]);
});

test('a neighbor that never acknowledges: a bounded list, a bounded rate, and the other neighbor does not notice', () => {
  const { net, a, b, c, links } = middle(1000);
  links[0]!.filter = (packet, from) => !(from === b && packet.body.kind === 'lsAck');
  const many = Array.from({ length: UNACKNOWLEDGED }, (_, n) => external(n));
  let bytes = 0;
  net.onSend = (from, packet) => {
    if (from === a && packet.body.kind === 'lsUpdate') bytes += packetLength(packet.body);
  };
  for (let at = 0; at < many.length; at += 40) {
    const header = { routerId: c.config.routerId, areaId: 0 };
    const packet = encodePacket({ header, body: update(...many.slice(at, at + 40)) });
    const destination = ALL_SPF_ROUTERS;
    net.input(a, { kind: 'packet', interface: 'eth2', source: ipv4('10.1.1.2'), destination, bytes: packet });
  }
  net.run(10_000);
  bytes = 0;
  net.run(60_000);
  const neighbor = a.instance.neighbors(net.now).find(({ routerId }) => routerId === B)!;
  expect(neighbor).toMatchObject({ state: 'full' });
  expect(neighbor.retransmissions).toBeLessThanOrEqual(a.instance.lsdb(net.now).length);
  // Each of the LSAs of 36 bytes once per interval, and hardly more.
  expect(bytes / 60).toBeLessThan(UNACKNOWLEDGED * 36 * 1.1);
  expect(a.instance.neighbors(net.now).find(({ routerId }) => routerId !== B)?.retransmissions).toBe(0);
  announce(net, a, '203.0.113.10');
  expect(net.runUntil(() => hostsSeen(net, c, '10.0.0.1').length === 1, 50)).toBe(true);
});

test('a storm of requests and of descriptions is answered packet by packet: no more is sent than one answer each', () => {
  const { net, a } = pair({ holdLimit: 0 }, { holdLimit: 0 });
  net.run(5000);
  const sent = () => Object.values(a.instance.counters().sent).reduce((sum, count) => sum + count, 0);
  const before = sent();
  const own = { type: LsType.router, id: A, advertisingRouter: A };
  const requests = Array.from({ length: 100 }, () => own);
  for (let n = 0; n < STORM; n++) say(net, a, NEIGHBOR, { kind: 'lsRequest', requests });
  expect(sent() - before).toBeLessThanOrEqual(STORM);
  const dd = { kind: 'dbDescription', interfaceMtu: 1500, options: Option.e | Option.o, headers: [] } as const;
  const claim = DdFlag.init | DdFlag.more | DdFlag.masterSlave;
  for (let n = 0; n < STORM; n++) say(net, a, NEIGHBOR, { ...dd, flags: claim, sequence: n * 1000 });
  // Our own claim, the answer to theirs, and what follows from losing the adjacency.
  expect(sent() - before).toBeLessThanOrEqual(STORM + 3 * STORM);
  expect(net.runUntil(() => a.instance.neighbors(net.now)[0]?.state === 'full', 10_000)).toBe(true);
});
