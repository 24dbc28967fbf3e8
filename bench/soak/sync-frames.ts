/**
 * 100,000 spoiled frames of connection sync through reader, decoders and table, see test/unit/sync/fuzz.ts; and as many steps of
 * a director gone mad against a whole mesh, see test/unit/sync/mesh-fuzz.ts.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { claimAtLeast, claimBetween, claimEqual } from '../../lab/report/result.ts';
import { fuzzFrames } from '../../test/unit/sync/fuzz.ts';
import { fuzzMesh } from '../../test/unit/sync/mesh-fuzz.ts';
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
  const megabytes = () => {
    collectGarbage();
    const { heapUsed, arrayBuffers } = process.memoryUsage();
    return (heapUsed + arrayBuffers) / MEGABYTE;
  };
  const memory = { frames: [] as number[], mesh: [] as number[] };
  const size = quick ? QUICK_FRAMES : FRAMES;
  const report = fuzzFrames(seed, size, () => memory.frames.push(megabytes()));
  const { frames, accepted, unknown, refused } = report;
  const reasons = Object.entries(refused).map(([reason, count]) => `${reason} ${count}`);
  const among = `${frames} spoiled frames among ${2 * frames} whole ones`;
  progress(`${among}: ${accepted} frames accepted, ${unknown} of unknown kinds; ${reasons.join(', ')}`);
  // Every second step is a spoiled frame.
  const mesh = fuzzMesh(seed, 2 * size, () => memory.mesh.push(megabytes()));
  progress(`${mesh.frames} spoiled frames for a mesh: ${mesh.ended} streams ended`);
  for (const fault of [...report.faults, ...mesh.faults]) progress(fault);
  const claims = [
    claimEqual(`other than frames and DecodeErrors, of ${frames} spoiled frames`, report.faults.length, 0),
    claimEqual(`exceptions of the mesh and harm to its other peer, of ${mesh.frames}`, mesh.faults.length, 0),
    claimAtLeast('streams of the mad director that were ended', mesh.ended, size / 2, ''),
    ...Object.entries(memory).map(([what, samples]) =>
      claimBetween(
        `memory (${what}), last quarter against the second`,
        growthOf(samples),
        Number.NEGATIVE_INFINITY,
        GROWTH_LIMIT,
        'MB',
      ),
    ),
  ];
  return { claims, samples: { ...report, mesh, memory } };
};

function growthOf(samples: readonly number[]): number {
  const quarter = Math.max(1, Math.floor(samples.length / 4));
  return median(samples.slice(-quarter)) - median(samples.slice(quarter, 2 * quarter));
}
