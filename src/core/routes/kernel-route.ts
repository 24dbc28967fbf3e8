import { formatIpv4, formatPrefix, type Ipv4, type Prefix } from '../base/ipv4.ts';
import type { NextHop } from '../ospf/events.ts';

/** The protocol number (`ip route … proto 217`) by which our routes are known. Other routes are never touched. */
export const ROUTE_PROTOCOL = 217;

/** `unicast`: learned from OSPF. `local`: a VIP as `local VIP/32 dev lo`, so that ports without a service are not bounced. */
export type KernelRoute =
  | {
      readonly kind: 'unicast';
      readonly prefix: Prefix;
      readonly metric: number;
      readonly nextHops: readonly NextHop[];
    }
  | { readonly kind: 'local'; readonly prefix: Prefix };

/** What may exist once in a table: the kernel tells routes apart by table, prefix and metric. */
export function routeKey(route: KernelRoute): string {
  return route.kind === 'local'
    ? `local ${formatPrefix(route.prefix)}`
    : `${formatPrefix(route.prefix)} ${route.metric}`;
}

/** The route as `ip route` would print it; next hops in canonical order. */
export function formatRoute(route: KernelRoute): string {
  if (route.kind === 'local') return `local ${formatPrefix(route.prefix)} dev lo`;
  const hops = sortedNextHops(route.nextHops).map(formatNextHop);
  return `${formatPrefix(route.prefix)} metric ${route.metric} ${hops.join(', ')}`;
}

/** By interface, then gateway; a next hop given twice counts once. */
export function sortedNextHops(nextHops: readonly NextHop[]): readonly NextHop[] {
  if (nextHops.length < 2) return nextHops;
  const unique = new Map(nextHops.map((hop) => [formatNextHop(hop), hop]));
  return [...unique.values()].sort(
    (a, b) => compareText(a.interface, b.interface) || gatewayOrder(a.gateway) - gatewayOrder(b.gateway),
  );
}

function formatNextHop(hop: NextHop): string {
  return hop.gateway === undefined ? `dev ${hop.interface}` : `via ${formatIpv4(hop.gateway)} dev ${hop.interface}`;
}

function gatewayOrder(gateway: Ipv4 | undefined): number {
  return gateway ?? -1;
}

/** Code-unit order. */
export function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
