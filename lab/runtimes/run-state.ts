/**
 * The folder of a lab run and the note in it (`lab.json`) that says what has to be taken down again. A note whose owner
 * is dead is a leftover: the next `up` removes it. A kept lab has no owner and stays until someone takes it down.
 */
import { readFileSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelVersion } from './lab.ts';

/** Fixed, not TMPDIR's: a later run has to find what an earlier one left. */
export const LABS_FOLDER = '/var/tmp/sluice-lab';

export interface RunState {
  readonly runId: string;
  readonly topology: string;
  /** Process that takes the lab down; null for a kept lab. */
  readonly owner: ProcessIdentity | null;
  readonly namespaces: readonly string[];
  /** Agents' process ids by director. */
  readonly directors: Readonly<Record<string, number>>;
  /** Emulators by guest; they may run in a namespace that is not the run's own. */
  readonly guests?: Readonly<Record<string, ProcessIdentity>>;
  /** Where directors are guests: the kernel that those run. */
  readonly kernel?: KernelVersion;
  /** MiB of each guest, where it is not the usual. */
  readonly memory?: number;
}

/** A pid alone may name another process by the time it is used. */
export interface ProcessIdentity {
  readonly pid: number;
  /** See `processStart`. */
  readonly started: string;
}

export function runFolder(runId: string): string {
  return join(LABS_FOLDER, runId);
}

/** When a process started, in clock ticks since boot: with the pid it names a process for good. Undefined when dead. */
export function processStart(pid: number): string | undefined {
  try {
    // The second field is the program's name in parentheses and may hold anything.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
    return fields[0] === 'Z' ? undefined : fields[19];
  } catch {
    return undefined;
  }
}

export function thisProcess(): ProcessIdentity {
  return { pid: process.pid, started: processStart(process.pid) ?? '' };
}

export function isLeftover({ owner }: RunState): boolean {
  return owner !== null && processStart(owner.pid) !== owner.started;
}

/** Written beside and renamed: a reader never sees half a note. */
export async function writeState(state: RunState): Promise<void> {
  const path = join(runFolder(state.runId), 'lab.json');
  await mkdir(runFolder(state.runId), { recursive: true });
  await writeFile(`${path}.new`, `${JSON.stringify(state, null, 2)}\n`);
  await rename(`${path}.new`, path);
}

/** Every run that left a readable note. */
export async function readStates(): Promise<readonly RunState[]> {
  const names = await readdir(LABS_FOLDER).catch(() => []);
  const states = await Promise.all(names.map(readState));
  return states.filter((state) => state !== undefined);
}

async function readState(runId: string): Promise<RunState | undefined> {
  try {
    return JSON.parse(await readFile(join(runFolder(runId), 'lab.json'), 'utf8')) as RunState;
  } catch {
    return undefined;
  }
}
