/**
 * From the link state database to routes (RFC 2328 16), as one function of values.
 *
 * In: the LSAs of the area and of the AS, who we are, and our interfaces with their Full neighbors. Out: the whole
 * routing table, and which routers have a path from us. The result does not depend on the order of the LSAs. The tree is
 * always computed whole; when nothing but external LSAs has changed, `recomputeExternals` leaves it alone.
 *
 * Deliberately not here: when to run (the caller paces it), virtual links and the transit areas they need. A router at
 * MaxLinkMetric is a last resort, as RFC 6987 wants it.
 */
import { type Ipv4, lengthOfMask, type Prefix, prefixOf } from '../../base/ipv4.ts';
import { LsType, RouterLinkType } from '../codes.ts';
import type { OspfRoute } from '../events.ts';
import type { Lsa, RouterLsaBody } from '../lsa/lsa.ts';
import { shortestPathTree, type Tree } from './dijkstra.ts';
import { addExternalRoutes } from './external.ts';
import { buildGraph, type Graph } from './graph.ts';
import { addInterAreaRoutes, pathsToBoundaryRouters } from './inter-area.ts';
import { addIntraAreaRoutes, maskedPrefix, stubsOf } from './intra-area.ts';
import type { Path } from './next-hops.ts';
import type { SpfLink } from './spf-link.ts';
import { addressOf, prefixKey, RouteTable, routeOf } from './table.ts';

export type { SpfLink };

export interface SpfInput {
  readonly routerId: Ipv4;
  /** Each LSA at most once. Those at MaxAge by their header are ignored; those that reached it here must be left out. */
  readonly lsas: Iterable<Lsa>;
  readonly links: readonly SpfLink[];
}

/** What a calculation found, and what a later one for external routes alone can build upon. */
export interface SpfResult {
  /**
   * Sorted by address, then length. The networks of our own interfaces are among them, with `gateway` undefined and
   * never with any other next hop: the kernel has those routes already. Prefixes that our own router-LSA announces
   * (VIPs) are not, whoever else announces them. The cost of a type 2 external is its external metric alone.
   */
  readonly routes: readonly OspfRoute[];
  /** Router ids with a path from us, boundary routers in other areas included; without ourselves. */
  readonly reachable: ReadonlySet<Ipv4>;
  readonly stage: ExternalStage;
}

/** Where RFC 2328 16.4 begins: all that is known before the first external LSA is looked at. */
interface ExternalStage {
  /** Routes within the area and over borders. */
  readonly internal: RouteTable;
  readonly boundaryRouters: ReadonlyMap<Ipv4, Path>;
  readonly ownAddresses: ReadonlySet<Ipv4>;
}

export function computeRoutes({ routerId, lsas, links }: SpfInput): SpfResult {
  const graph = buildGraph(lsas);
  const { tree, ...stage } = internalRoutes(graph, routerId, links, true);
  const table = new RouteTable(stage.internal);
  addExternalRoutes(table, graph.externals, stage.boundaryRouters, stage.ownAddresses);
  const reachable = new Set([...tree.routers.keys(), ...stage.boundaryRouters.keys()]);
  return { routes: table.routes(), reachable, stage };
}

/** The tree of any router of the area, and what follows from it but for external routes. */
export function internalRoutes(
  graph: Graph,
  rootId: Ipv4,
  links: readonly SpfLink[],
  rootKnowsHosts: boolean,
): ExternalStage & { readonly tree: Tree } {
  const tree = shortestPathTree(graph, rootId, links, rootKnowsHosts);
  const internal = new RouteTable();
  const own = graph.routers.get(rootId);
  for (const prefix of ownPrefixes(graph, rootId)) internal.close(prefix);
  for (const link of links) {
    const subnet = prefixOf(link.address, link.prefixLength);
    if (isOneWire(link)) internal.connect(subnet, link.cost ?? announcedCost(own, link), link.interface);
    else internal.close({ address: link.address, length: 32 });
  }
  addIntraAreaRoutes(internal, graph, tree);
  addInterAreaRoutes(internal, graph, tree);
  const boundaryRouters = pathsToBoundaryRouters(graph, tree, rootId);
  return { tree, internal, boundaryRouters, ownAddresses: new Set(links.map(({ address }) => address)) };
}

