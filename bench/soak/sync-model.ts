/**
 * Ten thousand random histories of a cluster whose directors sync their connections, see test/sim/sync-model.ts: crashes,
 * restarts, partitions, lost events and records, tuples used again.
 */
import { claimEqual } from '../../lab/report/result.ts';
import { playHistory } from '../../test/sim/sync-model.ts';
import type { SoakRun } from './soak.ts';

const HISTORIES = 10_000;
const QUICK_HISTORIES = 500;
const SHOWN = 20;

export const run: SoakRun = async ({ quick, seed, progress }) => {
  const count = quick ? QUICK_HISTORIES : HISTORIES;
  const totals = { opened: 0, lost: 0, copiesDeleted: 0 };
  const faulty: { readonly seed: number; readonly faults: readonly string[] }[] = [];
  for (let index = 0; index < count; index++) {
    const report = playHistory(seed * HISTORIES + index);
    totals.opened += report.opened;
    totals.lost += report.lost;
    totals.copiesDeleted += report.copiesDeleted;
    if (report.faults.length > 0) {
      faulty.push({ seed: report.seed, faults: report.faults });
      progress(`seed ${report.seed}: ${report.faults.join('; ')}`);
    }
    if (index % 1000 === 999) progress(`${index + 1} histories, ${totals.opened} connections`);
  }
  const claims = [
    claimEqual(
      `histories, of ${count}, in which a live connection was deleted or directors did not agree in the end`,
      faulty.length,
      0,
    ),
  ];
  return { claims, samples: { histories: count, ...totals, faulty: faulty.slice(0, SHOWN) } };
};
