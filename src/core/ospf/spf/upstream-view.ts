/**
 * The area as an upstream router sees it: which directors does it spread the traffic of a VIP over, and why not over another?
 *
 * In: the LSAs of the area, the directors by router id, the VIPs. Out: per router and VIP every director, in the set or with
 * the reason why it is not. Pure, and from the database alone: it is what the router computes if it follows the RFCs, not
 * what its kernel holds; faults beyond that (a next hop that was lost, see docs/facts/routers.md) do not show here.
 */
import type { Ipv4, Prefix } from '../../base/ipv4.ts';
import { RouterLinkType } from '../codes.ts';
import type { NextHop, PathType } from '../events.ts';
import type { Lsa } from '../lsa/lsa.ts';
import { type Absence, explainAbsence } from './absence.ts';
import { externalOffer } from './external.ts';
import { buildGraph, type Graph } from './graph.ts';
import { stubsOf } from './intra-area.ts';
import type { Path } from './next-hops.ts';
import { linksOf } from './root-links.ts';
import { internalRoutes } from './spf.ts';
import { compareOffers, type Offer, prefixKey, RouteTable } from './table.ts';

export interface UpstreamInput {
  /** As for `computeRoutes`: none at MaxAge. */
  readonly lsas: Iterable<Lsa>;
  readonly directors: readonly { readonly name: string; readonly routerId: Ipv4 }[];
  readonly vips: readonly Ipv4[];
  /** Only this router's view; without it, that of every router which is not a director and has a link to one. */
  readonly router: Ipv4 | undefined;
  /** How many next hops a router puts into one route; undefined when that is not known to matter. */
  readonly maxPaths: number | undefined;
  /** From this metric on an announcement is meant to be used by nobody else's: the director drains or is a last resort. */
  readonly lastResort: number;
}

export interface RouterView {
  readonly router: Ipv4;
  readonly vips: readonly VipView[];
}

export interface VipView {
  readonly vip: Ipv4;
  /** The route that is used; undefined when there is none. */
  readonly route:
    | { readonly pathType: PathType; readonly cost: number; readonly nextHops: readonly NextHop[] }
    | undefined;
  readonly directors: readonly DirectorView[];
}

/** `maybe`: the router has more next hops than it takes, and which ones it leaves out is its own affair. */
export type Membership = 'yes' | 'no' | 'maybe';

export interface DirectorView {
  readonly name: string;
  readonly routerId: Ipv4;
  readonly inSet: Membership;
  /** What the way to the VIP over this director costs: for type 2 externals the external metric alone. */
  readonly cost: number | undefined;
  /** Why it is not, or not surely, in the set. */
  readonly absence: Absence | undefined;
  /** False where the absence is meant: it announces the VIP as a last resort. */
  readonly expected: boolean;
}

/** Routers in ascending order; directors and VIPs in the order given. Empty when no router is found. */
export function upstreamView(input: UpstreamInput): RouterView[] {
  const graph = buildGraph(input.lsas);
  const routers = input.router === undefined ? upstreamRouters(graph, input) : [input.router];
  return routers.filter((id) => graph.routers.has(id)).map((id) => viewOf(graph, id, input));
}

/** Those that share a link with a director, as at least one of the two says. */
function upstreamRouters(graph: Graph, { directors }: UpstreamInput): Ipv4[] {
  const ours = new Set(directors.map(({ routerId }) => routerId));
  const found = new Set<Ipv4>();
  const meet = (members: readonly Ipv4[]) => {
    if (members.some((id) => ours.has(id))) for (const id of members) if (!ours.has(id)) found.add(id);
  };
  for (const [id, { links }] of graph.routers) {
    for (const link of links) if (link.type === RouterLinkType.pointToPoint) meet([id, link.id]);
  }
  for (const { attachedRouters } of graph.networks.values()) meet(attachedRouters);
  return [...found].filter((id) => graph.routers.has(id)).sort((a, b) => a - b);
}

/** What a director says of a VIP in one of its LSAs. */
interface Announcement {
  readonly director: Ipv4;
  /** The metric in the LSA. */
  readonly metric: number;
  /** What it is worth to this router; undefined when it leads nowhere from there. */
  readonly offer: Offer | undefined;
}

