import { expect, test } from 'vitest';
import { THOROUGH } from '../sizes.ts';
import { FUZZ_RUNS } from '../unit/ospf/arbitraries.ts';
import { fuzz, SLOW, strikeWith } from './fuzz.ts';

const SEED = Number(process.env['SLUICE_SEED'] ?? 1);
/** The quick check shares its processors with whatever else its user does: it looks for what hangs. */
const TOO_SLOW = THOROUGH ? SLOW : 20 * SLOW;
const PACKET = process.env['SLUICE_PACKET'];

test(`${FUZZ_RUNS} mutated packets (seed ${SEED}): nothing escapes, nothing hangs, and all is in order afterwards`, {
  timeout: 300_000,
}, () => {
  const { escapes, faults, slow, dropped } = fuzz(SEED, FUZZ_RUNS);
  expect(escapes).toEqual([]);
  expect(faults).toEqual([]);
  expect(slow.filter(({ millis }) => millis > TOO_SLOW)).toEqual([]);
  expect(Object.keys(dropped).length).toBeGreaterThan(8);
});

/** For a packet that a run has reported: SLUICE_PACKET=HEX npx vitest run --project pure test/sim/fuzz.test.ts */
if (PACKET !== undefined) {
  test('the given packet is survived in every situation', () => {
    expect(strikeWith(PACKET)).toEqual([]);
  });
}
