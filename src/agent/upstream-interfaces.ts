import type { Cluster, Director } from '../core/model/cluster.ts';

/**
 * The director's interfaces, by their names on its host and in order, on which the VIPs are announced: only those who hear
 * of VIPs there take the director for a way to anywhere. The routers of the other instances are on the servers' side, as is
 * a network that is only announced (`passive`); what passes between the two sides is not transit.
 */
export function upstreamInterfaces({ routing }: Cluster, { interfaces }: Director): readonly string[] {
  const aliases = routing.instances
    .filter(({ announce }) => announce.includes('vip'))
    .flatMap(({ interfaces: all }) => all.filter(({ passive }) => !passive).map(({ alias }) => alias));
  return aliases.flatMap((alias) => interfaces[alias] ?? []).toSorted();
}
