/**
 * What a demo, a scenario or a benchmark leaves behind as a file: one form for all of them, so that figures quoted
 * elsewhere can be checked by a machine. A claim is something the run asserts: it holds or it does not.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { dirname } from 'node:path';

export interface Claim {
  readonly name: string;
  readonly value: number | string | boolean | null;
  readonly unit: string;
  /** In words or as a comparison, e.g. `0`, `20..47`, `<= 240`. */
  readonly goal: string;
  readonly met: boolean;
}

export interface ResultDocument {
  readonly bench: string;
  readonly command: string;
  readonly machine: string;
  readonly claims: readonly Claim[];
  readonly samples: unknown;
}

/** The goal of what is only told. */
export const NO_GOAL = '–';

/** Something that must be exactly `goal`. */
export function claimEqual(
  name: string,
  value: number | string | boolean | null,
  goal: typeof value,
  unit = '',
): Claim {
  return { name, value, unit, goal: String(goal), met: value === goal };
}

/** A figure that must lie between two bounds, both included. Rounded to a tenth after the comparison. */
export function claimBetween(name: string, value: number, low: number, high: number, unit: string): Claim {
  return { name, value: tenth(value), unit, goal: `${low}..${high}`, met: value >= low && value <= high };
}

/** A figure that must not exceed a bound. A missing figure (null) does not meet it. */
export function claimAtMost(name: string, value: number | null, high: number, unit: string): Claim {
  const rounded = value === null ? null : tenth(value);
  return { name, value: rounded, unit, goal: `<= ${high}`, met: value !== null && value <= high };
}

/** A figure that must reach a bound. */
export function claimAtLeast(name: string, value: number, low: number, unit: string): Claim {
  return { name, value: tenth(value), unit, goal: `>= ${low}`, met: value >= low };
}

/** Something that is told and not claimed: it always holds. */
export function told(name: string, value: number | string, unit = ''): Claim {
  return { name, value: typeof value === 'number' ? tenth(value) : value, unit, goal: NO_GOAL, met: true };
}

/** One line on the machine, for readers of the figures. */
export function machineText(): string {
  const model = cpus()[0]?.model ?? 'unknown processor';
  const memory = Math.round(totalmem() / 2 ** 30);
  return `${cpus().length} x ${model}, ${memory} GiB, Linux ${release()}, ${distribution()}, Node ${process.version}`;
}

/** Writes the document, with the folder it goes into. */
export function writeResult(file: string, document: ResultDocument): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`);
}

/** The samples in a file that an earlier run has written; undefined where there is none. Throws a SyntaxError where it is no JSON. */
export function readSamples(file: string): unknown {
  if (!existsSync(file)) return undefined;
  return (JSON.parse(readFileSync(file, 'utf8')) as Partial<ResultDocument>).samples;
}

function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}

function distribution(): string {
  try {
    const line = /^PRETTY_NAME="(.*)"$/m.exec(readFileSync('/etc/os-release', 'utf8'));
    return line?.[1] ?? 'unknown distribution';
  } catch {
    return 'unknown distribution';
  }
}
