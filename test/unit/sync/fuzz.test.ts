import { expect, test } from 'vitest';
import { THOROUGH } from '../../sizes.ts';
import { fuzzFrames } from './fuzz.ts';
import { fuzzMesh } from './mesh-fuzz.ts';

const SEED = Number(process.env['SLUICE_SEED'] ?? 1);
const FRAMES = THOROUGH ? 50_000 : 800;
const STEPS = THOROUGH ? 20_000 : 300;

test(`${FRAMES} spoiled frames (seed ${SEED}): a frame or a DecodeError comes of each`, () => {
  const { faults, refused, accepted } = fuzzFrames(SEED, FRAMES);
  expect(faults).toEqual([]);
  expect(Object.keys(refused).sort()).toEqual(['length', 'short', 'trailing', 'value', 'version']);
  expect(accepted).toBeGreaterThan(FRAMES);
});

test(`a director gone mad, ${STEPS} frames: its own stream ends, the mesh and another peer go on`, () => {
  const { faults, ended } = fuzzMesh(SEED, STEPS);
  expect(faults).toEqual([]);
  expect(ended).toBeGreaterThan(STEPS / 5);
});
