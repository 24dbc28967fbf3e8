/** Sets of next hops, kept as arrays that are sorted by interface, then gateway, without duplicates. */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { NextHop } from '../events.ts';

export type NextHops = readonly NextHop[];

/** How far something is and over which first steps: what a shortest path is reduced to. */
export interface Path {
  readonly cost: number;
  readonly nextHops: NextHops;
}

function compareNextHops(a: NextHop, b: NextHop): number {
  if (a.interface !== b.interface) return a.interface < b.interface ? -1 : 1;
  // Undefined (directly connected) comes first; no gateway is negative.
  return (a.gateway ?? -1) - (b.gateway ?? -1);
}

/** The set of next hops in a list of any order. */
export function nextHopSet(hops: readonly NextHop[]): NextHops {
  if (hops.length < 2) return hops;
  const sorted = [...hops].sort(compareNextHops);
  return sorted.filter((hop, at) => at === 0 || compareNextHops(sorted[at - 1]!, hop) !== 0);
}

/** The union of two sets. */
export function mergeNextHops(a: NextHops, b: NextHops): NextHops {
  return a === b ? a : nextHopSet([...a, ...b]);
}

/** The same first steps, where "on the wire itself" becomes "to this address on that wire". */
export function throughGateway(hops: NextHops, gateway: Ipv4): NextHops {
  return nextHopSet(hops.map((hop) => (hop.gateway === undefined ? { interface: hop.interface, gateway } : hop)));
}
