/** The routing table while it is being computed: per prefix the best path found so far (RFC 2328 11, 16.8). */
import { type Ipv4, maskOf, type Prefix } from '../../base/ipv4.ts';
import type { NextHop, OspfRoute, PathType } from '../events.ts';
import { mergeNextHops } from './next-hops.ts';

/** A route on offer. `distance` orders type 2 externals of equal cost: how far it is to where they leave the area. */
export interface Offer {
  readonly prefix: Prefix;
  readonly pathType: PathType;
  readonly cost: number;
  readonly distance: number;
  readonly nextHops: readonly NextHop[];
}

/** RFC 2328 11: a better type wins whatever the cost. */
const PREFERENCE: Readonly<Record<PathType, number>> = { intraArea: 0, interArea: 1, external1: 2, external2: 3 };

export class RouteTable {
  readonly #best = new Map<number, Offer>();
  /** Prefixes for which offers are refused: our own, and those that we are connected to. */
  readonly #closed = new Set<number>();
  readonly #base: RouteTable | undefined;

  /**
   * A table on top of `base`, which stays as it is: what is offered here has to be better than what is there. So one base
   * serves several calculations of what comes on top.
   */
  constructor(base?: RouteTable) {
    this.#base = base;
  }

  /** A prefix of our own: there is no route to it, so that we never send to others what is for us. */
  close(prefix: Prefix): void {
    this.#closed.add(prefixKey(prefix));
  }

  /** A network that an interface of ours is on. Nothing else ever leads there; two interfaces on it share. */
  connect(prefix: Prefix, cost: number, interfaceName: string): void {
    const nextHops = [{ interface: interfaceName, gateway: undefined }];
    this.#closed.add(prefixKey(prefix));
    this.#keepBetter({ prefix, pathType: 'intraArea', cost, distance: 0, nextHops });
  }

  /** Keeps the better offer; of two that are equally good, the next hops of both. */
  offer(offer: Offer): void {
    if (!this.#isClosed(prefixKey(offer.prefix))) this.#keepBetter(offer);
  }

  #keepBetter(offer: Offer): void {
    const key = prefixKey(offer.prefix);
    const rival = this.best(key);
    const order = rival === undefined ? -1 : compareOffers(offer, rival);
    if (order < 0) this.#best.set(key, offer);
    else if (order === 0) {
      this.#best.set(key, { ...offer, nextHops: mergeNextHops(rival!.nextHops, offer.nextHops) });
    }
  }

  /** The best offer for exactly this prefix, given by its `prefixKey`. */
  best(key: number): Offer | undefined {
    return this.#best.get(key) ?? this.#base?.best(key);
  }

  #isClosed(key: number): boolean {
    if (this.#closed.has(key)) return true;
    return this.#base === undefined ? false : this.#base.#isClosed(key);
  }

  /**
   * The route of the longest prefix that holds the address; `undefined` when there is none, or when that prefix is our
   * own.
   */
  lookup(address: Ipv4): Offer | undefined {
    for (let length = 32; length >= 0; length--) {
      const key = prefixKey({ address: (address & maskOf(length)) >>> 0, length });
      const found = this.best(key);
      if (found !== undefined || this.#isClosed(key)) return found;
    }
    return undefined;
  }

  /** Sorted by address, then length. */
  routes(): OspfRoute[] {
    const keys = [...this.#best.keys()];
    if (this.#base !== undefined) for (const key of this.#base.#best.keys()) if (!this.#best.has(key)) keys.push(key);
    // Numbers in a typed array sort without a comparison function, many times faster.
    const routes: OspfRoute[] = [];
    for (const key of Float64Array.from(keys).sort()) routes.push(routeOf(this.best(key)!));
    return routes;
  }
}

export function routeOf({ prefix, pathType, cost, nextHops }: Offer): OspfRoute {
  return { prefix, pathType, cost, nextHops };
}

/** Negative when `a` is the better route, 0 when they are used together. */
export function compareOffers(a: Offer, b: Offer): number {
  return PREFERENCE[a.pathType] - PREFERENCE[b.pathType] || a.cost - b.cost || a.distance - b.distance;
}

/** A prefix as one number (38 bits), in the order of routes: maps of numbers are several times faster than maps of text. */
export function prefixKey(prefix: Prefix): number {
  return prefix.address * 64 + prefix.length;
}

/** The address of a prefix, from its `prefixKey`. */
export function addressOf(key: number): Ipv4 {
  return Math.floor(key / 64);
}
