/** Turns of servers: as many as their weight, as even as can be. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { smoothTurns } from '../../../src/core/hash/turns.ts';
import { MAX_TURNS, turnsOf } from '../../../src/core/model/scheduler.ts';

test('turns interleave by weight, and a common factor makes no difference', () => {
  expect([...smoothTurns([1, 1, 1])]).toEqual([0, 1, 2]);
  expect([...smoothTurns([5, 1, 1])]).toEqual([0, 0, 1, 0, 2, 0, 0]);
  expect([...smoothTurns([1, 2, 4])]).toEqual([2, 1, 2, 0, 2, 1, 2]);
  expect([...smoothTurns([10, 20, 40])]).toEqual([2, 1, 2, 0, 2, 1, 2]);
  expect([...smoothTurns([7])]).toEqual([0]);
  expect([...smoothTurns([])]).toEqual([]);
});

test('a round gives everyone exactly its weight, and no one waits much longer than its share says', () => {
  const weights = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(weights, (list) => {
      const round = [...smoothTurns(list)];
      const turns = turnsOf(list);
      const total = list.reduce((sum, weight) => sum + weight, 0);
      expect(round).toHaveLength(turns);
      for (const [index, weight] of list.entries()) {
        expect(round.filter((turn) => turn === index)).toHaveLength((weight * turns) / total);
        // Its turns among the first k stay near k times its share.
        let had = 0;
        for (const [k, turn] of round.entries()) {
          if (turn === index) had++;
          if (Math.abs(had - ((k + 1) * weight) / total) >= list.length) expect.fail(`${had} of ${k + 1} turns`);
        }
      }
    }),
    { numRuns: 50 },
  );
});

test('a round that would be too long is refused', () => {
  expect(turnsOf([MAX_TURNS - 1, 1])).toBe(MAX_TURNS);
  expect(smoothTurns([MAX_TURNS - 1, 1])).toHaveLength(MAX_TURNS);
  expect(() => smoothTurns([MAX_TURNS, 1])).toThrow(RangeError);
});
