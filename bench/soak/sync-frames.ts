/** 100,000 spoiled frames of connection sync, see test/unit/sync/fuzz.ts. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { claimBetween, claimEqual } from '../../lab/report/result.ts';
import { fuzzFrames } from '../../test/unit/sync/fuzz.ts';
import { median } from '../result.ts';
import type { SoakRun } from './soak.ts';

const FRAMES = 100_000;
const QUICK_FRAMES = 10_000;
const MEGABYTE = 1 << 20;
/** Between the second and the last quarter of the run. */
const GROWTH_LIMIT = 4;

export const run: SoakRun = async ({ quick, seed, progress }) => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  const memory: number[] = [];
  const report = fuzzFrames(seed, quick ? QUICK_FRAMES : FRAMES, () => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    memory.push((heapUsed + arrayBuffers) / MEGABYTE);
  });
  const { frames, accepted, unknown, refused, faults } = report;
  const reasons = Object.entries(refused).map(([reason, count]) => `${reason} ${count}`);
  progress(
    `${frames} spoiled frames among ${2 * frames} whole ones: ${accepted} frames accepted, ${unknown} of unknown kinds; ${reasons.join(', ')}`,
  );
  for (const fault of faults) progress(fault);
  const quarter = Math.floor(memory.length / 4);
  const growth = median(memory.slice(-quarter)) - median(memory.slice(quarter, 2 * quarter));
  const claims = [
    claimEqual(`other than frames and DecodeErrors, of ${frames} spoiled frames`, faults.length, 0),
    claimBetween('memory, last quarter against the second', growth, Number.NEGATIVE_INFINITY, GROWTH_LIMIT, 'MB'),
  ];
  return { claims, samples: { ...report, memory } };
};
