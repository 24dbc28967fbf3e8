/**
 * Large tables in the background: how late the event loop comes to its work while a data plane is loaded at once that was not
 * there before, changed in a tenth of its slots, and adopted by a driver that knows nothing, beside an idle process that
 * measures the same at the same time. Needs root.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { atMost, type BenchGoal, type BenchRun, figure, median } from './result.ts';

/** Of a timer of 1 ms, in milliseconds: by how much it was late. */
export interface Lateness {
  readonly p999: number;
  readonly max: number;
  /** The most processor time that this process used from one round of the loop to the next. */
  readonly busiest: number;
}

export const ACTS = ['load', 'change', 'adopt'] as const;
type Act = (typeof ACTS)[number];

/** Of one round, by act. */
export type Loaded = Readonly<
  Record<Act, { readonly time: number; readonly ours: Lateness; readonly control: Lateness }>
>;

const MAIN = fileURLToPath(new URL('./nftables-load-main.js', import.meta.url));
const CASES = [
  { services: 100, slots: 4099 },
  { services: 1, slots: 65_537 },
  { services: 10, slots: 65_537 },
] as const;
/** Above the idle process: a Hello must not wait longer for the data plane. */
const LIMIT_MS = 20;

function measure(services: number, slots: number, rounds: number): readonly Loaded[] {
  const namespace = `sl-load${process.pid}-${services}-${slots}`;
  execFileSync('ip', ['netns', 'add', namespace]);
  try {
    const argv = ['netns', 'exec', namespace, process.execPath, MAIN, String(services), String(slots), String(rounds)];
    const said = execFileSync('ip', argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
    return JSON.parse(said) as Loaded[];
  } finally {
    execFileSync('ip', ['netns', 'del', namespace]);
  }
}

function goalsOf(of: string, act: Act, rounds: readonly Loaded[]): BenchGoal[] {
  const all = rounds.map((round) => round[act]);
  const above = median(all.map(({ ours, control }) => ours.p999 - control.p999));
  return [
    atMost(`${act} ${of}: loop late, p99.9 above idle`, above, 'ms', LIMIT_MS),
    figure(`${act} ${of}: loop late, worst`, Math.max(...all.map(({ ours }) => ours.max)), 'ms'),
    figure(`${act} ${of}: idle process late, worst`, Math.max(...all.map(({ control }) => control.max)), 'ms'),
    figure(`${act} ${of}: longest work without a break`, Math.max(...all.map(({ ours }) => ours.busiest)), 'ms CPU'),
    figure(`${act} ${of}: time`, median(all.map(({ time }) => time)), 'ms'),
  ];
}

export const run: BenchRun = async ({ quick, progress }) => {
  const goals: BenchGoal[] = [];
  const samples: Record<string, readonly number[]> = {};
  for (const { services, slots } of CASES) {
    const of = `${services} x ${slots}`;
    progress(of);
    const rounds = measure(services, slots, quick ? 1 : 5);
    for (const act of ACTS) {
      goals.push(...goalsOf(of, act, rounds));
      samples[`${act} ${of}, time`] = rounds.map((round) => round[act].time);
      samples[`${act} ${of}, p99.9`] = rounds.map((round) => round[act].ours.p999);
      samples[`${act} ${of}, p99.9 of the idle process`] = rounds.map((round) => round[act].control.p999);
    }
  }
  return { goals, samples };
};
