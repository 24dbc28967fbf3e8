/**
 * A million mutated packets for OSPF speakers in the middle of their work, see test/sim/fuzz.ts; and ten thousand on the wire
 * for an agent that is Full with two routers, see test/lab/wire-fuzz.ts.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { claimBetween, claimEqual } from '../../lab/report/result.ts';
import { fuzzOnTheWire } from '../../test/lab/wire-fuzz.ts';
import { fuzz, SLOW } from '../../test/sim/fuzz.ts';
import type { SoakRun } from './soak.ts';

const PACKETS = 1_000_000;
const QUICK_PACKETS = 50_000;
const ON_THE_WIRE = 10_000;
const QUICK_ON_THE_WIRE = 1000;
const MEGABYTE = 1 << 20;
/** Between two quarters of a run; what one garbage collection leaves differs by less from the next. */
const GROWTH_LIMIT = 8;

export const run: SoakRun = async ({ quick, seed, progress }) => {
  const collectGarbage = garbageCollector();
  const heaps = new Map<string, number[]>();
  const started = performance.now();
  const report = fuzz(seed, quick ? QUICK_PACKETS : PACKETS, (situation) => {
    collectGarbage();
    const samples = heaps.get(situation) ?? [];
    if (samples.length === 0) progress(`${situation}, ${((performance.now() - started) / 1000).toFixed(0)} s`);
    samples.push(process.memoryUsage().heapUsed / MEGABYTE);
    heaps.set(situation, samples);
  });
  for (const line of [...report.escapes, ...report.faults]) progress(line);
  for (const { situation, strike, hex, millis } of report.slow) {
    progress(`${situation}, strike ${strike}: ${millis.toFixed(1)} ms for ${hex}`);
  }
  const growth = Math.max(...[...heaps.values()].map(growthOf));
  const wire = await fuzzOnTheWire(quick ? QUICK_ON_THE_WIRE : ON_THE_WIRE, seed, progress);
  for (const line of wire.disturbances) progress(line);
  const claims = [
    claimEqual(`exceptions that came out of the speaker, of ${report.packets} packets`, report.escapes.length, 0),
    claimEqual('times that not all was in order after the strikes', report.faults.length, 0),
    claimEqual(`packets that took more than ${SLOW} ms, in every run`, report.slow.length, 0),
    claimBetween(
      'heap, last quarter of a run against its second',
      growth,
      Number.NEGATIVE_INFINITY,
      GROWTH_LIMIT,
      'MB',
    ),
    claimEqual(`what ${wire.sent} packets on the wire did to the adjacencies`, wire.disturbances.length, 0),
  ];
  return { claims, samples: { ...report, heaps: Object.fromEntries(heaps), wire } };
};

/** Without a flag on the command line, which `npm run soak` does not give. */
function garbageCollector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

/** From the second quarter on, when caches and the invented LSAs have reached their level. */
function growthOf(samples: readonly number[]): number {
  const quarter = Math.floor(samples.length / 4);
  return median(samples.slice(-quarter - 1)) - median(samples.slice(quarter, 2 * quarter + 1));
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