/** What was computed for one router, whatever the VIP. */
interface Stage {
  readonly graph: Graph;
  readonly root: Ipv4;
  readonly stage: ReturnType<typeof internalRoutes>;
  readonly input: UpstreamInput;
  readonly announcements: ReadonlyMap<Ipv4, readonly Announcement[]>;
}

function viewOf(graph: Graph, root: Ipv4, input: UpstreamInput): RouterView {
  const stage = internalRoutes(graph, root, linksOf(graph, root), graph.hostBitSupporters.has(root));
  const at: Stage = { graph, root, stage, input, announcements: announcementsByVip({ graph, root, stage, input }) };
  return { router: root, vips: input.vips.map((vip) => vipView(at, vip)) };
}

function vipView(at: Stage, vip: Ipv4): VipView {
  const announcements = at.announcements.get(vip) ?? [];
  const table = new RouteTable(at.stage.internal);
  for (const { offer } of announcements) if (offer?.pathType.startsWith('external')) table.offer(offer);
  const best = table.best(prefixKey({ address: vip, length: 32 }));
  const directors = at.input.directors.map(({ name, routerId }): DirectorView => {
    const own = announcements.filter(({ director }) => director === routerId);
    return { name, routerId, ...membership(at, routerId, own, best) };
  });
  const route = best === undefined ? undefined : { pathType: best.pathType, cost: best.cost, nextHops: best.nextHops };
  return { vip, route, directors };
}

function membership(at: Stage, director: Ipv4, own: readonly Announcement[], best: Offer | undefined) {
  const { maxPaths, lastResort } = at.input;
  const used = own.find(({ offer }) => offer !== undefined && best !== undefined && compareOffers(offer, best) === 0);
  const announcement = used ?? bestOf(own);
  const expected = announcement === undefined || announcement.metric < lastResort;
  const common = { cost: announcement?.offer?.cost, expected };
  if (used === undefined) {
    const { graph, root, stage } = at;
    const absence = explainAbsence({ graph, tree: stage.tree, root, director, announcement, best, lastResort });
    return { ...common, inSet: 'no', absence } as const;
  }
  const paths = best!.nextHops.length;
  if (maxPaths === undefined || paths <= maxPaths) return { ...common, inSet: 'yes', absence: undefined } as const;
  return { ...common, inSet: 'maybe', absence: { kind: 'pathLimit', paths, limit: maxPaths } } as const;
}

function bestOf(own: readonly Announcement[]): Announcement | undefined {
  return own.reduce<Announcement | undefined>((best, one) => {
    if (best?.offer === undefined) return one.offer === undefined && best !== undefined ? best : one;
    return one.offer !== undefined && compareOffers(one.offer, best.offer) < 0 ? one : best;
  }, undefined);
}

/** By VIP, of directors only. One pass over the LSAs, as there may be many VIPs. */
function announcementsByVip({ graph, stage, input }: Omit<Stage, 'announcements'>): Map<Ipv4, Announcement[]> {
  const found = new Map<Ipv4, Announcement[]>(input.vips.map((vip) => [vip, []]));
  const directors = new Set(input.directors.map(({ routerId }) => routerId));
  for (const director of directors) {
    const router = graph.routers.get(director);
    const path = stage.tree.routers.get(director);
    for (const { prefix, metric } of router === undefined ? [] : stubsOf(router)) {
      if (prefix.length !== 32) continue;
      const offer = path === undefined ? undefined : stubOffer(prefix, metric, path);
      found.get(prefix.address)?.push({ director, metric, offer });
    }
  }
  for (const lsa of graph.externals) {
    const { advertisingRouter: director, id } = lsa.header;
    if (lsa.body.mask !== HOST_MASK || !directors.has(director)) continue;
    const offer = externalOffer(lsa, stage.internal, stage.boundaryRouters, stage.ownAddresses);
    found.get(id)?.push({ director, metric: lsa.body.metric, offer });
  }
  return found;
}

function stubOffer(prefix: Prefix, metric: number, { cost, nextHops }: Path): Offer {
  return { prefix, pathType: 'intraArea', cost: cost + metric, distance: 0, nextHops };
}

const HOST_MASK = 0xffffffff;
