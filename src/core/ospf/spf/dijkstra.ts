/**
 * The shortest-path tree of the area with ourselves as the root: first stage of RFC 2328 16.1, with equal-cost paths
 * (16.8) and next hops inherited from the parent (16.1.1).
 *
 * Virtual links are passed by: we belong to one area and are never an area border router. A router that says that it is a
 * host (H-bit, RFC 8770) is reached, but nothing is reached through it, if every router of the area sees it so.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import { RouterFlag, RouterLinkType } from '../codes.ts';
import type { RouterLsaBody } from '../lsa/lsa.ts';
import type { Graph, NetworkVertex } from './graph.ts';
import { mergeNextHops, type NextHops, nextHopSet, type Path } from './next-hops.ts';
import type { SpfLink } from './spf-link.ts';
import { type Vertex, VertexHeap } from './vertex-heap.ts';

/** Shortest paths in order of distance. The root itself is not in it. */
export interface Tree {
  /** By router id. */
  readonly routers: ReadonlyMap<Ipv4, Path>;
  /** By link state id of the network-LSA. */
  readonly networks: ReadonlyMap<Ipv4, Path>;
}

/**
 * Empty when the root's router-LSA is not in the graph: without it nobody could route back to it either. `rootKnowsHosts`:
 * the root honours the H-bit, whether it says so in an LSA or not.
 */
export function shortestPathTree(graph: Graph, rootId: Ipv4, links: readonly SpfLink[], rootKnowsHosts: boolean): Tree {
  const search = new Search(graph, rootId, links, rootKnowsHosts);
  return search.run();
}

class Search {
  readonly #graph: Graph;
  readonly #rootId: Ipv4;
  readonly #links: readonly SpfLink[];
  readonly #hostsAreLeaves: boolean;
  readonly #routers = new Map<Ipv4, Vertex>();
  readonly #networks = new Map<Ipv4, Vertex>();
  readonly #candidates = new VertexHeap();
  readonly #tree = { routers: new Map<Ipv4, Path>(), networks: new Map<Ipv4, Path>() };

  constructor(graph: Graph, rootId: Ipv4, links: readonly SpfLink[], rootKnowsHosts: boolean) {
    this.#graph = graph;
    this.#rootId = rootId;
    this.#links = links;
    this.#hostsAreLeaves = hostBitCounts(graph, rootKnowsHosts ? rootId : undefined);
  }

  run(): Tree {
    const own = this.#graph.routers.get(this.#rootId);
    if (own === undefined) return this.#tree;
    for (const link of this.#links) this.#leaveRoot(link, own);
    for (let vertex = this.#candidates.pop(); vertex !== undefined; vertex = this.#candidates.pop()) {
      if (vertex.inTree) continue;
      vertex.inTree = true;
      const path: Path = { cost: vertex.cost, nextHops: vertex.nextHops };
      if (vertex.kind === 'router') {
        this.#tree.routers.set(vertex.id, path);
        this.#leaveRouter(vertex);
      } else {
        this.#tree.networks.set(vertex.id, path);
        this.#leaveNetwork(vertex);
      }
    }
    return this.#tree;
  }

  /**
   * To a neighbor of ours a path counts as soon as we have its database, back link or not. The back link is there to prove
   * that both ends hear each other, which the Hellos have shown; it comes with the neighbor's next router-LSA, and we are
   * to know the way back to the clients before, not after, the router may send us the first packet. The network behind
   * a transit link counts when its network-LSA lists us.
   */
  #leaveRoot(at: SpfLink, own: RouterLsaBody): void {
    for (const { routerId, address } of at.neighbors) {
      const cost = at.cost ?? announcedMetric(own, at, routerId);
      if (cost === undefined || !this.#graph.routers.has(routerId)) continue;
      this.#offer(this.#routers, 'router', routerId, cost, [{ interface: at.interface, gateway: address }]);
    }
    if (at.neighbors.length === 0) return;
    for (const link of own.links) {
      if (link.type !== RouterLinkType.transit || link.data !== at.address) continue;
      const hops = [{ interface: at.interface, gateway: undefined }];
      this.#reachNetwork(this.#rootId, link.id, at.cost ?? link.metric, hops);
    }
  }

  #leaveRouter(from: Vertex): void {
    const router = this.#graph.routers.get(from.id)!;
    if (this.#hostsAreLeaves && (router.flags & RouterFlag.h) !== 0) return;
    for (const link of router.links) {
      const cost = from.cost + link.metric;
      if (link.type === RouterLinkType.pointToPoint) this.#reachRouter(from.id, link.id, cost, from.nextHops);
      else if (link.type === RouterLinkType.transit) this.#reachNetwork(from.id, link.id, cost, from.nextHops);
    }
  }

  /** Leaving a network costs nothing. Where we are on it ourselves, the router's address on it is the next hop. */
  #leaveNetwork(from: Vertex): void {
    for (const routerId of this.#graph.networks.get(from.id)!.attachedRouters) {
      const router = this.#graph.routers.get(routerId);
      if (routerId === this.#rootId || router === undefined) continue;
      const addresses = addressesOn(router, from.id);
      if (addresses.length === 0) continue; // no link back
      const hops = from.nextHops.flatMap((hop) =>
        hop.gateway === undefined ? addresses.map((gateway) => ({ interface: hop.interface, gateway })) : [hop],
      );
      this.#offer(this.#routers, 'router', routerId, from.cost, nextHopSet(hops));
    }
  }

  #reachRouter(fromId: Ipv4, id: Ipv4, cost: number, hops: NextHops): void {
    if (id === this.#rootId) return;
    const router = this.#graph.routers.get(id);
    if (router === undefined || !hasPointToPointLink(router, fromId)) return;
    this.#offer(this.#routers, 'router', id, cost, hops);
  }

  #reachNetwork(fromId: Ipv4, id: Ipv4, cost: number, hops: NextHops): void {
    const network = this.#graph.networks.get(id);
    if (network === undefined || !isAttached(network, fromId)) return;
    this.#offer(this.#networks, 'network', id, cost, hops);
  }

