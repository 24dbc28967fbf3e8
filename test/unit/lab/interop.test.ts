/** The interop matrix's choice of cells. */
import { describe, expect, test } from 'vitest';
import { cellName, impossible, possibleCells, product, ROUTERS } from '../../../lab/interop/cells.ts';
import { pairsOf, pairwise } from '../../../lab/interop/pairwise.ts';

describe('pairwise', () => {
  const all = ['a1', 'a2', 'a3'].flatMap((a) =>
    ['b1', 'b2'].flatMap((b) => ['c1', 'c2'].flatMap((c) => ['d1', 'd2'].map((d) => ({ a, b, c, d })))),
  );

  test('every pair of the product is in a chosen cell', () => {
    const chosen = pairwise(all);
    expect(new Set(chosen.flatMap(pairsOf))).toEqual(new Set(all.flatMap(pairsOf)));
  });

  test('no more cells than a third above the two longest dimensions', () => {
    expect(pairwise(all).length).toBeLessThanOrEqual(8);
  });

  test('the same product gives the same choice', () => {
    expect(pairwise(all)).toEqual(pairwise([...all]));
  });

  test('a pair that no cell has is not asked for', () => {
    const without = all.filter(({ a, b }) => !(a === 'a1' && b === 'b1'));
    const chosen = pairwise(without);
    expect(chosen.flatMap(pairsOf)).not.toContain('a=a1 b=b1');
    expect(new Set(chosen.flatMap(pairsOf))).toEqual(new Set(without.flatMap(pairsOf)));
  });
});

test('what a router cannot do is left out with a reason, and nothing else is', () => {
  const out = product().filter((cell) => impossible(cell) !== undefined);
  for (const cell of out) expect(cellName(cell)).toMatch(/^frr-8 \S+ hmac-sha-256 /);
  expect(possibleCells()).toHaveLength(product().length - out.length);
  expect(new Set(possibleCells().map(({ router }) => router))).toEqual(new Set(Object.keys(ROUTERS)));
});
