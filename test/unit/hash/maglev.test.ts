import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { tableDigest, withFallback } from '../../../src/core/hash/fallback.ts';
import { type HashedServer, maglevTable, NO_SERVER } from '../../../src/core/hash/maglev.ts';

const SIZE = 4099;

function servers(count: number, weight: (i: number) => number = () => 1): HashedServer[] {
  return Array.from({ length: count }, (_, i) => ({ key: `10.2.0.${i + 1}:80`, weight: weight(i) }));
}

function countOf(table: Uint16Array, count: number): number[] {
  const counts = new Array<number>(count).fill(0);
  for (const owner of table) counts[owner]!++;
  return counts;
}

/** The table as keys, so that tables of differently ordered lists can be compared. */
function keysOf(table: Uint16Array, list: readonly HashedServer[]): string[] {
  return Array.from(table, (owner) => list[owner]?.key ?? '-');
}

const serverLists = fc.uniqueArray(
  fc.record({
    key: fc.tuple(fc.nat({ max: 255 }), fc.integer({ min: 1, max: 65535 })).map(([a, p]) => `10.2.0.${a}:${p}`),
    weight: fc.integer({ min: 1, max: 20 }),
  }),
  { minLength: 1, maxLength: 30, selector: (server) => server.key },
);

describe('maglevTable', () => {
  test('the order in which servers are listed does not matter', () => {
    fc.assert(
      fc.property(
        serverLists.chain((list) =>
          fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length })),
        ),
        ([list, shuffled]) => {
          const [a, b] = [maglevTable(list, 1021), maglevTable(shuffled, 1021)];
          expect(keysOf(b, shuffled)).toEqual(keysOf(a, list));
          expect(
            tableDigest(
              b,
              shuffled.map((s) => s.key),
            ),
          ).toBe(
            tableDigest(
              a,
              list.map((s) => s.key),
            ),
          );
        },
      ),
      { numRuns: 30 },
    );
  });

  test('every server’s share is within a few turns of its weight, whatever the weights', () => {
    fc.assert(
      fc.property(serverLists, (list) => {
        const total = list.reduce((sum, server) => sum + server.weight, 0);
        countOf(maglevTable(list, SIZE), list.length).forEach((count, i) => {
          const share = list[i]!.weight / total;
          // Above: a turn for the round that was cut short, and one for the turn everyone has in the first round. Below: a
          // turn, and this server's part of the turns that all the others had in the first round.
          expect(count - SIZE * share).toBeLessThanOrEqual(2);
          expect(SIZE * share - count).toBeLessThanOrEqual(1 + list.length * share);
        });
      }),
      { numRuns: 50 },
    );
  });

  test.each([
    ['4 equal servers', servers(4)],
    ['weights 1:2:4', servers(3, (i) => 2 ** i)],
    ['20 servers, weights 1 to 5', servers(20, (i) => (i % 5) + 1)],
  ])('%s: shares within 2 %% of the weights', (_, list) => {
    const total = list.reduce((sum, server) => sum + server.weight, 0);
    countOf(maglevTable(list, SIZE), list.length).forEach((count, i) => {
      const ideal = (SIZE * list[i]!.weight) / total;
      expect(Math.abs(count - ideal) / ideal).toBeLessThan(0.02);
    });
  });

  test('a common factor of all weights changes nothing', () => {
    const [a, b] = [
      maglevTable(
        servers(5, (i) => i + 1),
        SIZE,
      ),
      maglevTable(
        servers(5, (i) => (i + 1) * 7),
        SIZE,
      ),
    ];
    expect(b).toEqual(a);
  });

  test('removing one of N servers moves few slots beyond its own', () => {
    for (const count of [3, 4, 10, 20]) {
      const list = servers(count);
      const before = keysOf(maglevTable(list, SIZE), list);
      for (const gone of list) {
        const rest = list.filter((server) => server !== gone);
        const after = keysOf(maglevTable(rest, SIZE), rest);
        const survivorsMoved = before.filter((key, slot) => key !== gone.key && key !== after[slot]).length;
        expect(survivorsMoved / SIZE).toBeLessThan(0.04);
      }
    }
  });

  test('even the lightest server owns a slot', () => {
    expect(
      countOf(
        maglevTable(
          servers(2, (i) => (i === 0 ? 1 : 65535)),
          SIZE,
        ),
        2,
      )[0],
    ).toBe(1);
  });

  test('no servers: no owner anywhere', () => {
    expect(new Set(maglevTable([], SIZE))).toEqual(new Set([NO_SERVER]));
  });

  test('impossible lists are refused', () => {
    expect(() => maglevTable([{ key: 'a:1', weight: 0 }], SIZE)).toThrow(RangeError);
    expect(() => maglevTable([servers(1)[0]!, servers(1)[0]!], SIZE)).toThrow('two servers');
    expect(() => maglevTable(servers(8), 7)).toThrow('8 servers in 7 slots');
  });
});

