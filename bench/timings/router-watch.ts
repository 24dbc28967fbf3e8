/**
 * What a router saw, and when: routes that entered or left its kernel's table, and the neighbor that became Full, by its
 * log. All instants are wall-clock milliseconds of this machine, on which everything runs.
 */
import { readFile } from 'node:fs/promises';
import { type RouteChange, RouteMonitor } from '../../lab/runtimes/route-monitor.ts';
import { until } from '../../lab/runtimes/wait.ts';

/** How a route was missed between two instants: for how long in all, and how often it went. */
export interface Absence {
  readonly milliseconds: number;
  readonly times: number;
}

/** FRR: `2026/11/21 08:00:00.123456 OSPF: … AdjChg: Nbr 10.255.0.1(default) on eth1:10.1.1.1: Loading -> Full`. */
const FRR_FULL = /^(\d{4})\/(\d\d)\/(\d\d) (\S+) OSPF:.*AdjChg: Nbr (\d+\.\d+\.\d+\.\d+)\b.*-> Full/gm;
/**
 * BIRD: `2026-11-21 08:00:00.123456 <TRACE> ospf1: Neighbor 10.255.0.1 on eth1 changed state from Loading to Full`; BIRD 3
 * with `bird: ` before it and `[0001]` after the time.
 */
const BIRD_FULL =
  /^(?:bird: )?(\d{4})-(\d\d)-(\d\d) (\S+) (?:\[\d+\] )?<TRACE>.*Neighbor (\d+\.\d+\.\d+\.\d+) on \S+ changed state from \w+ to Full/gm;

export class RouterWatch {
  readonly #monitor: RouteMonitor;
  readonly #log: string;

  private constructor(monitor: RouteMonitor, log: string) {
    this.#monitor = monitor;
    this.#log = log;
  }

  /** `log` is the file that the router's daemons write to. */
  static async start(netns: string, log: string): Promise<RouterWatch> {
    return new RouterWatch(await RouteMonitor.start(netns), log);
  }

  /** When the route to `address` was first added (or removed) at or after `since`. Rejects after `deadline` ms. */
  route(address: string, present: boolean, since: number, deadline: number): Promise<number> {
    const wanted = (change: RouteChange) =>
      change.prefix === address && change.deleted !== present && change.at >= since;
    return until(`${address} ${present ? 'in' : 'out of'} the router's table`, deadline, () => {
      const found = this.#monitor.changes.find(wanted);
      return found === undefined ? false : found.at;
    });
  }

  /** When the route to `address` last came back, once nothing has changed for `quiet` ms: a route that flaps is waited for. */
  settled(address: string, quiet: number): Promise<number> {
    return until(`the route to ${address} to stay as it is for ${quiet / 1000} s`, 60_000, () => {
      const own = this.#monitor.changes.filter(({ prefix }) => prefix === address);
      const last = own.at(-1);
      if (last === undefined || last.deleted || Date.now() - last.at < quiet) return false;
      // A replaced route is told of as an added one.
      const gone = own.findLastIndex(({ deleted }) => deleted);
      return own[gone + 1]!.at;
    });
  }

  /** The router's table had the route at `from`. */
  absence(address: string, from: number, to: number): Absence {
    let goneAt: number | undefined;
    let milliseconds = 0;
    let times = 0;
    for (const change of this.#monitor.changes) {
      if (change.prefix !== address || change.at < from || change.at > to) continue;
      if (change.deleted) {
        times++;
        goneAt ??= change.at;
      } else if (goneAt !== undefined) {
        milliseconds += change.at - goneAt;
        goneAt = undefined;
      }
    }
    return { milliseconds: milliseconds + (goneAt === undefined ? 0 : to - goneAt), times };
  }

  /** When the neighbor with this router id became Full, at or after `since`. */
  full(routerId: string, since: number, deadline: number): Promise<number> {
    return until(`the router's log to call ${routerId} Full`, deadline, async () => {
      const text = await readFile(this.#log, 'utf8');
      const lines = [...text.matchAll(FRR_FULL), ...text.matchAll(BIRD_FULL)].filter(
        ([, , , , , id]) => id === routerId,
      );
      const times = lines.map(([, year, month, day, time]) =>
        Date.parse(`${year}-${month}-${day}T${time!.slice(0, 12)}`),
      );
      return times.find((at) => at >= since) ?? false;
    });
  }

  stop(): void {
    this.#monitor.stop();
  }
}
