/**
 * What the router saw, and when: routes that entered or left its kernel's table (`ip -ts monitor route`) and neighbors that
 * became Full (FRR's log). All instants are wall-clock milliseconds of this machine, on which everything runs.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { until } from '../../lab/runtimes/wait.ts';

interface RouteChange {
  readonly at: number;
  readonly prefix: string;
  readonly present: boolean;
}

export class RouterWatch {
  readonly #monitor: ChildProcess;
  readonly #log: string;
  readonly #changes: RouteChange[] = [];

  /** `log` is the file that the router's daemons write to. */
  constructor(netns: string, log: string) {
    this.#log = log;
    this.#monitor = spawn('ip', ['-n', netns, '-ts', 'monitor', 'route'], { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface({ input: this.#monitor.stdout! }).on('line', (line) => this.#read(line));
  }

  /** When the route to `address` was first added (or removed) at or after `since`. Rejects after `deadline` ms. */
  route(address: string, present: boolean, since: number, deadline: number): Promise<number> {
    const wanted = (change: RouteChange) =>
      change.prefix === address && change.present === present && change.at >= since;
    return until(`${address} ${present ? 'in' : 'out of'} the router's table`, deadline, () => {
      const found = this.#changes.find(wanted);
      return found === undefined ? false : found.at;
    });
  }

  /** When the route to `address` last changed, once that is `quiet` milliseconds ago: a route that flaps is waited for. */
  settled(address: string, quiet: number): Promise<number> {
    return until(`the route to ${address} to stay as it is for ${quiet / 1000} s`, 60_000, () => {
      const last = this.#changes.findLast(({ prefix }) => prefix === address);
      return last?.present && Date.now() - last.at >= quiet ? last.at : false;
    });
  }

  /** When the neighbor with this router id became Full, at or after `since`. */
  full(routerId: string, since: number, deadline: number): Promise<number> {
    const line = new RegExp(`^(\\S+ \\S+) OSPF:.*AdjChg: Nbr ${routerId.replaceAll('.', '\\.')}\\b.*-> Full`, 'gm');
    return until(`the router's log to call ${routerId} Full`, deadline, async () => {
      const times = [...(await readFile(this.#log, 'utf8')).matchAll(line)].map((match) => frrTime(match[1]!));
      return times.find((at) => at >= since) ?? false;
    });
  }

  stop(): void {
    this.#monitor.kill('SIGTERM');
  }

  /** `[2026-11-21T08:00:00.123456] Deleted 203.0.113.10 via 10.1.1.2 dev eth1 proto ospf metric 20` */
  #read(line: string): void {
    const [, time, deleted, prefix] = /^\[(\S+)\] (Deleted )?(\S+) /.exec(line) ?? [];
    if (time === undefined || prefix === undefined) return;
    this.#changes.push({ at: Date.parse(time.slice(0, 23)), prefix, present: deleted === undefined });
  }
}

/** `2026/11/21 08:00:00.123456`, local time, to milliseconds. */
function frrTime(text: string): number {
  return Date.parse(text.replaceAll('/', '-').replace(' ', 'T').slice(0, 23));
}
