/**
 * The difference between the routes we want and the routes the kernel has, as ordered operations.
 *
 * Duty: `plan(desired, observed)`, pure, idempotent: `plan(x, x)` is empty. Inputs: our routes only (the driver leaves
 * out what others own). Outputs: operations, additions and replacements before removals, so that a destination that
 * stays reachable never has a moment without a route. It does not know interface indexes, nor talk to the kernel.
 */
import { compareText, formatRoute, type KernelRoute, sortedNextHops } from './kernel-route.ts';

export type RouteOp =
  /** No route of ours has this prefix and metric. */
  | { readonly kind: 'add'; readonly route: KernelRoute }
  /** One has, with other next hops; the kernel exchanges them in one step. */
  | { readonly kind: 'replace'; readonly route: KernelRoute }
  | { readonly kind: 'remove'; readonly route: KernelRoute };

/**
 * What to do so that the kernel's routes become `desired`. Of two desired routes with the same prefix and metric the
 * last counts; of two observed ones the first stays. A unicast route without next hops is one that is not wanted.
 */
export function plan(desired: readonly KernelRoute[], observed: readonly KernelRoute[]): readonly RouteOp[] {
  const wanted = new Map<string, KernelRoute>();
  for (const route of desired) if (isUsable(route)) wanted.set(slotOf(route), route);
  const present = new Map<string, KernelRoute>();
  const removals: RouteOp[] = [];
  for (const route of observed) {
    const key = slotOf(route);
    if (!wanted.has(key) || present.has(key)) removals.push({ kind: 'remove', route });
    if (!present.has(key)) present.set(key, route);
  }
  const changes: RouteOp[] = [];
  for (const [key, route] of wanted) {
    const old = present.get(key);
    if (old === undefined) changes.push({ kind: 'add', route: canonical(route) });
    else if (!sameNextHops(old, route)) changes.push({ kind: 'replace', route: canonical(route) });
  }
  return [...inOrderOfText(changes), ...inOrderOfText(removals)];
}

/** As `routeKey`, but cheap: there may be ten thousand routes, and the plan is made every few seconds. */
function slotOf(route: KernelRoute): string {
  const { address, length } = route.prefix;
  return `${address}/${length}${route.kind === 'local' ? '' : ` ${route.metric}`}`;
}

/** Two routes of the same slot. */
function sameNextHops(a: KernelRoute, b: KernelRoute): boolean {
  if (a.kind === 'local' || b.kind === 'local') return true;
  const [first, other] = [a.nextHops[0], b.nextHops[0]];
  if (a.nextHops.length === 1 && b.nextHops.length === 1) {
    return first!.interface === other!.interface && first!.gateway === other!.gateway;
  }
  return formatRoute(a) === formatRoute(b);
}

/** One line, e.g. `replace 10.9.0.0/16 metric 20 via 10.1.0.2 dev up0, via 10.1.1.2 dev up1`. */
export function formatRouteOp(op: RouteOp): string {
  return `${op.kind} ${formatRoute(op.route)}`;
}

function isUsable(route: KernelRoute): boolean {
  return route.kind === 'local' || route.nextHops.length > 0;
}

function canonical(route: KernelRoute): KernelRoute {
  return route.kind === 'local' ? route : { ...route, nextHops: sortedNextHops(route.nextHops) };
}

function inOrderOfText(operations: readonly RouteOp[]): RouteOp[] {
  const texts = new Map(operations.map((op) => [op, formatRoute(op.route)]));
  return [...operations].sort((a, b) => compareText(texts.get(a)!, texts.get(b)!));
}
