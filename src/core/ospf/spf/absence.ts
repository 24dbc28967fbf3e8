/**
 * Why a router does not use a director's announcement of a VIP, in the order in which one would look: is it announced, can it
 * be reached, is a link missing, is it meant so, is it merely dearer?
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import { MAX_LINK_METRIC, RouterLinkType } from '../codes.ts';
import type { PathType } from '../events.ts';
import { addressesOn, hasPointToPointLink, isAttached, type Tree } from './dijkstra.ts';
import type { Graph } from './graph.ts';
import type { Offer } from './table.ts';

/** `lists` has a link to `silent` in its router-LSA, or as DR in its network-LSA, and `silent` has none back. */
export interface OneWay {
  readonly lists: Ipv4;
  readonly silent: Ipv4;
}

export type Absence =
  | { readonly kind: 'noRouterLsa' }
  | { readonly kind: 'notAnnouncing' }
  | { readonly kind: 'unreachable'; readonly oneWay: readonly OneWay[] }
  /** It is reached, but not by the link that the two have. */
  | { readonly kind: 'missingBackLink'; readonly oneWay: OneWay; readonly cost: number; readonly best: number }
  /** `router` sends to the next one at MaxLinkMetric. */
  | { readonly kind: 'maxMetric'; readonly router: Ipv4; readonly cost: number; readonly best: number }
  | { readonly kind: 'lastResort'; readonly metric: number }
  | { readonly kind: 'pathType'; readonly own: PathType; readonly best: PathType }
  | { readonly kind: 'higherCost'; readonly cost: number; readonly metric: number; readonly best: number }
  /** An external LSA whose forwarding address has no route, or without the E-bit in the director's router-LSA. */
  | { readonly kind: 'leadsNowhere' }
  | { readonly kind: 'pathLimit'; readonly paths: number; readonly limit: number };

export interface AbsenceInput {
  readonly graph: Graph;
  readonly tree: Tree;
  readonly root: Ipv4;
  readonly director: Ipv4;
  /** The metric of its best announcement of the VIP and what that is worth here; undefined when it has none. */
  readonly announcement: { readonly metric: number; readonly offer: Offer | undefined } | undefined;
  /** The route that is used instead. */
  readonly best: Offer | undefined;
  /** Announcements from this metric on are last resorts. */
  readonly lastResort: number;
}

export function explainAbsence(input: AbsenceInput): Absence {
  const { graph, tree, root, director, announcement, best } = input;
  if (!graph.routers.has(director)) return { kind: 'noRouterLsa' };
  if (announcement === undefined) return { kind: 'notAnnouncing' };
  if (!tree.routers.has(director)) return { kind: 'unreachable', oneWay: oneWayLinks(graph, director) };
  const { offer, metric } = announcement;
  if (offer === undefined || best === undefined) return { kind: 'leadsNowhere' };
  if (metric >= input.lastResort) return { kind: 'lastResort', metric };
  if (offer.pathType !== best.pathType) return { kind: 'pathType', own: offer.pathType, best: best.pathType };
  const costs = { cost: offer.cost, best: best.cost };
  const oneWay = oneWayLinks(graph, director).find(({ lists, silent }) => lists === root || silent === root);
  if (oneWay !== undefined) return { kind: 'missingBackLink', oneWay, ...costs };
  const router = senders(graph, tree, root, director).find((sender) => sender.metric >= MAX_LINK_METRIC)?.router;
  if (router !== undefined) return { kind: 'maxMetric', router, ...costs };
  return { kind: 'higherCost', metric, ...costs };
}

