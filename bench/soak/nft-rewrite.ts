/**
 * `npm run soak -- nft-rewrite`: a hundred thousand connections as fast as the machine makes them, through one director whose
 * slots are rewritten forty times meanwhile, a third of them each way; see test/contract/dataplane/rewrite.ts.
 */
import { type Claim, claimAtLeast, claimEqual } from '../../lab/report/result.ts';
import { MH_SLOTS } from '../../src/core/model/scheduler.ts';
import { type RewriteReport, rewriteUnderLoad } from '../../test/contract/dataplane/rewrite.ts';
import { median } from '../result.ts';
import type { SoakRun } from './soak.ts';

const FULL = { connections: 100_000, rewrites: 40 };
const QUICK = { connections: 10_000, rewrites: 10 };

export const run: SoakRun = async ({ quick, progress }) => {
  const size = quick ? QUICK : FULL;
  const reports: Record<string, RewriteReport> = {};
  const claims: Claim[] = [];
  for (const slots of MH_SLOTS) {
    progress(`${slots} slots`);
    const report = await rewriteUnderLoad(`rw${process.pid}`, { slots, ...size, progress });
    const { rate, rateBefore, repeated, written, took } = report;
    const change = `${median(written)} slots a change in ${median(took).toFixed(0)} ms`;
    progress(
      `${Math.round(rate)} connections per second (${Math.round(rateBefore)} before); ${change}; ${repeated} SYNs again`,
    );
    reports[`${slots} slots`] = report;
    claims.push(...judge(slots, report, size));
  }
  return { claims, samples: reports };
};

function judge(slots: number, report: RewriteReport, { connections, rewrites }: typeof FULL): Claim[] {
  const { length } = report.written.filter((written) => written > slots / 2);
  return [
    claimAtLeast(`${slots} slots: connections while they are rewritten`, report.connections, connections, ''),
    claimAtLeast(`${slots} slots: changes of more than half of them`, length, rewrites - 1, ''),
    claimEqual(`${slots} slots: connections that found none`, report.misses, 0),
    claimEqual(`${slots} slots: connections that failed`, report.errors, 0),
  ];
}
