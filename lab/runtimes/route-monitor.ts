import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { until } from './wait.ts';

const WITHIN = 10_000;

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

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on('line', (line) => this.#read(line));
  }

  /** One that listens: it misses nothing of what comes after. */
  static async start(netns: string): Promise<RouteMonitor> {
    const argv = ['-n', netns, '-4', '-ts', 'monitor', 'route'];
    const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    const monitor = new RouteMonitor(child);
    await until(`ip monitor to listen in ${netns}`, WITHIN, () => isListening(child.pid!));
    return monitor;
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

/** `ip` does not say when it has begun: the kernel's list of netlink sockets does, by the groups that they have joined. */
async function isListening(pid: number): Promise<boolean> {
  const sockets = await readFile(`/proc/${pid}/net/netlink`, 'utf8');
  return sockets.split('\n').some((line) => {
    const [, , port, groups] = line.trim().split(/\s+/);
    return port === String(pid) && groups !== undefined && Number.parseInt(groups, 16) !== 0;
  });
}
