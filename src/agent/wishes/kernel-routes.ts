/** Which routes the kernel is to have, from what was learned and what is served. */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { LinkState } from '../../io/links.ts';
import type { LoadedCluster } from '../cluster-file.ts';
import type { LearnedRoutes, RouteWish } from '../keepers/route-keeper.ts';
import { connectedPrefixes } from './import-filter.ts';
import type { OwnAddress } from './own-addresses.ts';

export interface RouteFacts {
  readonly links: ReadonlyMap<string, LinkState>;
  readonly learned: readonly LearnedRoutes[];
  /** All that this director may be found at beside VIPs. */
  readonly own: readonly OwnAddress[];
  /** VIPs for which nothing is answered that no connection here translates. */
  readonly guarded: ReadonlySet<Ipv4>;
  /** VIPs that the data plane has or is to have; undefined = those of the file. */
  readonly held: readonly Ipv4[] | undefined;
  readonly restarting: boolean;
}

export function wantedRoutes(
  { cluster }: LoadedCluster,
  { links, learned, own, guarded, held, restarting }: RouteFacts,
): RouteWish {
  const local = own.map(({ address }) => address);
  const vips = new Set(cluster.services.flatMap((service) => service.vips));
  const wanted = [...(held === undefined ? vips : new Set(held))];
  return {
    ...{ learned, restarting },
    connected: connectedPrefixes(links.values()),
    // A VIP that is not guarded yet would be answered by RST.
    served: [...wanted.filter((vip) => guarded.has(vip)), ...local],
    vips: new Set([...vips, ...local]),
  };
}
