/** 500 VIPs on one director: as stub links one LSA beyond any packet, as external LSAs many that share packets. */
import { expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../src/core/base/ipv4.ts';
import type { AnnouncedAs } from '../../src/core/model/routing.ts';
import type { AnnouncedPrefix } from '../../src/core/ospf/events.ts';
import { packetLength } from '../../src/core/ospf/packet/codec.ts';
import type { Packet } from '../../src/core/ospf/packet/packet.ts';
import { databaseOf, type Network, type SimNode } from './network.ts';
import { agree, hostsSeen, pair } from './topologies.ts';

const A = ipv4('10.0.0.1');
const COUNT = 500;
const FIRST = ipv4('203.0.113.0');

function vips(count: number, lsa: AnnouncedAs): AnnouncedPrefix[] {
  return Array.from({ length: count }, (_, n) => ({ prefix: { address: FIRST + n, length: 32 }, metric: 10, lsa }));
}

/** Packets of a kind that a node sends from now on. */
function watch(net: Network, from: SimNode, kind: Packet['body']['kind']): Packet[] {
  const sent: Packet[] = [];
  const before = net.onSend;
  net.onSend = (node, packet, destination) => {
    before?.(node, packet, destination);
    if (node === from && packet.body.kind === kind) sent.push(packet);
  };
  return sent;
}

const bytesOf = (packets: readonly Packet[]) => packets.map(({ body }) => packetLength(body));

test('as stub links: one LSA of 6 KB reaches a new neighbor in one packet, and one change is one such packet', () => {
  const { net, a, b } = pair({ stubRouter: true });
  const sent = watch(net, a, 'lsUpdate');
  const all = vips(COUNT, { kind: 'stub' });
  net.input(a, { kind: 'announce', prefixes: all });
  net.run(5000);
  expect(hostsSeen(net, b, '10.0.0.1')).toHaveLength(COUNT);
  expect(Math.max(...bytesOf(sent))).toBeGreaterThan(6000);
  expect(a.instance.counters().retransmitted).toBe(0);

  const before = databaseOf(b, net.now);
  sent.length = 0;
  const acks = watch(net, b, 'lsAck');
  net.input(a, { kind: 'announce', prefixes: all.slice(1) });
  net.run(1000);
  expect(hostsSeen(net, b, '10.0.0.1')).toHaveLength(COUNT - 1);
  expect(databaseOf(b, net.now).filter((line) => !before.includes(line))).toHaveLength(1);
  expect([sent.length, acks.length]).toEqual([1, 1]);
  expect(a.instance.counters().retransmitted).toBe(0);
});

test('as external LSAs: packets are full and none is beyond the MTU; one change is one LSA of 36 bytes', () => {
  const { net, a, b } = pair();
  net.run(3000);
  const updates = watch(net, a, 'lsUpdate');
  const acks = watch(net, b, 'lsAck');
  const all = vips(COUNT, { kind: 'external', metricType: 1, tag: 0 });
  net.input(a, { kind: 'announce', prefixes: all });
  net.run(1000);
  expect(agree(net, [a, b])).toBe(true);
  expect(b.instance.lsdb(net.now).filter(({ type }) => type === 5)).toHaveLength(COUNT);
  // 40 LSAs of 36 bytes fit 1,452; 72 headers of 20 bytes an acknowledgement.
  expect(Math.max(...bytesOf([...updates, ...acks]))).toBeLessThanOrEqual(1480);
  expect([updates.length, acks.length]).toEqual([13, 7]);

  updates.length = 0;
  net.run(2000);
  net.input(a, { kind: 'announce', prefixes: all.slice(1) });
  net.run(1000);
  expect(bytesOf(updates)).toEqual([24 + 4 + 36]);
  expect(a.instance.counters().retransmitted).toBe(0);
});

test('a neighbor that comes later fetches them by full packets: descriptions, requests and answers', () => {
  const { net, a, b } = pair({}, { holdLimit: 0 });
  net.kill(b);
  net.input(a, { kind: 'announce', prefixes: vips(COUNT, { kind: 'external', metricType: 1, tag: 0 }) });
  net.run(10_000);
  const updates = watch(net, a, 'lsUpdate');
  const fresh = net.replace(b);
  const asked = watch(net, fresh, 'lsRequest');
  net.run(1000);
  expect(fresh.fullAt(A)! - 10_000).toBeLessThan(50);
  expect(agree(net, [a, fresh])).toBe(true);
  expect(fresh.instance.routes().filter(({ prefix }) => formatIpv4(prefix.address).startsWith('203.'))).toHaveLength(
    COUNT,
  );
  // 121 requests of 12 bytes fit, and what one of them asks for comes in 4 packets.
  expect(asked).toHaveLength(5);
  expect(updates.length).toBeLessThan(25);
  expect(Math.max(...bytesOf(updates))).toBeLessThanOrEqual(1480);
});
