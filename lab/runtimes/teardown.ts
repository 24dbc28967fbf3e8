/**
 * Takes namespaces down: first the processes in them (a namespace whose name is deleted lives on as long as a process
 * does), by their ids, then the names, then the folder. Synchronous, so that it also works while the process exits.
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { takeDownAtExit } from './exit.ts';
import { isLeftover, type ProcessIdentity, processStart, type RunState, readStates, runFolder } from './run-state.ts';

export function takeDown(state: RunState): void {
  killThese(Object.values(state.guests ?? {}));
  removeNamespaces(state.namespaces);
  rmSync(runFolder(state.runId), { recursive: true, force: true });
}

/**
 * For who makes namespaces without a lab, called before the first is made: they go when the returned function is called, at
 * the latest with this process.
 */
export function throwaway(names: readonly string[]): () => void {
  const remove = () => removeNamespaces(names);
  const forgetExit = takeDownAtExit(remove);
  return () => {
    forgetExit();
    remove();
  };
}

/** Those of them that there are, with what runs in them. */
function removeNamespaces(names: readonly string[]): void {
  const present = new Set(namespaces());
  const ours = names.filter((name) => present.has(name));
  killAll(ours);
  // One batch; -force goes on with the next name if one is gone already.
  ip(['-force', '-batch', '-'], ours.map((name) => `netns delete ${name}\n`).join(''));
}

/** Names of all network namespaces of the machine. */
export function namespaces(): string[] {
  return ip(['netns', 'list'])
    .split('\n')
    .flatMap((line) => line.split(' ')[0] || []);
}

/** Takes down every run whose owner is dead. */
export async function removeLeftovers(progress: (text: string) => void): Promise<void> {
  for (const state of (await readStates()).filter(isLeftover)) {
    progress(`removing what the dead run ${state.runId} left behind`);
    takeDown(state);
  }
}

/** SIGKILL, and the wait until they are gone: an emulator holds its devices until its memory is given back. */
function killThese(processes: readonly ProcessIdentity[]): void {
  const alive = () => processes.filter(({ pid, started }) => processStart(pid) === started);
  for (const { pid } of alive()) kill(pid);
  for (let round = 0; round < 500 && alive().length > 0; round += 1) pause();
}

function killAll(names: readonly string[]): void {
  // Several rounds: a process may start another one between the list and the kill.
  for (let round = 0; round < 100; round += 1) {
    const pids = names.flatMap(processesOf).filter((pid) => pid !== process.pid && processStart(pid) !== undefined);
    if (pids.length === 0) return;
    for (const pid of pids) kill(pid);
    pause();
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It ended by itself.
  }
}

/** Ten milliseconds; synchronous, as all of this. */
function pause(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
}

function processesOf(name: string): number[] {
  return ip(['netns', 'pids', name])
    .split('\n')
    .filter((line) => line !== '')
    .map(Number);
}

function ip(args: readonly string[], input = ''): string {
  return spawnSync('ip', args, { input, encoding: 'utf8' }).stdout ?? '';
}
