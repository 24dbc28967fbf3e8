/**
 * The interfaces of any router of the area, as its router-LSA tells them. With these a tree can be computed from its point
 * of view, next hops included. An interface is named by its address.
 *
 * What we know of ourselves, the router behind a link counts only if it lists the link too (RFC 2328 16.1 (2)(b)): how far
 * another's adjacency has come can be seen in no other way.
 */
import { formatIpv4, type Ipv4, lengthOfMask, prefixContains } from '../../base/ipv4.ts';
import { RouterLinkType } from '../codes.ts';
import type { RouterLink, RouterLsaBody } from '../lsa/lsa.ts';
import { addressesOn, isAttached } from './dijkstra.ts';
import type { Graph } from './graph.ts';
import { stubsOf } from './intra-area.ts';
import type { SpfLink } from './spf-link.ts';

/** None for a router without a router-LSA. */
export function linksOf(graph: Graph, routerId: Ipv4): SpfLink[] {
  const router = graph.routers.get(routerId);
  if (router === undefined) return [];
  return router.links.flatMap((link) => {
    if (link.type === RouterLinkType.pointToPoint) return [pointToPointLink(graph, routerId, router, link)];
    return link.type === RouterLinkType.transit ? [transitLink(graph, routerId, link)] : [];
  });
}

function pointToPointLink(graph: Graph, routerId: Ipv4, router: RouterLsaBody, link: RouterLink): SpfLink {
  const { id, data: address, metric: cost } = link;
  const subnet = stubsOf(router).find(({ prefix }) => prefix.length < 32 && prefixContains(prefix, address))?.prefix;
  const back = (graph.routers.get(id)?.links ?? []).filter(
    (candidate) => candidate.type === RouterLinkType.pointToPoint && candidate.id === routerId,
  );
  // Of parallel links the one on the same network is the other end; without a network any will do.
  const end = back.find(({ data }) => subnet !== undefined && prefixContains(subnet, data)) ?? back[0];
  const neighbors = end === undefined ? [] : [{ routerId: id, address: end.data }];
  const prefixLength = subnet?.length ?? 32;
  return { interface: formatIpv4(address), network: 'point-to-point', address, prefixLength, cost, neighbors };
}

function transitLink(graph: Graph, routerId: Ipv4, { id, data: address, metric: cost }: RouterLink): SpfLink {
  const network = graph.networks.get(id);
  const common = { interface: formatIpv4(address), network: 'broadcast', address, cost } as const;
  if (network === undefined || !isAttached(network, routerId)) return { ...common, prefixLength: 32, neighbors: [] };
  const neighbors = network.attachedRouters.flatMap((other) => {
    const router = other === routerId ? undefined : graph.routers.get(other);
    return router === undefined ? [] : addressesOn(router, id).map((back) => ({ routerId: other, address: back }));
  });
  return { ...common, prefixLength: lengthOfMask(network.mask) ?? 32, neighbors };
}
