/** Twenty days of eight unlucky routers in the simulator, a seed each; see test/sim/day.ts. */
import { claimBetween, claimEqual } from '../../lab/report/result.ts';
import { type DayReport, liveThrough } from '../../test/sim/day.ts';
import type { SoakRun } from './soak.ts';

const DAYS = 20;
const QUICK_DAYS = 2;
/** Seconds of real time that a day may take. */
const LIMIT = 30;

export const run: SoakRun = async ({ quick, seed, progress }) => {
  const days = Array.from({ length: quick ? QUICK_DAYS : DAYS }, (_, at) => timed(seed + at, progress));
  const faulty = days.filter(({ faults }) => faults.length > 0);
  const slowest = Math.max(...days.map(({ seconds }) => seconds));
  const claims = [
    claimEqual('days at whose end databases or routes disagree, or an LSA is stale', faulty.length, 0),
    claimBetween('slowest day', slowest, 0, LIMIT, 's'),
  ];
  return { claims, samples: days };
};

function timed(seed: number, progress: (line: string) => void): DayReport & { readonly seconds: number } {
  const started = performance.now();
  const report = liveThrough(seed);
  const seconds = (performance.now() - started) / 1000;
  const { misfortunes, lost, packets, faults } = report;
  const what = `${misfortunes} misfortunes, ${lost} adjacencies lost, ${packets} packets sent`;
  progress(`seed ${seed}: ${what}, ${seconds.toFixed(1)} s${faults.map((fault) => `; ${fault}`).join('')}`);
  return { ...report, seconds };
}
