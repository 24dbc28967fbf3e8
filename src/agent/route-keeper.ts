/**
 * Keeps our routes in the kernel: those learned from the neighbors, and `local VIP/32 dev lo` for every VIP that the data
 * plane serves. A refusal is reported once and tried again; the routes that are there stay.
 */
import type { Ipv4, Prefix } from '../core/base/ipv4.ts';
import type { OspfRoute } from '../core/ospf/events.ts';
import type { KernelRoute, RouteTable } from '../drivers/routes/port.ts';
import type { Clock } from '../io/clock.ts';
import type { EventLog } from './events.ts';
import { isImported, kernelRoute } from './import-filter.ts';
import { Reconciler } from './reconciler.ts';

export interface RouteKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly routes: RouteTable;
}

export interface RouteWish {
  readonly learned: readonly OspfRoute[];
  readonly connected: readonly Prefix[];
  /** Served by the data plane now: these get a local route. */
  readonly served: readonly Ipv4[];
  /** Every VIP of the file: never imported from the neighbors. */
  readonly vips: ReadonlySet<Ipv4>;
}

const DRIFT_CHECK = 5000;
const ADOPTED_FOR = 30_000;
const SHOWN_OPERATIONS = 10;

export class RouteKeeper {
  readonly #options: RouteKeeperOptions;
  readonly #reconciler: Reconciler<readonly KernelRoute[], readonly string[]>;
  #installed: ReadonlySet<string> = new Set();
  /** Learned routes that an earlier agent left, until we have learned our own. */
  #adopted: readonly KernelRoute[] = [];
  #wish: RouteWish | undefined;
  #fault: string | undefined;

  constructor(options: RouteKeeperOptions) {
    this.#options = options;
    this.#reconciler = new Reconciler({
      clock: options.clock,
      recheck: DRIFT_CHECK,
      apply: (desired) => options.routes.apply(desired),
      onApplied: (desired, operations) => this.#applied(desired, operations),
      onFault: (error) => this.#refused(error),
    });
  }

  /**
   * Takes over the learned routes that are there: traffic goes on by them while our adjacencies come up. Once anything has
   * been learned, or nothing for half a minute, only what was learned counts. Call it once, before the first wish.
   */
  async adopt(): Promise<void> {
    try {
      this.#adopted = (await this.#options.routes.observe()).filter(({ kind }) => kind === 'unicast');
    } catch (error) {
      this.#refused(error);
    }
    this.#options.clock.after(ADOPTED_FOR, () => {
      this.#adopted = [];
      if (this.#wish !== undefined) this.want(this.#wish);
    });
  }

  want(wish: RouteWish): void {
    const { learned, connected, served, vips } = wish;
    this.#wish = wish;
    const imported = firstPerPrefix(learned.filter((route) => isImported(route, connected, vips)));
    if (imported.length > 0) this.#adopted = [];
    const local = served.map((address): KernelRoute => ({ kind: 'local', prefix: { address, length: 32 } }));
    this.#reconciler.want([...this.#adopted, ...imported.map(kernelRoute), ...local]);
  }

  /** Is a learned route for this prefix in the kernel? */
  isInstalled(prefix: Prefix): boolean {
    return this.#installed.has(prefixKey(prefix));
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
      this.#refused(error);
    }
  }

  #applied(desired: readonly KernelRoute[], operations: readonly string[]): void {
    this.#fault = undefined;
    this.#installed = new Set(desired.filter(({ kind }) => kind === 'unicast').map(({ prefix }) => prefixKey(prefix)));
    if (operations.length === 0) return;
    const shown = operations.slice(0, SHOWN_OPERATIONS);
    this.#options.events.emit('routes-installed', { count: operations.length, operations: shown });
  }

  #refused(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message === this.#fault) return;
    this.#fault = message;
    this.#options.events.emit('routes-fault', { message });
  }
}

function prefixKey({ address, length }: Prefix): string {
  return `${address}/${length}`;
}

/** Two routing instances may have learned the same prefix; the kernel has room for one, and the first in the file wins. */
function firstPerPrefix(routes: readonly OspfRoute[]): OspfRoute[] {
  const byPrefix = new Map<string, OspfRoute>();
  for (const route of routes) {
    const key = prefixKey(route.prefix);
    if (!byPrefix.has(key)) byPrefix.set(key, route);
  }
  return [...byPrefix.values()];
}
