/**
 * From the link state database to routes (RFC 2328 16), as one function of values.
 *
 * In: the LSAs of the area and of the AS, who we are, and our interfaces with their Full neighbors. Out: the whole
 * routing table, and which routers have a path from us. The result does not depend on the order of the LSAs. A full
 * calculation every time: 1,600 routers with 3,000 externals take 10 to 50 ms on one core.
 *
 * Deliberately not here: when to run (the caller paces it), virtual links and the transit areas they need, NSSA (type 7
 * LSAs are ignored), RFC 8770's H-bit (which may be honoured only when every router of the area says that it does; a
 * router at MaxLinkMetric is a last resort, as RFC 6987 wants it).
 */
import { type Ipv4, type Prefix, prefixOf } from '../../base/ipv4.ts';
import { RouterLinkType } from '../codes.ts';
import type { OspfRoute } from '../events.ts';
import type { Lsa, RouterLsaBody } from '../lsa/lsa.ts';
import { shortestPathTree } from './dijkstra.ts';
import { addExternalRoutes } from './external.ts';
import { buildGraph, type Graph } from './graph.ts';
import { addInterAreaRoutes, pathsToBoundaryRouters } from './inter-area.ts';
import { addIntraAreaRoutes, maskedPrefix, stubsOf } from './intra-area.ts';
import type { SpfLink } from './spf-link.ts';
import { RouteTable } from './table.ts';

export type { SpfLink };

export interface SpfInput {
  readonly routerId: Ipv4;
  /** Each LSA at most once. Those at MaxAge by their header are ignored; those that reached it here must be left out. */
  readonly lsas: Iterable<Lsa>;
  readonly links: readonly SpfLink[];
}

export interface SpfResult {
  /**
   * Sorted by address, then length. The networks of our own interfaces are among them, with `gateway` undefined and
   * never with any other next hop: the kernel has those routes already. Prefixes that our own router-LSA announces
   * (VIPs) are not, whoever else announces them. The cost of a type 2 external is its external metric alone.
   */
  readonly routes: readonly OspfRoute[];
  /** Router ids with a path from us, boundary routers in other areas included; without ourselves. */
  readonly reachable: ReadonlySet<Ipv4>;
}

export function computeRoutes({ routerId, lsas, links }: SpfInput): SpfResult {
  const graph = buildGraph(lsas);
  const own = graph.routers.get(routerId);
  const tree = shortestPathTree(graph, routerId, links);
  const table = new RouteTable();
  for (const prefix of ownPrefixes(graph, routerId)) table.close(prefix);
  for (const link of links) {
    table.connect(prefixOf(link.address, link.prefixLength), link.cost ?? announcedCost(own, link), link.interface);
  }
  addIntraAreaRoutes(table, graph, tree);
  addInterAreaRoutes(table, graph, tree);
  const boundaryRouters = pathsToBoundaryRouters(graph, tree, routerId);
  const ownAddresses = new Set(links.map(({ address }) => address));
  addExternalRoutes(table, graph.externals, boundaryRouters, ownAddresses);
  return { routes: table.routes(), reachable: new Set([...tree.routers.keys(), ...boundaryRouters.keys()]) };
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
