/**
 * `npm run soak -- nft-rewrite`: a hundred thousand connections as fast as the machine makes them, through one director whose
 * slots are rewritten forty times meanwhile, a third of them each way; see test/contract/dataplane/rewrite.ts.
 */
import { type Claim, claimAtLeast, claimEqual } from '../../lab/report/result.ts';
import { formatScheduler, MH_SLOTS, type Scheduler } from '../../src/core/model/scheduler.ts';
import { type RewriteReport, rewriteUnderLoad } from '../../test/contract/dataplane/rewrite.ts';
import { median } from '../result.ts';
import type { SoakRun } from './soak.ts';

const FULL = { connections: 100_000, rewrites: 40 };
const QUICK = { connections: 10_000, rewrites: 10 };

const SCHEDULERS: readonly Scheduler[] = [
  ...MH_SLOTS.map((slots) => ({ name: 'mh', slots, sourcePort: true }) as const),
  { name: 'rr' },
];

export const run: SoakRun = async ({ quick, progress }) => {
  const size = quick ? QUICK : FULL;
  const reports: Record<string, RewriteReport> = {};
  const claims: Claim[] = [];
  for (const scheduler of SCHEDULERS) {
    progress(formatScheduler(scheduler));
    const report = await rewriteUnderLoad(`rw${process.pid}`, { scheduler, ...size, progress });
    const { rate, rateBefore, repeated, written, took } = report;
    const change = `${median(written)} slots a change in ${median(took).toFixed(0)} ms`;
    progress(
      `${Math.round(rate)} connections per second (${Math.round(rateBefore)} before); ${change}; ${repeated} SYNs again`,
    );
    reports[formatScheduler(scheduler)] = report;
    claims.push(...judge(scheduler, report, size));
  }
  return { claims, samples: reports };
};

function judge(scheduler: Scheduler, report: RewriteReport, { connections, rewrites }: typeof FULL): Claim[] {
  const name = formatScheduler(scheduler);
  const half = scheduler.name === 'mh' ? Math.floor(scheduler.slots / 2) : 0;
  const { length } = report.written.filter((written) => written > half);
  return [
    claimAtLeast(`${name}: connections while they are rewritten`, report.connections, connections, ''),
    claimAtLeast(`${name}: changes of more than ${half} slots`, length, rewrites - 1, ''),
    claimEqual(`${name}: connections that found no slot`, report.misses, 0),
    claimEqual(`${name}: connections that failed`, report.errors, 0),
  ];
}
