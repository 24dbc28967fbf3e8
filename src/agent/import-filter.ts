/**
 * Which learned routes go into the kernel. The default route and remote prefixes do. Left out: prefixes inside a connected
 * network (the kernel knows better), and our own VIPs, which come back to us through the directors that announce them too.
 */
import { type Ipv4, type Prefix, prefixContains, prefixOf } from '../core/base/ipv4.ts';
import type { OspfRoute } from '../core/ospf/events.ts';
import type { KernelRoute } from '../drivers/routes/port.ts';
import type { LinkState } from '../io/links.ts';

/** Worse than an administrator's own (0), better than what other daemons add later; the same for every learned route. */
export const LEARNED_METRIC = 20;

/** Every prefix that an address of ours lies in. Loopback's /8 is one of them. */
export function connectedPrefixes(links: Iterable<LinkState>): Prefix[] {
  const all: Prefix[] = [];
  for (const link of links) {
    for (const { address, prefixLength } of link.addresses) all.push(prefixOf(address, prefixLength));
  }
  return all;
}

export function isImported(route: OspfRoute, connected: readonly Prefix[], vips: ReadonlySet<Ipv4>): boolean {
  const { prefix } = route;
  if (!route.nextHops.some((hop) => hop.gateway !== undefined)) return false;
  if (prefix.length === 32 && vips.has(prefix.address)) return false;
  return !connected.some((network) => network.length <= prefix.length && prefixContains(network, prefix.address));
}

export function kernelRoute(route: OspfRoute): KernelRoute {
  const nextHops = route.nextHops.filter((hop) => hop.gateway !== undefined);
  return { kind: 'unicast', prefix: route.prefix, metric: LEARNED_METRIC, nextHops };
}
