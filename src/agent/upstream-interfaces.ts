import type { Cluster, Director } from '../core/model/cluster.ts';

/**
 * The director's interfaces, by their names on its host and in order, on which the VIPs are announced: only those who hear
 * of VIPs there take the director for a way to anywhere. The routers of the other instances are on the servers' side, as is
 * a network that is only announced (`passive`); what passes between the two sides is not transit.
 */
export function upstreamInterfaces({ routing }: Cluster, { interfaces }: Director): readonly string[] {
  return upstreamAliases(routing)
    .flatMap((alias) => interfaces[alias] ?? [])
    .toSorted();
}

function upstreamAliases({ instances }: Cluster['routing']): readonly string[] {
  return instances
    .filter(({ announce }) => announce.includes('vip'))
    .flatMap(({ interfaces }) => interfaces.filter(({ passive }) => !passive).map(({ alias }) => alias));
}

/**
 * The interface by which direct routing reaches its servers: that of the alias, else the only one that is not upstream, as
 * the cluster file's checks have seen to. Undefined for an alias of an earlier file that the director no longer has.
 */
export function serversInterface(
  { routing }: Cluster,
  { interfaces }: Director,
  via: string | undefined,
): string | undefined {
  if (via !== undefined) return interfaces[via];
  const upstream = upstreamAliases(routing);
  return Object.entries(interfaces).find(([alias]) => !upstream.includes(alias))?.[1];
}
