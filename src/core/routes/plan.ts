/**
 * The difference between the routes we want and the routes the kernel has, as ordered operations.
 *
 * Duty: `plan(desired, observed)`, pure, idempotent: `plan(x, x)` is empty. Inputs: our routes only (the driver leaves
 * out what others own). Outputs: operations, additions and replacements before removals, so that a destination that
 * stays reachable never has a moment without a route. It does not know interface indexes, nor talk to the kernel.
 */
import { compareText, formatRoute, type KernelRoute, routeKey, sortedNextHops } from './kernel-route.ts';

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
  const wanted = new Map(desired.filter(isUsable).map((route) => [routeKey(route), canonical(route)]));
  const present = new Map<string, KernelRoute>();
  const removals: RouteOp[] = [];
  for (const route of observed) {
    const key = routeKey(route);
    if (!wanted.has(key) || present.has(key)) removals.push({ kind: 'remove', route });
    if (!present.has(key)) present.set(key, route);
  }
  const changes: RouteOp[] = [];
  for (const [key, route] of wanted) {
    const old = present.get(key);
    if (old === undefined) changes.push({ kind: 'add', route });
    else if (formatRoute(old) !== formatRoute(route)) changes.push({ kind: 'replace', route });
  }
  return [...changes.sort(byText), ...removals.sort(byText)];
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

function byText(a: RouteOp, b: RouteOp): number {
  return compareText(formatRoute(a.route), formatRoute(b.route));
}
