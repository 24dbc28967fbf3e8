import { expect, test } from 'vitest';
import { ipv4 } from '../../../../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE, LsType, MAX_AGE, Option } from '../../../../src/core/ospf/codes.ts';
import { buildLsa, buildOpaqueLsa, decodeLsa } from '../../../../src/core/ospf/lsa/codec.ts';
import type { Lsa } from '../../../../src/core/ospf/lsa/lsa.ts';
import { Lsdb, MOST_BYTES } from '../../../../src/core/ospf/lsdb/lsdb.ts';

const ROUTER = ipv4('10.0.0.1');
const KEY = { type: LsType.router, id: ROUTER, advertisingRouter: ROUTER };

function routerLsa(sequence = INITIAL_SEQUENCE, age = 0, metric = 1): Lsa {
  const link = { type: 3, id: ipv4('203.0.113.10'), data: 0xffffffff, metric };
  return buildLsa({ ...KEY, age, options: Option.e, sequence }, { kind: 'router', flags: 0, links: [link] });
}

test('an age follows from the moment of installation and stops at MaxAge', () => {
  const lsdb = new Lsdb();
  const { entry } = lsdb.install(routerLsa(INITIAL_SEQUENCE, 100), 'flooded', 'eth1', 5000);
  expect(lsdb.ageOf(entry, 5000)).toBe(100);
  expect(lsdb.ageOf(entry, 5000 + 59_999)).toBe(159);
  expect(lsdb.expiresAt(entry)).toBe(5000 + 3_500_000);
  expect(lsdb.isMaxAge(entry, 5000 + 3_499_999)).toBe(false);
  expect(lsdb.isMaxAge(entry, 5000 + 3_500_000)).toBe(true);
  expect(lsdb.ageOf(entry, 5000 + 9_000_000)).toBe(MAX_AGE);
});

test('what is sent is older by the transit delay, and still has a right checksum', () => {
  const lsdb = new Lsdb();
  const { entry } = lsdb.install(routerLsa(), 'own', '', 0);
  const sent = lsdb.forSending(entry, 1, 10_000);
  expect(decodeLsa(sent.bytes).header.age).toBe(11);
  expect(decodeLsa(lsdb.forSending(entry, 1, 3_600_000).bytes).header.age).toBe(MAX_AGE);
});

test('the bytes are copied: the buffer that they came in may be used again', () => {
  const lsdb = new Lsdb();
  const lsa = routerLsa();
  const { entry } = lsdb.install(lsa, 'flooded', 'eth1', 0);
  lsa.bytes.fill(0);
  expect(() => decodeLsa(entry.lsa.bytes)).not.toThrow();
});

test('`changed` speaks of contents and of MaxAge, not of a mere refresh', () => {
  const lsdb = new Lsdb();
  const install = (lsa: Lsa) => lsdb.install(lsa, 'flooded', 'eth1', 0).changed;
  expect(install(routerLsa(1))).toBe(true);
  expect(install(routerLsa(2))).toBe(false);
  expect(install(routerLsa(3, 0, 99))).toBe(true);
  expect(install(routerLsa(3, MAX_AGE, 99))).toBe(true);
  expect(install(routerLsa(4, 0, 99))).toBe(true);
});

test('a newer instance takes the place of one that waits for removal', () => {
  const lsdb = new Lsdb();
  const { entry: flushed } = lsdb.install(routerLsa(1, MAX_AGE), 'own', '', 0);
  expect([...lsdb.maxAgeEntries().keys()]).toEqual([flushed]);
  const { entry: fresh } = lsdb.install(routerLsa(2), 'own', '', 0);
  expect(lsdb.maxAgeEntries().size).toBe(0);
  lsdb.remove(flushed);
  expect(lsdb.get(fresh.key)).toBe(fresh);
});

test('link-scoped LSAs of two links do not meet, others are one wherever they came in', () => {
  const lsdb = new Lsdb();
  const opaque = { type: LsType.opaqueLink, id: ipv4('3.0.0.0'), advertisingRouter: ROUTER };
  const lsa = buildOpaqueLsa({ ...opaque, age: 0, options: Option.e, sequence: 1 }, new Uint8Array(4));
  for (const link of ['eth1', 'eth2']) lsdb.install(lsa, 'flooded', link, 0);
  for (const link of ['eth1', 'eth2']) lsdb.install(routerLsa(), 'flooded', link, 0);
  expect([...lsdb.entries()].map(({ key, interface: link }) => [key, link])).toEqual([
    ['9/3.0.0.0/10.0.0.1@eth1', 'eth1'],
    ['9/3.0.0.0/10.0.0.1@eth2', 'eth2'],
    ['1/10.0.0.1/10.0.0.1', undefined],
  ]);
});

test('room is bounded by bytes too: beyond them nothing comes in and nothing grows, but everything may be renewed', () => {
  const lsdb = new Lsdb();
  const opaque = (id: number, length: number) =>
    buildOpaqueLsa(
      { type: 10, id, advertisingRouter: 7, age: 1, options: 2, sequence: INITIAL_SEQUENCE },
      new Uint8Array(length),
    );
  const whole = 60_000;
  let stored = 0;
  for (; lsdb.hasRoom(whole + 20, undefined); stored++) lsdb.install(opaque(stored, whole), 'flooded', 'eth1', 0);
  expect(stored).toBe(Math.floor(MOST_BYTES / (whole + 20)));
  const first = lsdb.get(lsdb.keyOf(opaque(0, whole).header, 'eth1'));
  expect(lsdb.hasRoom(whole + 20, first)).toBe(true);
  expect(lsdb.hasRoom(whole + 40_000, first)).toBe(false);
  expect(lsdb.hasRoom(whole + 20, undefined)).toBe(false);
  lsdb.remove(first!);
  expect(lsdb.hasRoom(whole + 20, undefined)).toBe(true);
});
