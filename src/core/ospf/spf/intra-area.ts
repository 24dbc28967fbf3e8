/** Routes to the networks of the area: transit networks of the tree, then stub links (RFC 2328 16.1, second stage). */
import { type Ipv4, lengthOfMask, type Prefix, prefixOf } from '../../base/ipv4.ts';
import { RouterLinkType } from '../codes.ts';
import type { RouterLsaBody } from '../lsa/lsa.ts';
import type { Tree } from './dijkstra.ts';
import type { Graph } from './graph.ts';
import type { RouteTable } from './table.ts';

export function addIntraAreaRoutes(table: RouteTable, graph: Graph, tree: Tree): void {
  for (const [id, path] of tree.networks) {
    const prefix = maskedPrefix(id, graph.networks.get(id)!.mask);
    if (prefix !== undefined) table.offer({ prefix, pathType: 'intraArea', distance: 0, ...path });
  }
  for (const [id, path] of tree.routers) {
    for (const { prefix, metric } of stubsOf(graph.routers.get(id)!)) {
      const cost = path.cost + metric;
      table.offer({ prefix, pathType: 'intraArea', distance: 0, cost, nextHops: path.nextHops });
    }
  }
}

/** The stub links of a router; one whose mask has holes names no prefix and is left out. */
export function stubsOf(router: RouterLsaBody): { readonly prefix: Prefix; readonly metric: number }[] {
  return router.links.flatMap((link) => {
    if (link.type !== RouterLinkType.stub) return [];
    const prefix = maskedPrefix(link.id, link.data);
    return prefix === undefined ? [] : [{ prefix, metric: link.metric }];
  });
}

/** The prefix of an address and a mask; `undefined` when the mask has holes. */
export function maskedPrefix(address: Ipv4, mask: Ipv4): Prefix | undefined {
  const length = lengthOfMask(mask);
  return length === undefined ? undefined : prefixOf(address, length);
}
