/**
 * Keeps our routes in the kernel: those learned from the neighbors, and `local VIP/32 dev lo` for every VIP that the data
 * plane serves. A refusal is reported once and tried again; the routes that are there stay.
 */
import type { Ipv4, Prefix } from '../../core/base/ipv4.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { ImportRule } from '../../core/model/cluster.ts';
import type { OspfRoute } from '../../core/ospf/events.ts';
import { formatRoute } from '../../core/routes/kernel-route.ts';
import type { KernelRoute, RouteTable } from '../../drivers/routes/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';
import { importRefusal, kernelRoute, type Surroundings } from '../wishes/import-filter.ts';
import { Reconciler } from './reconciler.ts';

export interface RouteKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly routes: RouteTable;
}

/** What one routing instance has learned, and which of it may go into the kernel. */
export interface LearnedRoutes {
  readonly instance: string;
  /** By their names on this host. */
  readonly interfaces: readonly string[];
  readonly rules: readonly ImportRule[];
  readonly routes: readonly OspfRoute[];
}

/** Where a learned route stands. `refusal`: why it was not imported. */
export interface RouteStanding {
  readonly installed: boolean;
  readonly refusal: string | undefined;
}

export interface RouteWish {
  /** By instance, in the order of the file. */
  readonly learned: readonly LearnedRoutes[];
  readonly connected: readonly Prefix[];
  /** Served by the data plane now: these get a local route. */
  readonly served: readonly Ipv4[];
  /** Every VIP of the file: never imported from the neighbors. */
  readonly vips: ReadonlySet<Ipv4>;
  /** What an earlier agent began is being continued: its routes stay until that is over (RFC 3623 2.2 (3)). */
  readonly restarting: boolean;
}

const DRIFT_CHECK = 5000;
const ADOPTED_FOR = 30_000;
const SHOWN_OPERATIONS = 10;

export class RouteKeeper {
  readonly #options: RouteKeeperOptions;
  readonly #reconciler: Reconciler<readonly KernelRoute[], readonly string[]>;
  /** Prefixes of the learned routes that are in the kernel. */
  #installed: ReadonlySet<number> = new Set();
  /** Learned routes that an earlier agent left, until we have learned our own. */
  #adopted: readonly KernelRoute[] = [];
  #patient = true;
  #wish: RouteWish | undefined;
  /** The instance whose route is to be in the kernel, by prefix. */
  #imported: ReadonlyMap<number, string> = new Map();
  readonly #kernelRoutes = new WeakMap<OspfRoute, KernelRoute>();
  #wanted: readonly KernelRoute[] | undefined;
  #wishes = 0;
  readonly #fault: Fault;