describe('withFallback', () => {
  const cases = serverLists.chain((list) =>
    fc.tuple(fc.constant(list), fc.array(fc.boolean(), { minLength: list.length, maxLength: list.length })),
  );

  test('slots of live servers never move, slots of others go to live ones', () => {
    fc.assert(
      fc.property(cases, ([list, live]) => {
        const table = maglevTable(list, 1021);
        const now = withFallback(table, live);
        const anyLive = live.includes(true);
        const isRight = (owner: number, slot: number) => {
          if (live[owner]) return now[slot] === owner;
          return anyLive ? live[now[slot]!] === true : now[slot] === NO_SERVER;
        };
        expect([...table].flatMap((owner, slot) => (isRight(owner, slot) ? [] : [slot]))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test('two directors that disagree on one server disagree only on slots of that server', () => {
    fc.assert(
      fc.property(cases, fc.nat(), ([list, live], pick) => {
        const table = maglevTable(list, 1021);
        const odd = pick % list.length;
        const a = withFallback(table, live.with(odd, true));
        const b = withFallback(table, live.with(odd, false));
        expect([...a].flatMap((owner, slot) => (owner === odd || b[slot] === owner ? [] : [slot]))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });

  test('directors with the same verdicts agree, whatever order their lists have', () => {
    fc.assert(
      fc.property(cases, ([list, live]) => {
        const [reversed, reversedLive] = [list.toReversed(), live.toReversed()];
        const a = keysOf(withFallback(maglevTable(list, 1021), live), list);
        expect(keysOf(withFallback(maglevTable(reversed, 1021), reversedLive), reversed)).toEqual(a);
      }),
      { numRuns: 30 },
    );
  });

  test('a server that comes back slowly: each tenth adds to the one before, nobody else’s slots move, all is as in the file', () => {
    fc.assert(
      fc.property(serverLists, fc.nat(), (list, pick) => {
        fc.pre(list.length > 1);
        const table = maglevTable(list, 1021);
        const odd = pick % list.length;
        const live = list.map(() => true);
        const at = (tenths: number) =>
          withFallback(
            table,
            live,
            list.map((_, i) => (i === odd ? tenths : undefined)),
          );
        let before = withFallback(table, live.with(odd, false));
        for (let tenths = 1; tenths <= 10; tenths++) {
          const now = at(tenths);
          expect([...now].flatMap((owner, slot) => (owner === before[slot] || owner === odd ? [] : [slot]))).toEqual(
            [],
          );
          expect([...before].flatMap((owner, slot) => (owner === odd && now[slot] !== odd ? [slot] : []))).toEqual([]);
          before = now;
        }
        expect(before).toEqual(table);
      }),
      { numRuns: 10 },
    );
  });

  test('slow starts are about a tenth of the server’s slots at a time, and none while nobody has all of its own', () => {
    const table = maglevTable(servers(3), SIZE);
    const owned = (tenths: readonly (number | undefined)[], live = [true, true, true]) =>
      countOf(withFallback(table, live, tenths), 3)[0]!;
    const all = owned([]);
    const steps = Array.from({ length: 10 }, (_, i) => owned([i + 1]));
    for (const [i, count] of steps.entries()) {
      const added = count - (steps[i - 1] ?? 0);
      expect(added).toBeGreaterThan(all / 10 / 2);
      expect(added).toBeLessThan((all / 10) * 2);
    }
    expect(owned([1, 1, 1])).toBe(all);
    expect(owned([1], [true, false, false])).toBe(SIZE);
  });

  test('the dead server’s load spreads over the live ones by weight', () => {
    const list = servers(4, (i) => [3, 1, 2, 3][i]!);
    const table = maglevTable(list, 65537);
    const now = withFallback(table, [false, true, true, true]);
    const gained = [0, 0, 0, 0];
    table.forEach((owner, slot) => {
      if (owner === 0) gained[now[slot]!]!++;
    });
    const orphans = gained.reduce((a, b) => a + b, 0);
    [0, 1 / 6, 2 / 6, 3 / 6].forEach((share, i) => {
      expect(Math.abs(gained[i]! / orphans - share)).toBeLessThan(0.02);
    });
  });

  test('a lone light survivor takes everything', () => {
    const list = servers(2, (i) => (i === 0 ? 1 : 65535));
    expect(new Set(withFallback(maglevTable(list, SIZE), [true, false]))).toEqual(new Set([0]));
  });
});

test('the digest tells tables apart by a single slot', () => {
  const list = servers(3);
  const table = maglevTable(list, SIZE);
  const other = table.with(17, (table[17]! + 1) % 3);
  const keys = list.map((server) => server.key);
  expect(tableDigest(other, keys)).not.toBe(tableDigest(table, keys));
  expect(tableDigest(table, keys)).toMatch(/^[0-9a-f]{16}$/);
});
