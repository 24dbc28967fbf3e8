/**
 * The form that every benchmark's result takes, on paper and as JSON, and how two implementations are timed against each
 * other. A benchmark is a file beside this one that exports `run: BenchRun`; `main.ts` lists them.
 */
import { cpus, release, totalmem } from 'node:os';

/** One figure and what it is held against. `value`, `peerValue` are in `unit`; `ratio` is value / peerValue. */
export interface BenchGoal {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** Who was measured beside us, in the same run and on the same work; null when nobody was. */
  readonly peer: string | null;
  readonly peerValue: number | null;
  readonly ratio: number | null;
  /** The goal in words, e.g. `<= 1000 ns`; null for a figure that is only reported. */
  readonly goal: string | null;
  readonly met: boolean | null;
}

export interface BenchResult {
  readonly bench: string;
  /** What to type to get this again. */
  readonly command: string;
  readonly machine: Machine;
  readonly goals: readonly BenchGoal[];
  /** Every repetition behind the medians, by name. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMiB: number;
  readonly kernel: string;
  readonly node: string;
}

/** What a benchmark can be told beyond the common options, in the words of `parseArgs`. */
export type BenchArguments = Readonly<
  Record<
    string,
    { readonly help: string } & (
      | { readonly type: 'boolean'; readonly default: boolean }
      | { readonly type: 'string'; readonly default: string; readonly choices?: readonly string[] }
    )
  >
>;

export interface BenchOptions {
  /** Of the benchmark's own options. */
  readonly values: Readonly<Record<string, string | boolean | undefined>>;
  /** Fewer repetitions: enough to see that it works, too few to quote. */
  readonly quick: boolean;
  /** Tells the person who waits what is going on. */
  readonly progress: (line: string) => void;
}

/** What a benchmark gives; `main.ts` adds its name, the command and the machine. */
export interface BenchOutcome extends Pick<BenchResult, 'goals' | 'samples'> {
  /** Printed above the table of goals. */
  readonly notes?: readonly string[];
}
export type BenchRun = (options: BenchOptions) => Promise<BenchOutcome>;

export function thisMachine(): Machine {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryMiB: Math.round(totalmem() / 2 ** 20),
    kernel: release(),
    node: process.version,
  };
}

/** The middle value; of an even number of values the mean of the two in the middle. @throws RangeError when empty */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new RangeError('no median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >>> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** A goal of the form "at most so much"; `peer` is optional. */
export function atMost(
  name: string,
  value: number,
  unit: string,
  limit: number,
  peer?: { name: string; value: number },
): BenchGoal {
  return {
    name,
    value,
    unit,
    ...besidePeer(value, peer),
    goal: `<= ${limit} ${unit}`,
    met: value <= limit,
  };
}

/** A goal of the form "at most `limit` times what the peer needs". */
export function atMostRatio(
  name: string,
  value: number,
  unit: string,
  limit: number,
  peer: { name: string; value: number },
): BenchGoal {
  const beside = besidePeer(value, peer);
  return { name, value, unit, ...beside, goal: `ratio <= ${limit}`, met: value / peer.value <= limit };
}

/** A goal of the form "at least `limit` times what the peer does". */
export function atLeastRatio(
  name: string,
  value: number,
  unit: string,
  limit: number,
  peer: { name: string; value: number },
): BenchGoal {
  const beside = besidePeer(value, peer);
  return { name, value, unit, ...beside, goal: `ratio >= ${limit}`, met: value / peer.value >= limit };
}

/** A figure without a goal. */
export function figure(name: string, value: number, unit: string, peer?: { name: string; value: number }): BenchGoal {
  return { name, value, unit, ...besidePeer(value, peer), goal: null, met: null };
}

function besidePeer(
  value: number,
  peer: { name: string; value: number } | undefined,
): Pick<BenchGoal, 'peer' | 'peerValue' | 'ratio'> {
  if (peer === undefined) return { peer: null, peerValue: null, ratio: null };
  return { peer: peer.name, peerValue: peer.value, ratio: value / peer.value };
}

/** Nanoseconds per call of each contender, one entry per round. */
export type RaceSamples<Name extends string> = Readonly<Record<Name, readonly number[]>>;

/**
 * Times synchronous contenders in turns, A B A B, so that a machine that slows down does so for all of them.
 *
 * Each is called `batch` times per round; whatever it returns is folded into a sink, so that nothing can be optimised
 * away. Two rounds of warm-up are not counted.
 */
export function race<Name extends string>(
  contenders: Readonly<Record<Name, () => number>>,
  { rounds, batch }: { rounds: number; batch: number },
): RaceSamples<Name> {
  const names = Object.keys(contenders) as Name[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  const warmUp = 2;
  for (let round = -warmUp; round < rounds; round++) {
    for (const name of names) {
      const nanoseconds = timeBatch(contenders[name], batch);
      if (round >= 0) samples[name].push(nanoseconds);
    }
  }
  return samples;
}

/** Never read by anyone; being exported keeps the engine from proving that. */
export const sink = { value: 0 };

function timeBatch(call: () => number, batch: number): number {
  let sum = 0;
  const begin = process.hrtime.bigint();
  for (let n = 0; n < batch; n++) sum = (sum + call()) | 0;
  const end = process.hrtime.bigint();
  sink.value ^= sum;
  return Number(end - begin) / batch;
}

const COLUMNS = ['figure', 'ours', 'peer', 'ratio', 'goal', 'met'] as const;

/** The table that a benchmark prints, one line per goal, columns aligned. */
export function formatResult(result: BenchResult): string {
  const rows = [COLUMNS as readonly string[], ...result.goals.map(formatGoal)];
  const widths = COLUMNS.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join('  ')
      .trimEnd(),
  );
  const { cpu, cores, kernel, node } = result.machine;
  return [`${result.bench}: ${cpu}, ${cores} cores, Linux ${kernel}, Node ${node}`, ...lines].join('\n');
}

function formatGoal(goal: BenchGoal): string[] {
  return [
    goal.name,
    `${formatNumber(goal.value)} ${goal.unit}`,
    goal.peerValue === null ? '-' : `${formatNumber(goal.peerValue)} ${goal.unit} (${goal.peer})`,
    goal.ratio === null ? '-' : goal.ratio.toFixed(2),
    goal.goal ?? '-',
    goal.met === null ? '-' : goal.met ? 'yes' : 'NO',
  ];
}

function formatNumber(value: number): string {
  if (Number.isInteger(value)) return String(value);
  return Math.abs(value) >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
