import { expect, test } from 'vitest';
import { THOROUGH } from '../../sizes.ts';
import { fuzzFrames } from './fuzz.ts';

const SEED = Number(process.env['SLUICE_SEED'] ?? 1);
const FRAMES = THOROUGH ? 50_000 : 1500;

test(`${FRAMES} spoiled frames (seed ${SEED}): a frame or a DecodeError comes of each`, () => {
  const { faults, refused, accepted } = fuzzFrames(SEED, FRAMES);
  expect(faults).toEqual([]);
  expect(Object.keys(refused).sort()).toEqual(['length', 'short', 'trailing', 'value', 'version']);
  expect(accepted).toBeGreaterThan(FRAMES);
});