  constructor(options: RouteKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('routes-fault', { message }));
    this.#reconciler = new Reconciler({
      clock: options.clock,
      recheck: DRIFT_CHECK,
      apply: (desired) => options.routes.apply(desired),
      onApplied: (desired, operations) => this.#applied(desired, operations),
      onFault: (error) => this.#fault.report(messageOf(error)),
    });
  }

  /**
   * Takes over the learned routes that are there: traffic goes on by them while our adjacencies come up. Once an instance has
   * learned anything, or after half a minute, only what was learned counts of what leads out of its interfaces; another
   * instance's routes wait for that one. Without a word from any, a restart that goes on is waited for. Call it once, before
   * the first wish.
   */
  async adopt(): Promise<void> {
    try {
      this.#adopted = (await this.#options.routes.observe()).filter(({ kind }) => kind === 'unicast');
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
    this.#options.clock.after(ADOPTED_FOR, () => {
      this.#patient = false;
      if (this.#wish !== undefined) this.#tell(this.#wish);
    });
  }

  want(wish: RouteWish): void {
    if (this.#wish !== undefined && sameWish(this.#wish, wish)) return;
    this.#wish = wish;
    this.#tell(wish);
  }

  /** A link has changed: the kernel drops routes with their device and does not say so. */
  recheck(): void {
    this.#reconciler.recheck();
  }

  /** Is the route in the kernel, and if it was not imported, why not? */
  standing(instance: string, route: OspfRoute): RouteStanding {
    const holder = this.#wish?.learned.find((learned) => learned.instance === instance);
    if (this.#wish === undefined || holder === undefined) return { installed: false, refusal: undefined };
    const refusal = importRefusal(route, holder.rules, this.#wish) ?? this.#shadow(holder, route);
    return { installed: refusal === undefined && this.#installed.has(prefixKey(route.prefix)), refusal };
  }

  /** Two instances may have learned the same prefix; the kernel has room for one, and the first in the file wins. */
  #shadow(holder: LearnedRoutes, route: OspfRoute): string | undefined {
    for (const other of this.#wish?.learned ?? []) {
      if (other === holder) return undefined;
      if (this.#imported.get(prefixKey(route.prefix)) === other.instance)
        return `instance ${other.instance} has it too`;
    }
    return undefined;
  }

  #tell(wish: RouteWish): void {
    const routes = this.#import(wish);
    this.#adopted = this.#patient || wish.restarting ? this.#stillAdopted(wish) : [];
    const local = wish.served.map((address): KernelRoute => ({ kind: 'local', prefix: { address, length: 32 } }));
    const wanted = [...this.#adopted, ...routes, ...local];
    if (this.#wanted !== undefined && sameRoutes(this.#wanted, wanted)) return;
    this.#wanted = wanted;
    this.#reconciler.want(wanted, String(++this.#wishes));
  }

  /** All of it while nobody has learned anything; after that, what leads out of the interfaces of those who have not. */
  #stillAdopted({ learned }: RouteWish): readonly KernelRoute[] {
    const knowing = new Set(this.#imported.values());
    if (knowing.size === 0) return this.#adopted;
    const silent = new Set(learned.filter(({ instance }) => !knowing.has(instance)).flatMap((one) => one.interfaces));
    return this.#adopted.filter((route) => {
      return route.kind === 'unicast' && route.nextHops.every((hop) => silent.has(hop.interface));
    });
  }

  #import({ learned, ...surroundings }: RouteWish & Surroundings): KernelRoute[] {
    const imported = new Map<number, string>();
    const routes: KernelRoute[] = [];
    for (const { instance, rules, routes: candidates } of learned) {
      for (const route of candidates) {
        const key = prefixKey(route.prefix);
        if (imported.has(key) || importRefusal(route, rules, surroundings) !== undefined) continue;
        imported.set(key, instance);
        routes.push(this.#kernelRoute(route));
      }
    }
    this.#imported = imported;
    return routes;
  }

  /** A route that has not changed is the same object, here as in the speaker: ten thousand of them are quickly compared. */
  #kernelRoute(route: OspfRoute): KernelRoute {
    const known = this.#kernelRoutes.get(route);
    if (known !== undefined) return known;
    const made = kernelRoute(route);
    this.#kernelRoutes.set(route, made);
    return made;
  }

  close(): Promise<void> {
    return this.#reconciler.close();
  }

  /** Removes our routes from the kernel; nothing is applied after that. */
  async remove(): Promise<void> {
    await this.#reconciler.close();
    try {
      this.#applied([], await this.#options.routes.apply([]));
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
  }

  #applied(desired: readonly KernelRoute[], operations: readonly string[]): void {
    this.#fault.cleared();
    this.#installed = new Set(desired.filter(({ kind }) => kind === 'unicast').map(({ prefix }) => prefixKey(prefix)));
    if (operations.length === 0) return;
    const shown = operations.slice(0, SHOWN_OPERATIONS);
    this.#options.events.emit('routes-installed', { count: operations.length, operations: shown });
  }
}

/** A prefix as one number (38 bits). */
function prefixKey({ address, length }: Prefix): number {
  return address * 64 + length;
}

function sameRoutes(a: readonly KernelRoute[], b: readonly KernelRoute[]): boolean {
  if (a.length !== b.length) return false;
  return a.every((route, at) => route === b[at] || formatRoute(route) === formatRoute(b[at]!));
}

/** Every turn of the director wishes; learned routes, of which there may be thousands, are the same array until they change. */
function sameWish(a: RouteWish, b: RouteWish): boolean {
  return (
    a.restarting === b.restarting &&
    a.learned.length === b.learned.length &&
    a.learned.every(({ instance, rules, routes }, at) => {
      const other = b.learned[at]!;
      return instance === other.instance && rules === other.rules && routes === other.routes;
    }) &&
    JSON.stringify([a.connected, a.served, [...a.vips]]) === JSON.stringify([b.connected, b.served, [...b.vips]])
  );
}
