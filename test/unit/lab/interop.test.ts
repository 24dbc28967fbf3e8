/** The interop matrix's choice of cells, and how a run of it goes on from another. */
import { describe, expect, test } from 'vitest';
import type { CellOutcome } from '../../../lab/interop/cell-run.ts';
import { type Cell, cellName, impossible, possibleCells, product, ROUTERS } from '../../../lab/interop/cells.ts';
import { matrixClaims, matrixTable, playMatrix } from '../../../lab/interop/matrix.ts';
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

describe('a run', () => {
  const outcomeOf = (cell: Cell, held: boolean): CellOutcome => ({ ...cell, held, seconds: 4, shown: {} });
  const cell: Cell = { router: 'frr-10', role: 'nbma', auth: 'none', area: 'stub' };

  /** Plays what `only` names; every cell but those in `red` holds. Returns the names of what was played, too. */
  async function play(only: string, earlier: readonly CellOutcome[] = [], red: readonly string[] = []) {
    const names: string[] = [];
    const samples = await playMatrix({
      only: only.split(' '),
      parallel: 3,
      earlier,
      play: async (one) => {
        names.push(cellName(one));
        return outcomeOf(one, !red.includes(cellName(one)));
      },
      progress: () => undefined,
      onCell: () => undefined,
    });
    return { names, samples };
  }

  test('plays the cells whose names hold all the words', async () => {
    const { names } = await play('frr-10 nbma none');
    expect(names.sort()).toEqual(['frr-10 nbma none normal', 'frr-10 nbma none nssa', 'frr-10 nbma none stub']);
  });

  test('goes on from an earlier one: what failed is played again, what held is not, and all of it is reported', async () => {
    const earlier = [
      outcomeOf(cell, true),
      outcomeOf({ ...cell, area: 'nssa' }, false),
      outcomeOf({ ...cell, router: 'bird-3' }, false),
    ];
    const { names, samples } = await play('frr-10 nbma none', earlier);
    expect(names.sort()).toEqual(['frr-10 nbma none normal', 'frr-10 nbma none nssa']);
    expect(samples.cells.map((one) => `${cellName(one)} ${one.held}`)).toEqual([
      'frr-10 nbma none normal true',
      'frr-10 nbma none stub true',
      'frr-10 nbma none nssa true',
      'bird-3 nbma none stub false',
    ]);
  });

  test('a red cell is a claim that is not met, and so is no cell at all', async () => {
    const { samples } = await play('frr-10 nbma none', [], ['frr-10 nbma none stub']);
    expect(matrixClaims(samples)).toMatchObject([{ value: 2, goal: '3', met: false }]);
    expect(matrixClaims({ ...samples, cells: [] })).toMatchObject([{ met: false }]);
    const row = matrixTable(samples).find((line) => line.startsWith('frr-10'));
    expect(row?.split(/\s{2,}/).slice(0, 5)).toEqual(['frr-10', 'nbma', '4.0 s', 'FAILED', '4.0 s']);
  });

  test('names what is left out, and why', () => {
    expect(matrixTable({ cells: [], leftOut: [{ cell: 'a', reason: 'no HMAC' }] }).at(-1)).toBe(
      'left out, 1 cells: no HMAC',
    );
  });
});