  /** RFC 2328 16.1 (2)(d): a shorter path replaces, an equal one adds its next hops. */
  #offer(vertices: Map<Ipv4, Vertex>, kind: Vertex['kind'], id: Ipv4, cost: number, nextHops: NextHops): void {
    if (nextHops.length === 0) return;
    const known = vertices.get(id);
    if (known === undefined) {
      const vertex: Vertex = { kind, id, cost, nextHops, inTree: false };
      vertices.set(id, vertex);
      this.#candidates.push(vertex, cost);
    } else if (known.inTree || cost > known.cost) {
      return;
    } else if (cost === known.cost) {
      known.nextHops = mergeNextHops(known.nextHops, nextHops);
    } else {
      known.cost = cost;
      known.nextHops = nextHops;
      this.#candidates.push(known, cost);
    }
  }
}

/**
 * RFC 8770 5: the H-bit counts only when every router of the area has said that it honours it; else two routers that see
 * the area differently could send a packet round in circles.
 */
function hostBitCounts({ routers, hostBitSupporters }: Graph, except: Ipv4 | undefined): boolean {
  for (const id of routers.keys()) if (id !== except && !hostBitSupporters.has(id)) return false;
  return true;
}

/** The metric of our link to a neighbor in our own router-LSA; undefined while it has no such link. */
function announcedMetric(own: RouterLsaBody, at: SpfLink, neighbor: Ipv4): number | undefined {
  const link = own.links.find(({ type, id, data }) => {
    if (data !== at.address) return false;
    return type === RouterLinkType.transit || (type === RouterLinkType.pointToPoint && id === neighbor);
  });
  return link?.metric;
}

/** The back-link check of RFC 2328 16.1 (2)(b), for a router seen from a router. */
export function hasPointToPointLink(router: RouterLsaBody, to: Ipv4): boolean {
  return router.links.some((link) => link.type === RouterLinkType.pointToPoint && link.id === to);
}

/** The same for a network seen from a router. */
export function isAttached(network: NetworkVertex, routerId: Ipv4): boolean {
  return network.attachedRouters.includes(routerId);
}

/** The same for a router seen from a network: its addresses there, none when it does not claim to be there. */
export function addressesOn(router: RouterLsaBody, networkId: Ipv4): Ipv4[] {
  return router.links
    .filter((link) => link.type === RouterLinkType.transit && link.id === networkId)
    .map((link) => link.data);
}
