import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { PACKET_HEADER_LENGTH, PacketType } from '../../src/core/ospf/codes.ts';
import { fillLsaChecksum } from '../../src/core/ospf/lsa/checksum.ts';
import { packetChecksum } from '../../src/core/ospf/packet/checksum.ts';
import { encodePacket } from '../../src/core/ospf/packet/codec.ts';
import type { SimNode } from './network.ts';
import { agree, announce, announceOwnId, campus, converged, hostsSeen, pair } from './topologies.ts';

const B = ipv4('10.0.0.2');

test('lost acknowledgements cost retransmissions, nothing else', () => {
  const { net, link, a, b } = pair();
  net.run(5000);
  link.filter = (packet) => packet.body.kind !== 'lsAck';
  announce(net, a, '203.0.113.10');
  net.run(10_000);
  expect(hostsSeen(net, b, '10.0.0.1')).toEqual(['203.0.113.10/32 metric 1']);
  expect(a.instance.counters().retransmitted).toBeGreaterThan(5);
  expect(a.instance.neighbors(net.now)[0]).toMatchObject({ state: 'full', retransmissions: 1 });
  link.filter = undefined;
  net.run(2000);
  expect(a.instance.neighbors(net.now)[0]).toMatchObject({ state: 'full', retransmissions: 0 });
});

test('a lost update is sent again after 1.1 seconds', () => {
  const { net, link, a, b } = pair({}, {}, { rxmtInterval: 5000 });
  net.run(5000);
  link.filter = (packet) => packet.body.kind !== 'lsUpdate';
  announce(net, a, '203.0.113.10');
  net.run(500);
  link.filter = undefined;
  const seen = net.runUntil(() => hostsSeen(net, b, '10.0.0.1').length === 1, 700);
  expect(seen).toBe(true);
});

test('a router that hears its peer but is not heard stays in Init, and the peer sees nobody', () => {
  const { net, link, a, b } = pair();
  link.filter = (_packet, from) => from === b;
  net.run(5000);
  expect(a.instance.neighbors(net.now)[0]?.state).toBe('init');
  expect(b.instance.neighbors(net.now)).toEqual([]);
});

test('a link that becomes one-way ends the adjacency with the next Hello', () => {
  const { net, link, a, b } = pair();
  net.run(5000);
  link.filter = (_packet, from) => from === a;
  net.run(6000);
  // a heard nothing and forgot b; b, which still hears a, is told so by a's Hello.
  expect(a.instance.neighbors(net.now)).toEqual([]);
  expect(b.instance.neighbors(net.now)[0]?.state).toBe('init');
  expect(b.logged('neighborChanged').at(-1)?.effect.reason).toBe('oneWay');
});

test.each([1, 2, 3])(
  'a fifth of all packets lost, more doubled or overtaken: the campus converges (seed %i)',
  (seed) => {
    const { net, lan, cables, nodes } = campus({}, seed);
    for (const link of [lan, ...cables]) link.quality = { delay: 1, jitter: 20, loss: 0.2, duplication: 0.2 };
    for (const node of nodes) announceOwnId(net, node);
    net.run(20_000);
    for (const link of [lan, ...cables]) link.quality = { delay: 1, jitter: 20, loss: 0, duplication: 0.2 };
    expect(net.runUntil(() => converged(net, nodes), 40_000)).toBe(true);
    net.run(10_000);
    expect(agree(net, nodes)).toBe(true);
    const pending = nodes.flatMap((node) =>
      node.instance.neighbors(net.now).map((n) => n.retransmissions + n.requests),
    );
    expect(Math.max(...pending)).toBe(0);
  },
);

test('everything doubled: no adjacency is disturbed', () => {
  const { net, link, a, b } = pair();
  link.quality = { delay: 1, jitter: 3, loss: 0, duplication: 1 };
  net.run(20_000);
  const changes = [a, b].map((node) => node.logged('neighborChanged').filter(({ effect }) => effect.from === 'full'));
  expect(changes).toEqual([[], []]);
  expect(a.fullAt(B)).toBeLessThan(400);
});

/** Every packet that the two sent while they came up and changed their announcements. */
function recordedPackets(): Uint8Array[] {
  const { net, a, b } = pair();
  const packets: Uint8Array[] = [];
  net.onSend = (_node, packet) => packets.push(encodePacket(packet));
  net.run(2000);
  announce(net, a, '203.0.113.10', '203.0.113.11');
  announce(net, b, '203.0.113.12');
  net.run(3000);
  return packets;
}

/** A few bytes changed, cut or added; checksums made right again, so that the change is looked at. */
function mutate(packet: Uint8Array, prng: Prng): Uint8Array {
  const length = prng.unit() < 0.2 ? Math.floor(packet.length * prng.unit()) : packet.length;
  const bytes = new Uint8Array(length + (prng.unit() < 0.1 ? 4 : 0));
  bytes.set(packet.subarray(0, length));
  for (let n = 1 + Math.floor(4 * prng.unit()); n > 0 && bytes.length > 0; n--) {
    bytes[Math.floor(prng.unit() * bytes.length)] = prng.unit() < 0.5 ? prng.u32() & 255 : prng.unit() < 0.5 ? 0 : 255;
  }
  if (bytes.length < PACKET_HEADER_LENGTH) return bytes;
  if (bytes[1] === PacketType.lsUpdate && bytes.length > 50 && prng.unit() < 0.8) fillLsaChecksum(bytes.subarray(28));
  if (prng.unit() < 0.8) bytes.fill(0, 14, 24);
  bytes[2] = bytes.length >> 8;
  bytes[3] = bytes.length;
  bytes.fill(0, 12, 14);
  const sum = packetChecksum(bytes, bytes.length);
  bytes[12] = sum >> 8;
  bytes[13] = sum;
  return bytes;
}

test('20,000 mutated and random packets: nothing is thrown, and the speaker still works afterwards', () => {
  const recorded = recordedPackets();
  const { net, a, b } = pair();
  const prng = new Prng(7);
  const strike = (node: SimNode) => {
    const packet = recorded[Math.floor(prng.unit() * recorded.length)]!;
    const bytes =
      prng.unit() < 0.1 ? Uint8Array.from({ length: prng.u32() % 90 }, () => prng.u32()) : mutate(packet, prng);
    const source = ipv4(node === a ? '10.1.0.2' : '10.1.0.1');
    net.input(node, { kind: 'packet', interface: 'eth1', source, destination: ipv4('224.0.0.5'), bytes });
  };
  for (let n = 0; n < 10_000; n++) {
    strike(a);
    strike(b);
    net.run(1);
  }
  // Invented neighbors die; LSAs invented in the name of strangers may stay, but both must have the same ones.
  net.run(10_000);
  announce(net, a, '203.0.113.99');
  expect(net.runUntil(() => agree(net, [a, b]), 20_000)).toBe(true);
  expect(a.instance.neighbors(net.now).map(({ routerId, state }) => [routerId, state])).toEqual([[B, 'full']]);
  expect(hostsSeen(net, b, '10.0.0.1')).toEqual(['203.0.113.99/32 metric 1']);
  expect(Object.keys(a.instance.counters().dropped).length).toBeGreaterThan(5);
});
