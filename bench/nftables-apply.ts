/**
 * The nftables data plane's turn: what an apply of no change, of one server down and a counter read cost with 1, 10 and 100
 * services of ten servers each, and how long the event loop stalls meanwhile. Peers, in turns with ours in the same
 * namespace: bare `nft -f` of the same text, and a listing of the table by bare `nft -j`. Needs root.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { atMost, atMostRatio, type BenchGoal, type BenchRun, figure, median } from './result.ts';

/** Milliseconds, one entry per round. */
export interface Measured {
  readonly noChange: readonly number[];
  readonly counters: readonly number[];
  readonly listing: readonly number[];
  readonly serverDown: readonly number[];
  readonly bareServerDown: readonly number[];
  /** The longest that the loop did not come round, in all of ours. */
  readonly stall: readonly number[];
}

const MAIN = fileURLToPath(new URL('./nftables-apply-main.js', import.meta.url));
const SERVICES = [1, 10, 100] as const;
/** A Hello must not wait longer for the data plane. */
const STALL_LIMIT_MS = 20;

function measure(services: number, rounds: number): Measured {
  const namespace = `sl-bench${process.pid}-${services}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  try {
    const argv = ['netns', 'exec', namespace, process.execPath, MAIN, String(services), String(rounds)];
    const said = execFileSync('ip', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    return JSON.parse(said) as Measured;
  } finally {
    execFileSync('ip', ['netns', 'del', namespace]);
  }
}

function goalsOf(services: number, measured: Measured): BenchGoal[] {
  const listing = { name: 'nft -j list', value: median(measured.listing) };
  const bare = { name: 'nft -f', value: median(measured.bareServerDown) };
  const of = `${services} services`;
  return [
    atMost(`apply of no change, ${of}`, median(measured.noChange), 'ms', 50, listing),
    atMostRatio(`one server down, ${of}`, median(measured.serverDown), 'ms', 2, bare),
    atMost(`counters, ${of}`, median(measured.counters), 'ms', 50, listing),
    atMost(`loop stall, median, ${of}`, median(measured.stall), 'ms', STALL_LIMIT_MS),
    figure(`loop stall, worst, ${of}`, Math.max(...measured.stall), 'ms'),
  ];
}

export const run: BenchRun = async ({ quick, progress }) => {
  const goals: BenchGoal[] = [];
  const samples: Record<string, readonly number[]> = {};
  for (const services of SERVICES) {
    progress(`${services} services`);
    const measured = measure(services, quick ? 3 : 11);
    goals.push(...goalsOf(services, measured));
    for (const [name, values] of Object.entries(measured)) samples[`${name}, ${services} services`] = values;
  }
  return { goals, samples };
};
