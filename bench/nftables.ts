/**
 * The nftables data plane beside what an administrator would write by hand: changes of slots, connections and bytes through
 * one director, and what a new connection costs as the director's own ports fill up. Needs root.
 */
import { measureChanges } from './nftables/changes.ts';
import { measureConnections } from './nftables/connection.ts';
import { measureFill } from './nftables/fill.ts';
import { measureForwarding } from './nftables/forwarding.ts';
import { measurePaths } from './nftables/paths.ts';
import type { BenchRun } from './result.ts';

export const run: BenchRun = async ({ quick, progress }) => {
  progress('changes of slots');
  const changes = await measureChanges(quick ? 5 : 41);
  progress('connections and bytes through one director');
  const forwarding = await measureForwarding(quick ? { rounds: 1, seconds: 1 } : { rounds: 9, seconds: 2 }, progress);
  const paths = await measurePaths(quick ? 1 : 11, progress);
  const connections = await measureConnections(quick ? 1 : 11, progress);
  const fill = await measureFill(quick ? 1 : 11, progress);
  const parts = [changes, forwarding, paths, connections, fill];
  return {
    goals: parts.flatMap(({ goals }) => goals),
    samples: Object.assign({}, ...parts.map(({ samples }) => samples)),
  };
};
