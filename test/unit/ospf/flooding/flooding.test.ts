import { expect, test } from 'vitest';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import { ALL_SPF_ROUTERS, LsType, MAX_AGE, Option } from '../../../../src/core/ospf/codes.ts';
import { pack } from '../../../../src/core/ospf/flooding/outbox.ts';
import { buildLsa, decodeLsa, withAge } from '../../../../src/core/ospf/lsa/codec.ts';
import type { Lsa } from '../../../../src/core/ospf/lsa/lsa.ts';
import { encodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import type { PacketBody } from '../../../../src/core/ospf/packet/packet.ts';
import { announce, pair } from '../../../sim/topologies.ts';

const A = ipv4('10.0.0.1');
const B = ipv4('10.0.0.2');

/** A router that is Full with a peer whose place the test has taken: it says what it likes and reads all answers. */
function fullWithScriptedPeer() {
  const { net, link, a } = pair({}, {}, { deadInterval: 40_000, rxmtInterval: 5000 });
  net.run(5000);
  link.filter = () => false;
  const answers: PacketBody[] = [];
  net.onSend = (from, packet) => {
    if (from === a && packet.body.kind !== 'hello') answers.push(packet.body);
  };
  const say = (body: PacketBody, from = B) => {
    answers.length = 0;
    const bytes = encodePacket({ header: { routerId: from, areaId: 0 }, body });
    const source = ipv4('10.1.0.2');
    net.input(a, { kind: 'packet', interface: 'eth1', source, destination: ALL_SPF_ROUTERS, bytes });
    return answers;
  };
  const update = (...lsas: Lsa[]) => say({ kind: 'lsUpdate', lsas, skipped: [] });
  const has = (lsa: Lsa) =>
    a.instance.lsdb(net.now).some((row) => row.id === lsa.header.id && row.sequence === lsa.header.sequence);
  return { net, a, say, update, has, answers };
}

/** A type 5 LSA of a third router. */
function external(sequence: number, age = 1, id = '198.51.100.0'): Lsa {
  const body = { kind: 'external', mask: 0xffffff00, e2: true, metric: 20, forwardingAddress: 0, tag: 0 } as const;
  const key = { type: LsType.asExternal, id: ipv4(id), advertisingRouter: ipv4('10.0.0.7') };
  return buildLsa({ ...key, age, options: Option.e, sequence }, body);
}

test('something new is acknowledged within a quarter of a second, several LSAs in one packet', () => {
  const { net, update, answers } = fullWithScriptedPeer();
  expect(update(external(1), external(1, 1, '198.51.101.0'))).toEqual([]);
  net.run(249);
  expect(answers).toEqual([]);
  net.run(2);
  expect(answers).toMatchObject([{ kind: 'lsAck', headers: [{ sequence: 1 }, { sequence: 1 }] }]);
});

test('a duplicate is acknowledged at once', () => {
  const { net, update } = fullWithScriptedPeer();
  update(external(1));
  net.run(500);
  expect(update(external(1))).toMatchObject([{ kind: 'lsAck', headers: [{ sequence: 1 }] }]);
});

test('a second instance within a second is dropped without an acknowledgement, later it is taken', () => {
  const { net, update, has, a, answers } = fullWithScriptedPeer();
  update(external(1));
  net.run(900);
  update(external(2));
  expect(has(external(2))).toBe(false);
  net.run(50);
  expect(answers).toEqual([]);
  expect(a.instance.counters().dropped.minLsArrival).toBe(1);
  net.run(100);
  update(external(2));
  expect(has(external(2))).toBe(true);
});

test('an older instance is answered with ours, at most once a second', () => {
  const { net, update } = fullWithScriptedPeer();
  update(external(5));
  net.run(2000);
  expect(update(external(4))).toMatchObject([{ kind: 'lsUpdate', lsas: [{ header: { sequence: 5 } }] }]);
  net.run(500);
  expect(update(external(4))).toEqual([]);
});

test('a flush of something that we do not have is acknowledged at once and forgotten', () => {
  const { update, has } = fullWithScriptedPeer();
  expect(update(external(9, MAX_AGE))).toMatchObject([{ kind: 'lsAck', headers: [{ sequence: 9 }] }]);
  expect(has(external(9))).toBe(false);
});

test('a flushed LSA is remembered for ten seconds, in which a late live copy is answered with the flush', () => {
  const { net, update, has } = fullWithScriptedPeer();
  const lsa = external(1);
  update(lsa);
  net.run(1500);
  update(decodeLsa(withAge(lsa, MAX_AGE)));
  net.run(1500);
  expect(update(lsa)).toMatchObject([{ kind: 'lsUpdate', lsas: [{ header: { sequence: 1, age: MAX_AGE } }] }]);
  net.run(8600);
  expect(has(lsa)).toBe(false);
});

test('our own LSA is sent again twice after 1.1 seconds, then at the interval, until acknowledged', () => {
  const { net, a, say, answers } = fullWithScriptedPeer();
  const sentAt: number[] = [];
  const announcedAt = net.now;
  net.onSend = (_from, packet) => {
    if (packet.body.kind === 'lsUpdate') sentAt.push(Math.round((net.now - announcedAt) / 100) / 10);
  };
  announce(net, a, '203.0.113.10');
  net.run(13_000);
  expect(sentAt).toEqual([0, 1.1, 2.2, 7.2, 12.2]);
  expect(answers).toEqual([]);
  const own = a.instance.lsdb(net.now).find((row) => row.own)!;
  say({ kind: 'lsAck', headers: [{ ...own, options: Option.e }] });
  expect(a.instance.neighbors(net.now)[0]?.retransmissions).toBe(0);
});

test('an acknowledgement of another instance does not count', () => {
  const { net, a, say } = fullWithScriptedPeer();
  announce(net, a, '203.0.113.10');
  const own = a.instance.lsdb(net.now).find((row) => row.own)!;
  say({ kind: 'lsAck', headers: [{ ...own, options: Option.e, sequence: own.sequence - 1 }] });
  expect(a.instance.neighbors(net.now)[0]?.retransmissions).toBe(1);
});

test('getting back what we just sent counts as its acknowledgement', () => {
  const { net, a, say, update } = fullWithScriptedPeer();
  let last: Lsa | undefined;
  net.onSend = (_from, packet) => {
    if (packet.body.kind === 'lsUpdate') last = packet.body.lsas[0];
  };
  announce(net, a, '203.0.113.10');
  expect(last?.header.advertisingRouter).toBe(A);
  expect(update(last!)).toEqual([]);
  expect(a.instance.neighbors(net.now)[0]?.retransmissions).toBe(0);
  expect(say({ kind: 'lsAck', headers: [] })).toEqual([]);
});

test('a request for what we do not have starts the exchange over', () => {
  const { net, a, say } = fullWithScriptedPeer();
  const answers = say({ kind: 'lsRequest', requests: [external(1).header] });
  expect(a.instance.neighbors(net.now)[0]?.state).toBe('exStart');
  expect(answers).toMatchObject([{ kind: 'dbDescription', flags: 7, headers: [] }]);
});

test('a type 7 LSA has no place in a normal area', () => {
  const { a, net, update } = fullWithScriptedPeer();
  const body = { kind: 'external', mask: 0xffffff00, e2: true, metric: 20, forwardingAddress: 0, tag: 0 } as const;
  const key = { type: LsType.nssa, id: ipv4('198.51.100.0'), advertisingRouter: ipv4('10.0.0.7') };
  expect(update(buildLsa({ ...key, age: 1, options: Option.e, sequence: 1 }, body))).toEqual([]);
  expect(a.instance.counters().dropped.lsa).toBe(1);
  expect(a.instance.lsdb(net.now).some(({ type }) => type === LsType.nssa)).toBe(false);
});

test('packing: what fits shares a packet, what is too large travels alone, nothing is reordered or lost', () => {
  const sized = (length: number): Lsa => ({ ...external(1), bytes: new Uint8Array(length) });
  const lengths = (batches: Lsa[][]) => batches.map((batch) => batch.map(({ bytes }) => bytes.length));
  expect(lengths(pack([40, 50, 20, 400, 30, 70, 1].map(sized), 100))).toEqual([[40, 50], [20], [400], [30, 70], [1]]);
  expect(pack([], 100)).toEqual([]);
});