/**
 * RFC 2328 16.6: only AS-external-LSAs of others have changed since `before`, and only for the prefixes in `changed` (by
 * `externalPrefixKey`). The tree stands; those prefixes are looked at again. `lsas` as for `computeRoutes`; of the routes,
 * those that are the same are the same objects.
 */
export function recomputeExternals(before: SpfResult, lsas: Iterable<Lsa>, changed: ReadonlySet<number>): SpfResult {
  const { internal, boundaryRouters, ownAddresses } = before.stage;
  const concerned = [...lsasFor(changed, lsas)];
  const table = new RouteTable(internal);
  addExternalRoutes(table, buildGraph(concerned).externals, boundaryRouters, ownAddresses);
  const found = [...changed].flatMap((key) => table.best(key) ?? []).map(routeOf);
  return { ...before, routes: withRoutes(before.routes, changed, found) };
}

/** The prefix that an AS-external-LSA is about; undefined for every other LSA, and where the mask has holes. */
export function externalPrefixKey({ header, body }: Lsa): number | undefined {
  if (body.kind !== 'external' || header.type !== LsType.asExternal) return undefined;
  const length = lengthOfMask(body.mask);
  return length === undefined ? undefined : prefixKey({ address: (header.id & body.mask) >>> 0, length });
}

/** The external LSAs for these prefixes. A set of addresses is asked first: of many LSAs few have to be looked at closer. */
function* lsasFor(keys: ReadonlySet<number>, lsas: Iterable<Lsa>): Generator<Lsa> {
  const addresses = new Set<Ipv4>();
  for (const key of keys) addresses.add(addressOf(key));
  for (const lsa of lsas) {
    const { header, body } = lsa;
    if (body.kind !== 'external' || !addresses.has((header.id & body.mask) >>> 0)) continue;
    const key = externalPrefixKey(lsa);
    if (key !== undefined && keys.has(key)) yield lsa;
  }
}

/** `routes` without those for `keys`, and with `found` in their place, in order. */
function withRoutes(
  routes: readonly OspfRoute[],
  keys: ReadonlySet<number>,
  found: readonly OspfRoute[],
): readonly OspfRoute[] {
  const byKey = new Map(found.map((route) => [prefixKey(route.prefix), route]));
  const merged: OspfRoute[] = [];
  let from = 0;
  for (const key of Float64Array.from(keys).sort()) {
    const at = firstNotBelow(routes, key, from);
    for (; from < at; from++) merged.push(routes[from]!);
    if (from < routes.length && prefixKey(routes[from]!.prefix) === key) from++;
    const route = byKey.get(key);
    if (route !== undefined) merged.push(route);
  }
  return [...merged, ...routes.slice(from)];
}

/** The index of the first of `routes`, from `from` on, whose key is not below `key`; their number when there is none. */
function firstNotBelow(routes: readonly OspfRoute[], key: number, from: number): number {
  let [low, high] = [from, routes.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (prefixKey(routes[middle]!.prefix) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** What we announce ourselves: stub links of our router-LSA, external LSAs of ours. */
function ownPrefixes(graph: Graph, routerId: Ipv4): Prefix[] {
  const own = graph.routers.get(routerId);
  const stubs = own === undefined ? [] : stubsOf(own).map(({ prefix }) => prefix);
  const externals = graph.externals
    .filter(({ header }) => header.advertisingRouter === routerId)
    .map(({ header, body }) => maskedPrefix(header.id, body.mask));
  return [...stubs, ...externals.filter((prefix) => prefix !== undefined)];
}

/**
 * Whether all of the link's subnet is one hop away. Not on point-to-multipoint, where each router is a host route of its own
 * (RFC 2328 12.4.1.4), and not where an unnumbered link has borrowed its address.
 */
function isOneWire({ network, prefixLength }: SpfLink): boolean {
  if (network === 'point-to-multipoint') return false;
  return network !== 'point-to-point' || prefixLength < 32;
}

/** The metric of an interface's network in our router-LSA: of its stub link, else of its transit link, else 0. */
function announcedCost(own: RouterLsaBody | undefined, { address, prefixLength }: SpfLink): number {
  if (own === undefined) return 0;
  const network = prefixOf(address, prefixLength);
  const stub = stubsOf(own).find(
    ({ prefix }) => prefix.address === network.address && prefix.length === network.length,
  );
  if (stub !== undefined) return stub.metric;
  return own.links.find(({ type, data }) => type === RouterLinkType.transit && data === address)?.metric ?? 0;
}
