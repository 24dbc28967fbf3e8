import type { Cluster, Director, PrefixClass } from '../../core/model/cluster.ts';

/**
 * The director's interfaces, by their names on its host and in order, on which the VIPs are announced: only those who hear
 * of VIPs there take the director for a way to anywhere. The routers of the other instances are on the servers' side, as is
 * a network that is only announced (`passive`); what passes between the two sides is not transit.
 */
export function upstreamInterfaces(cluster: Cluster, director: Director): readonly string[] {
  return named(director, aliasesOf(cluster.routing, 'vip'));
}

/** The same of SNAT pools: answers come in there, so connections that servers open are translated where they leave there. */
export function egressInterfaces(cluster: Cluster, director: Director): readonly string[] {
  return named(director, aliasesOf(cluster.routing, 'snat'));
}

function named({ interfaces }: Director, aliases: readonly string[]): readonly string[] {
  return aliases.flatMap((alias) => interfaces[alias] ?? []).toSorted();
}

function aliasesOf({ instances }: Cluster['routing'], one: PrefixClass): readonly string[] {
  return instances
    .filter(({ announce }) => announce.includes(one))
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
  const upstream = aliasesOf(routing, 'vip');
  return Object.entries(interfaces).find(([alias]) => !upstream.includes(alias))?.[1];
}
