import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** A route that came into a kernel's tables, or left them. */
export interface RouteChange {
  /** Milliseconds since 1970, by the clock of this machine, on which everything runs. */
  readonly at: number;
  /** As `ip` writes it: a host route is its address alone. */
  readonly prefix: string;
  readonly deleted: boolean;
}

/** `ip -ts monitor route` in a namespace, in all tables: what has changed since it was started. */
export class RouteMonitor {
  readonly changes: RouteChange[] = [];
  readonly #child: ChildProcess;

  constructor(netns: string) {
    const argv = ['-n', netns, '-4', '-ts', 'monitor', 'route'];
    this.#child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#read(line));
  }

  stop(): void {
    this.#child.kill('SIGTERM');
  }

  /** `[2026-11-21T08:00:00.123456] Deleted 203.0.113.10 via 10.1.1.2 dev eth1 proto ospf`; `local 203.0.113.10 dev lo`. */
  #read(line: string): void {
    const [, time, deleted, prefix] = /^\[(\S+)\] (Deleted )?(?:local )?(\S+) /.exec(line) ?? [];
    if (time === undefined || prefix === undefined) return;
    // `Date` knows milliseconds only.
    this.changes.push({ at: Date.parse(time.slice(0, 23)), prefix, deleted: deleted !== undefined });
  }
}
