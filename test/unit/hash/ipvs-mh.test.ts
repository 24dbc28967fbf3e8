/** The `mh` scheduler of IPVS in user space. That it is the kernel's, slot by slot, is shown beside a real one. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import {
  IPVS_MH_SLOTS,
  type IpvsServer,
  ipvsMhServer,
  ipvsMhSlot,
  ipvsMhTable,
} from '../../../src/core/hash/ipvs-mh.ts';
import { NO_SERVER } from '../../../src/core/hash/maglev.ts';
import { sipHash13 } from '../../../src/core/hash/siphash.ts';

/**
 * printf '\x50\0\0\0' | openssl mac -macopt hexkey:b179379e00000000b179379e00000000 -macopt size:8 -macopt c-rounds:1 \
 *   -macopt d-rounds:3 -in - SIPHASH
 * whose first four bytes, the least first, are what is kept.
 */
test.each([
  [0, 2654435761, 0x1d5a77c2],
  [0, 2654446892, 0xf882433f],
  [1, 2654435761, 0x16ec66b2],
  [80, 2654435761, 0x060b3a06],
  [80, 2654446892, 0x2956c0e5],
  [167903233, 2654435761, 0xbc9d0d7b],
  [4294967295, 2654446892, 0xf75a0f5d],
  [3405803786, 2654435761, 0x847ad0c2],
])('SipHash-1-3 of %d with the key %d is that of OpenSSL', (value, key, hash) => {
  expect(sipHash13(value, key)).toBe(hash);
});

const three = (weights: readonly number[]): readonly IpvsServer[] =>
  weights.map((weight, i) => ({ address: ipv4(`10.2.0.2${i + 1}`), port: 80, weight }));

function shares(table: Uint16Array): readonly number[] {
  return [0, 1, 2].map((server) => table.filter((owner) => owner === server).length);
}

test('servers of equal weight have as many slots each, but for one', () => {
  const [most, least] = [
    Math.max(...shares(ipvsMhTable(three([1, 1, 1])))),
    Math.min(...shares(ipvsMhTable(three([5, 5, 5])))),
  ];
  expect(most - least).toBeLessThanOrEqual(1);
});

test('slots follow the weights, in steps of whole turns', () => {
  const [one, two, four] = shares(ipvsMhTable(three([100, 200, 400])));
  expect([one, two! / one!, four! / one!]).toEqual([585, expect.closeTo(2, 1), expect.closeTo(4, 1)]);
});

test('a weight that has more than six bits costs the light ones precision, never their slots', () => {
  const [light, , heavy] = shares(ipvsMhTable(three([1, 1, 6400])));
  expect(light).toBeGreaterThan(0);
  // 6400 has 13 bits: it takes 6400 >> 7 = 50 turns where the others have one.
  expect(heavy! / light!).toBeCloseTo(50, -1);
});

test('a server that never had a weight has no slot, and a table without any holds nobody', () => {
  expect(shares(ipvsMhTable(three([1, 0, 1])))[1]).toBe(0);
  expect(new Set(ipvsMhTable(three([0, 0, 0])))).toEqual(new Set([NO_SERVER]));
  expect(ipvsMhTable([])).toHaveLength(IPVS_MH_SLOTS);
});

const server = fc.record({
  address: fc.integer({ min: 0, max: 0xffffffff }),
  port: fc.integer({ min: 1, max: 65535 }),
  weight: fc.integer({ min: 0, max: 300 }),
});

test('whoever takes connections gets some, whoever does not gets none, and who is not concerned keeps his', () => {
  const flows = Array.from({ length: 100 }, (_, i) => [(ipv4('10.9.0.2') + (i % 7)) >>> 0, 32768 + 2 * i] as const);
  fc.assert(
    fc.property(fc.array(server, { minLength: 1, maxLength: 12 }), fc.nat(), (servers, seed) => {
      const table = ipvsMhTable(servers);
      const all = servers.map(({ weight }) => weight > 0);
      const some = all.map((takes, i) => takes && ((seed >> i) & 1) === 0);
      for (const [client, port] of flows) {
        const [before, after] = [ipvsMhServer(table, all, client, port), ipvsMhServer(table, some, client, port)];
        if (before !== NO_SERVER && some[before]) expect(after).toBe(before);
        else expect(after === NO_SERVER || some[after]).toBe(true);
        expect(before).toBe(table[ipvsMhSlot(client, port)]);
      }
    }),
    { numRuns: 10 },
  );
});
