/**
 * The scheduling priority of this process, raised as far as nice values go: a Hello that is late by a dead interval costs
 * an adjacency, and a director is loaded most when it is needed most.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { constants, getPriority, setPriority } from 'node:os';

const MOST_URGENT = constants.priority.PRIORITY_HIGHEST;
const AUTOGROUP = '/proc/self/autogroup';

export interface Priority {
  /** As it is now, -20 (first) to 19. */
  readonly nice: number;
  /** Errno name of the refusal; undefined when the priority was raised. */
  readonly refused: string | undefined;
}

/** Never throws: a process that may not (CAP_SYS_NICE, or RLIMIT_NICE) goes on as it was, and says so. */
export function raisePriority(): Priority {
  const refused = attempt(() => setPriority(MOST_URGENT)) ?? attempt(raiseAutogroup);
  return { nice: getPriority(), refused };
}

/**
 * Where the kernel groups processes by session (sched_autogroup_enabled), nice values count within a session only, and the
 * group has one of its own. A session that others share, such as a terminal's, is left alone.
 */
function raiseAutogroup(): void {
  if (!leadsSession()) return;
  try {
    writeFileSync(AUTOGROUP, String(MOST_URGENT));
  } catch (error) {
    // No such grouping in this kernel: nothing to raise.
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function leadsSession(): boolean {
  // proc_pid_stat(5): the name in parentheses may hold anything; state, ppid, pgrp and session follow it.
  const stat = readFileSync('/proc/self/stat', 'utf8');
  const session = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[3];
  return session === String(process.pid);
}

/** Errno name of the refusal, if it was refused. */
function attempt(act: () => void): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    const { code, info } = error as { readonly code?: string; readonly info?: { readonly code?: string } };
    return info?.code ?? code ?? String(error);
  }
}

/** Less urgent than the rest of a process that was raised, and more than most others. */
const SECOND = constants.priority.PRIORITY_HIGH;

/** For a thread of this process whose work may wait for that of the main thread. Never throws. */
export function yieldToMainThread(): void {
  // Linux counts nice values by thread, and 0 is the one that asks.
  if (getPriority() < SECOND) attempt(() => setPriority(SECOND));
}

/** A program that we start is not as urgent as we are. */
export function lowerPriority(pid: number | undefined): void {
  if (pid === undefined || getPriority() >= 0) return;
  // It may have ended already.
  attempt(() => setPriority(pid, 0));
}