/** Links of a router that only one of the two ends has in its LSA. */
function oneWayLinks(graph: Graph, id: Ipv4): OneWay[] {
  const own = graph.routers.get(id);
  const found: OneWay[] = [];
  for (const link of own?.links ?? []) {
    if (link.type === RouterLinkType.pointToPoint) {
      const other = graph.routers.get(link.id);
      if (other === undefined || !hasPointToPointLink(other, id)) found.push({ lists: id, silent: link.id });
    } else if (link.type === RouterLinkType.transit) {
      const network = graph.networks.get(link.id);
      if (network !== undefined && !isAttached(network, id))
        found.push({ lists: id, silent: network.advertisingRouter });
    }
  }
  for (const [other, router] of graph.routers) {
    if (other === id || !hasPointToPointLink(router, id)) continue;
    if (own === undefined || !hasPointToPointLink(own, other)) found.push({ lists: other, silent: id });
  }
  for (const [address, network] of graph.networks) {
    if (!isAttached(network, id) || (own !== undefined && addressesOn(own, address).length > 0)) continue;
    found.push({ lists: network.advertisingRouter, silent: id });
  }
  return found;
}

/** The routers along a shortest path from the root to `target`, nearest to the target first, each with its outgoing metric. */
function senders(graph: Graph, tree: Tree, root: Ipv4, target: Ipv4): { router: Ipv4; metric: number }[] {
  const path: { router: Ipv4; metric: number }[] = [];
  const seen = new Set([target]);
  for (let at = target; at !== root; ) {
    const before = predecessor(graph, tree, root, at, seen);
    if (before === undefined) return path;
    path.push(before);
    seen.add(before.router);
    at = before.router;
  }
  return path;
}

function predecessor(graph: Graph, tree: Tree, root: Ipv4, at: Ipv4, seen: ReadonlySet<Ipv4>) {
  const router = graph.routers.get(at)!;
  const cost = tree.routers.get(at)!.cost;
  for (const [id, { links }] of graph.routers) {
    const start = id === root ? 0 : tree.routers.get(id)?.cost;
    if (start === undefined || seen.has(id)) continue;
    for (const { type, id: to, metric } of links) {
      if (start + metric !== cost) continue;
      const straight = type === RouterLinkType.pointToPoint && to === at && hasPointToPointLink(router, id);
      const network = type === RouterLinkType.transit ? graph.networks.get(to) : undefined;
      const across = network !== undefined && isAttached(network, at) && addressesOn(router, to).length > 0;
      if (straight || across) return { router: id, metric };
    }
  }
  return undefined;
}

/** For whoever looks at it at night. `nameOf` gives a router id the name by which the reader knows it. */
export function describeAbsence(absence: Absence, nameOf: (routerId: Ipv4) => string = formatIpv4): string {
  switch (absence.kind) {
    case 'noRouterLsa':
      return 'it has no router-LSA: its agent is stopped, cut off, or has no full neighbor yet';
    case 'notAnnouncing':
      return 'it does not announce this VIP; `sluice status` there says why';
    case 'unreachable':
      return ['no path leads to it', ...absence.oneWay.map((link) => describeOneWay(link, nameOf))].join('; ');
    case 'missingBackLink':
      return `${costs(absence)} by a detour; ${describeOneWay(absence.oneWay, nameOf)}`;
    case 'maxMetric':
      return `${costs(absence)}: the path passes ${nameOf(absence.router)}, which sends at the maximum metric (stub router)`;
    case 'lastResort':
      return `announced as a last resort (metric ${absence.metric}): it drains, or is down with whenDown: metric`;
    case 'pathType':
      return `announced as ${absence.own}, and ${absence.best} routes win whatever the cost`;
    case 'higherCost':
      return `${costs(absence)}: ${absence.cost - absence.metric} to reach it, ${absence.metric} announced`;
    case 'leadsNowhere':
      return 'its external LSA leads nowhere: forwarding address without a route, or no E-bit in its router-LSA';
    case 'pathLimit':
      return `${absence.paths} next hops, and the router takes ${absence.limit}: this one may be left out`;
  }
}

function costs({ cost, best }: { readonly cost: number; readonly best: number }): string {
  return `cost ${cost}, the best is ${best}`;
}

function describeOneWay({ lists, silent }: OneWay, nameOf: (routerId: Ipv4) => string): string {
  const [one, other] = [nameOf(lists), nameOf(silent)];
  return `${one} lists a link to ${other}, ${other} lists none back (the adjacency is not Full on ${other})`;
}
