import type { Ipv4 } from '../core/base/ipv4.ts';
import type { Cluster, Director, Service } from '../core/model/cluster.ts';

/** The director's own addresses, those shared with the others last. */
export function ownAddresses({ local }: Cluster, director: Director): readonly Ipv4[] {
  return [...director.local, ...local.shared];
}

/** VIPs that are announced where the own addresses are. */
export function insideVips(services: readonly Service[]): ReadonlySet<Ipv4> {
  return new Set(services.flatMap(({ inside, vips }) => (inside ? vips : [])));
}
