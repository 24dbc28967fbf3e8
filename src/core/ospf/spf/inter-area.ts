/** Routes out of the area over area border routers (RFC 2328 16.2): networks (type 3) and AS boundary routers (type 4). */
import type { Ipv4 } from '../../base/ipv4.ts';
import { LS_INFINITY, LsType, RouterFlag } from '../codes.ts';
import type { SummaryLsaBody } from '../lsa/lsa.ts';
import type { Tree } from './dijkstra.ts';
import type { Graph, LsaOf } from './graph.ts';
import { maskedPrefix } from './intra-area.ts';
import { mergeNextHops, type Path } from './next-hops.ts';
import type { RouteTable } from './table.ts';

export function addInterAreaRoutes(table: RouteTable, graph: Graph, tree: Tree): void {
  for (const lsa of graph.summaries) {
    if (lsa.header.type !== LsType.summaryNetwork) continue;
    const path = pathThroughBorder(lsa, graph, tree);
    const prefix = maskedPrefix(lsa.header.id, lsa.body.mask);
    if (path === undefined || prefix === undefined) continue;
    table.offer({ prefix, pathType: 'interArea', distance: 0, ...path });
  }
}

/**
 * Where the AS boundary routers are, by router id: those of this area (E-bit set), else over area border routers. A path
 * within the area is always preferred (RFC 2328 16.2 (6)); of paths over borders the cheapest, equal ones together.
 */
export function pathsToBoundaryRouters(graph: Graph, tree: Tree, rootId: Ipv4): ReadonlyMap<Ipv4, Path> {
  const paths = new Map<Ipv4, Path>();
  for (const lsa of graph.summaries) {
    const id = lsa.header.id;
    if (lsa.header.type !== LsType.summaryAsbr || id === rootId) continue;
    const path = pathThroughBorder(lsa, graph, tree);
    if (path !== undefined) paths.set(id, better(paths.get(id), path));
  }
  for (const [id, path] of tree.routers) {
    if ((graph.routers.get(id)!.flags & RouterFlag.e) !== 0) paths.set(id, path);
  }
  return paths;
}

/** RFC 2328 16.2 (1) to (4): the path to who says so, plus what it says. We are never a border router ourselves. */
function pathThroughBorder({ header, body }: LsaOf<SummaryLsaBody>, graph: Graph, tree: Tree): Path | undefined {
  if (body.metric >= LS_INFINITY) return undefined;
  const border = tree.routers.get(header.advertisingRouter);
  if (border === undefined) return undefined;
  if ((graph.routers.get(header.advertisingRouter)!.flags & RouterFlag.b) === 0) return undefined;
  return { cost: border.cost + body.metric, nextHops: border.nextHops };
}

function better(known: Path | undefined, path: Path): Path {
  if (known === undefined || path.cost < known.cost) return path;
  if (path.cost > known.cost) return known;
  return { cost: path.cost, nextHops: mergeNextHops(known.nextHops, path.nextHops) };
}
