/** What routing keeps from one event to the next: what the last calculation gave, and what has changed since. */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { OspfRoute } from '../events.ts';
import type { BackOffState } from '../spf/back-off.ts';
import type { SpfResult } from '../spf/spf.ts';

export interface Routing {
  routes: readonly OspfRoute[];
  reachable: ReadonlySet<Ipv4>;
  backOff: BackOffState;
  /** The last calculation; undefined before the first, and where nothing of it may be used again. */
  result: SpfResult | undefined;
  /** Prefixes (`externalPrefixKey`) whose external LSAs have changed since; together with `result`, all that has changed. */
  readonly changedExternals: Set<number>;
  /** Neighbors whose whole database we had when that was last looked at. */
  complete: number;
  /** Undefined before anybody has asked. */
  announcers: Announcers | undefined;
}

/** Host routes by address, with the router and the metric of each announcement, as of one version of the database. */
export interface Announcers {
  readonly version: number;
  readonly byHost: ReadonlyMap<Ipv4, readonly Announcer[]>;
}

export interface Announcer {
  readonly router: Ipv4;
  readonly metric: number;
}

export function newRouting(): Routing {
  return {
    routes: [],
    reachable: new Set(),
    backOff: 'quiet',
    result: undefined,
    changedExternals: new Set(),
    complete: 0,
    announcers: undefined,
  };
}
