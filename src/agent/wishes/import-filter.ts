/**
 * Which learned routes go into the kernel: those that the instance's `import` rules allow, by default all. Whatever the rules
 * say, left out are prefixes inside a connected network (the kernel knows better), and our own VIPs, which come back to us
 * through the directors that announce them too.
 */
import { formatPrefix, type Ipv4, type Prefix, prefixContains, prefixOf } from '../../core/base/ipv4.ts';
import type { ImportRule } from '../../core/model/cluster.ts';
import type { OspfRoute } from '../../core/ospf/events.ts';
import type { KernelRoute } from '../../drivers/routes/port.ts';
import type { LinkState } from '../../io/links.ts';

/** Worse than an administrator's own (0), better than what other daemons add later; the same for every learned route. */
export const LEARNED_METRIC = 20;

/** What the rules do not decide: where we are connected, and what is ours. */
export interface Surroundings {
  readonly connected: readonly Prefix[];
  readonly vips: ReadonlySet<Ipv4>;
}

/** Every prefix that an address of ours lies in. Loopback's /8 is one of them. */
export function connectedPrefixes(links: Iterable<LinkState>): Prefix[] {
  const all: Prefix[] = [];
  for (const link of links) {
    for (const { address, prefixLength } of link.addresses) all.push(prefixOf(address, prefixLength));
  }
  return all;
}

/** Why a learned route stays out of the kernel, for an operator to read; undefined when it goes in. */
export function importRefusal(
  route: OspfRoute,
  rules: readonly ImportRule[],
  { connected, vips }: Surroundings,
): string | undefined {
  const { prefix } = route;
  if (!route.nextHops.some((hop) => hop.gateway !== undefined)) return 'connected: the kernel has a route of its own';
  if (prefix.length === 32 && vips.has(prefix.address)) return 'a VIP of ours';
  const network = connected.find((one) => one.length <= prefix.length && prefixContains(one, prefix.address));
  if (network !== undefined) return `inside the connected network ${formatPrefix(network)}`;
  return rules.some((rule) => allows(rule, prefix)) ? undefined : 'no import rule allows it';
}

function allows({ prefix: allowed, orLonger }: ImportRule, prefix: Prefix): boolean {
  if (prefix.length !== allowed.length && !(orLonger && prefix.length > allowed.length)) return false;
  return prefixContains(allowed, prefix.address);
}

export function kernelRoute(route: OspfRoute): KernelRoute {
  const nextHops = route.nextHops.filter((hop) => hop.gateway !== undefined);
  return { kind: 'unicast', prefix: route.prefix, metric: LEARNED_METRIC, nextHops };
}
