/**
 * The nftables data plane beside what an administrator would write by hand: changes of slots, connections and bytes through
 * one director, and what a new connection costs as the director's own ports fill up. Needs root.
 */
import { measureChanges } from './nftables/changes.ts';
import type { BenchRun } from './result.ts';

export const run: BenchRun = async ({ quick, progress }) => {
  progress('changes of slots');
  const changes = await measureChanges(quick ? 5 : 41);
  return { goals: changes.goals, samples: changes.samples };
};
