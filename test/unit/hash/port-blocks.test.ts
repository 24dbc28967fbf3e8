import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Ipv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import {
  BLOCKS_PER_ADDRESS,
  type BlockCluster,
  type BlockOwners,
  blockOfPort,
  blockOwners,
  blocksOf,
  ownershipDigest,
  portsOf,
  successorOrder,
} from '../../../src/core/hash/port-blocks.ts';
import { THOROUGH } from '../../sizes.ts';

const SHARED = ipv4('10.8.0.1');
const OWN = ipv4('10.3.0.1');

const shared = (count: number): Ipv4[] => Array.from({ length: count }, (_, i) => SHARED + i);
const named = (count: number, prefix = 'd'): string[] => Array.from({ length: count }, (_, i) => `${prefix}${i + 1}`);

/** Directors `d1` … with one LIP each. */
function cluster(names: readonly string[], lips: readonly Ipv4[], live: readonly string[] = names): BlockCluster {
  const directors = named(16).map((name, i) => ({ name, local: [OWN + i] }));
  return { directors: directors.filter(({ name }) => names.includes(name)), shared: lips, live };
}

/** Owners of the blocks of shared LIPs, one after the other. */
function ofShared(owners: BlockOwners, lips: readonly Ipv4[]): string[] {
  return lips.flatMap((address) => owners.get(address) ?? []);
}

const someClusters = fc
  .tuple(fc.subarray(named(16), { minLength: 1 }), fc.integer({ min: 0, max: 3 }))
  .chain(([names, lips]) =>
    fc.record({
      names: fc.constant(names),
      lips: fc.constant(shared(lips)),
      live: fc.subarray(names, { minLength: 1 }),
    }),
  );

const runs = { numRuns: THOROUGH ? 200 : 10 };

describe('blocks', () => {
  test('63 blocks cover the ports from 1024 on, once', () => {
    const ranges = Array.from({ length: BLOCKS_PER_ADDRESS }, (_, block) => portsOf(block));
    expect(ranges[0]).toEqual({ low: 1024, high: 2047 });
    expect(ranges.at(-1)).toEqual({ low: 64512, high: 65535 });
    for (const [block, { low, high }] of ranges.entries()) {
      expect([blockOfPort(low), blockOfPort(high)]).toEqual([block, block]);
      expect(low).toBe(block === 0 ? 1024 : ranges[block - 1]!.high + 1);
    }
    expect(blockOfPort(1023)).toBeUndefined();
  });
});

describe('owners', () => {
  test('every block of every LIP has one owner, who lives; shared blocks are divided evenly', () => {
    fc.assert(
      fc.property(someClusters, ({ names, lips, live }) => {
        const input = cluster(names, lips, live);
        const owners = blockOwners(input);
        const addresses = [...input.directors.flatMap(({ local }) => local), ...lips];
        expect([...owners.keys()].sort()).toEqual(addresses.sort());
        for (const list of owners.values()) expect(list).toHaveLength(BLOCKS_PER_ADDRESS);
        expect([...new Set([...owners.values()].flat())].filter((owner) => !live.includes(owner))).toEqual([]);
        const all = live.flatMap((name) => blocksOf(owners, name));
        expect(new Set(all.map(({ address, block }) => `${address} ${block}`)).size).toBe(all.length);
        expect(all).toHaveLength(addresses.length * BLOCKS_PER_ADDRESS);
        const divided = ofShared(owners, lips);
        for (const name of live) {
          const count = divided.filter((owner) => owner === name).length;
          expect(Math.abs(count - divided.length / live.length)).toBeLessThan(1);
        }
      }),
      runs,
    );
  });

  test('the order of directors, addresses and of those who live does not matter', () => {
    fc.assert(
      fc.property(someClusters, ({ names, lips, live }) => {
        const input = cluster(names, lips, live);
        const { directors } = input;
        const owners = blockOwners(input);
        const turned = blockOwners({
          directors: directors.toReversed(),
          shared: lips.toReversed(),
          live: live.toReversed(),
        });
        expect(new Map([...turned].sort())).toEqual(new Map([...owners].sort()));
        expect(ownershipDigest(turned)).toBe(ownershipDigest(owners));
      }),
      runs,
    );
  });

  test('a LIP of one director is its own, then its first live successor’s, then its own again', () => {
    const names = named(4);
    const address = OWN + 1;
    const ownerAmong = (live: readonly string[]) => new Set(blockOwners(cluster(names, [], live)).get(address));
    expect(ownerAmong(names)).toEqual(new Set(['d2']));
    const order = successorOrder(address, ['d1', 'd3', 'd4']);
    expect(ownerAmong(['d1', 'd3', 'd4'])).toEqual(new Set([order[0]]));
    expect(ownerAmong(order.slice(1))).toEqual(new Set([order[1]]));
    expect(ownerAmong(['d2'])).toEqual(new Set(['d2']));
  });

  test('whoever is not in the file owns nothing, and nobody alive is refused', () => {
    const owners = blockOwners(cluster(named(2), shared(1), ['d1', 'stranger']));
    expect(blocksOf(owners, 'stranger')).toEqual([]);
    expect(blocksOf(owners, 'd1')).toHaveLength(3 * BLOCKS_PER_ADDRESS);
    expect(() => blockOwners(cluster(named(2), shared(1), ['stranger']))).toThrow(RangeError);
  });
});

describe('movement', () => {
  /** Share of shared blocks whose owner differs. */
  function moved(a: BlockCluster, b: BlockCluster): number {
    const [before, after] = [ofShared(blockOwners(a), a.shared), ofShared(blockOwners(b), b.shared)];
    return before.filter((owner, i) => owner !== after[i]).length / before.length;
  }

  test.each(Array.from({ length: 15 }, (_, i) => i + 2))(
    'of %i directors one leaves and returns: its own shared blocks move, and no others',
    (count) => {
      const names = named(count);
      for (const lips of THOROUGH ? [1, 2, 8] : [1, 3]) {
        for (const gone of THOROUGH ? names : names.slice(-1)) {
          const rest = names.filter((name) => name !== gone);
          const [whole, without] = [cluster(names, shared(lips)), cluster(names, shared(lips), rest)];
          const own = blocksOf(blockOwners(whole), gone).filter(({ address }) => whole.shared.includes(address));
          const share = moved(whole, without);
          expect(share).toBe(own.length / (lips * BLOCKS_PER_ADDRESS));
          expect(share).toBeLessThanOrEqual(1 / count + 0.06);
        }
      }
    },
  );

  test.each([2, 3, 4, 6, 8, 12, 16])(
    'a director is added to a file of 4 shared LIPs, or one of others leaves, %i in the end',
    (count) => {
      const lips = shared(4);
      const names = named(count);
      const fewer = names.slice(0, -1);
      // Two numbers: the file grows; and among all the directors of a larger file one more dies.
      expect(moved(cluster(fewer, lips), cluster(names, lips))).toBeLessThanOrEqual(1 / count + 0.06);
      const file = named(16);
      expect(moved(cluster(file, lips, fewer), cluster(file, lips, names))).toBeLessThanOrEqual(1 / count + 0.06);
    },
  );
});

describe('digest', () => {
  test('16 digits, other for another owner', () => {
    const names = named(3);
    const digest = (live: readonly string[]) => ownershipDigest(blockOwners(cluster(names, shared(1), live)));
    expect(digest(names)).toMatch(/^[0-9a-f]{16}$/);
    expect(digest(['d1', 'd2'])).not.toBe(digest(names));
  });
});
