/** From the database to routes: when to compute, what came out, who else announces a prefix (RFC 2328 16). */
import type { Ipv4 } from '../base/ipv4.ts';
import type { Instant, Millis } from '../base/machine.ts';
import { LsType, RouterLinkType } from './codes.ts';
import type { OspfRoute } from './events.ts';
import type { OspfInterface } from './interface/interface.ts';
import type { Lsa } from './lsa/lsa.ts';
import type { Neighbor } from './neighbor/neighbor.ts';
import type { Speaker } from './speaker.ts';
import { computeRoutes, type SpfLink } from './spf/spf.ts';

/**
 * A leaf may answer the first changes at once, and must: while an adjacency comes up, half a dozen of them follow each other,
 * and the way back to the clients depends on the last. A flapping area must not keep it busy.
 */
const DELAYS: readonly Millis[] = [10, 10, 20, 50, 100, 200, 500, 1000];

/** After this much quiet the next change counts as a first one. */
const QUIET: Millis = 3000;

export interface Routing {
  routes: readonly OspfRoute[];
  reachable: ReadonlySet<Ipv4>;
  lastRunAt: Instant;
  /** Index into DELAYS for the next run. */
  step: number;
  scheduled: boolean;
}

export function newRouting(): Routing {
  return { routes: [], reachable: new Set(), lastRunAt: Number.NEGATIVE_INFINITY, step: 0, scheduled: false };
}

/** An adjacency, a DR or an interface changed: our own LSAs and the routes may differ. */
export function markTopologyChanged(speaker: Speaker): void {
  speaker.origination.dirty = true;
  scheduleSpf(speaker);
}

/** Computes the routes soon; several causes share a run. */
export function scheduleSpf(speaker: Speaker): void {
  const { routing } = speaker;
  if (routing.scheduled) return;
  if (speaker.now - routing.lastRunAt >= QUIET) routing.step = 0;
  const delay = DELAYS[routing.step] ?? 0;
  routing.step = Math.min(routing.step + 1, DELAYS.length - 1);
  routing.scheduled = true;
  speaker.timers.set('spf', speaker.now + delay, () => run(speaker));
}

function run(speaker: Speaker): void {
  const { routing } = speaker;
  routing.scheduled = false;
  routing.lastRunAt = speaker.now;
  speaker.counters.spfRuns++;
  const { routes, reachable } = computeRoutes({
    routerId: speaker.config.routerId,
    lsas: liveLsas(speaker),
    links: links(speaker),
  });
  routing.reachable = reachable;
  if (sameRoutes(routing.routes, routes)) return;
  routing.routes = routes;
  speaker.effects.push({ kind: 'routes', routes });
}

function* liveLsas(speaker: Speaker): Generator<Lsa> {
  for (const entry of speaker.lsdb.entries()) {
    if (!speaker.lsdb.isMaxAge(entry, speaker.now)) yield entry.lsa;
  }
}

function links(speaker: Speaker): SpfLink[] {
  const up = [...speaker.interfaces.values()].filter((iface) => iface.state !== 'down');
  return up.map((iface) => ({
    interface: iface.name,
    network: iface.config.network,
    address: iface.address,
    prefixLength: iface.prefixLength,
    cost: iface.config.cost,
    neighbors: neighborsWithDatabase(iface).map(({ routerId, address }) => ({ routerId, address })),
  }));
}

/** Loading may last a little, for the sake of what we are about to announce; the way out is known meanwhile. */
function neighborsWithDatabase(iface: OspfInterface): Neighbor[] {
  return [...iface.neighbors.values()].filter(
    ({ state, requests }) => state === 'full' || (state === 'loading' && requests.size === 0),
  );
}

function sameRoutes(a: readonly OspfRoute[], b: readonly OspfRoute[]): boolean {
  return a.length === b.length && a.every((route, at) => sameRoute(route, b[at]!));
}

function sameRoute(a: OspfRoute, b: OspfRoute): boolean {
  return (
    a.prefix.address === b.prefix.address &&
    a.prefix.length === b.prefix.length &&
    a.pathType === b.pathType &&
    a.cost === b.cost &&
    a.nextHops.length === b.nextHops.length &&
    a.nextHops.every((hop, at) => {
      const other = b.nextHops[at]!;
      return hop.interface === other.interface && hop.gateway === other.gateway;
    })
  );
}

/**
 * Router ids, ours not among them, that were reachable at the last computation and announce the host route `vip` at a
 * metric below `below`: as a stub link or as an external LSA. Ascending.
 */
export function otherAnnouncers(speaker: Speaker, vip: Ipv4, below: number): Ipv4[] {
  const found = new Set<Ipv4>();
  for (const lsa of liveLsas(speaker)) {
    const router = lsa.header.advertisingRouter;
    if (router === speaker.config.routerId || !speaker.routing.reachable.has(router)) continue;
    const metric = announcedMetric(lsa, vip);
    if (metric !== undefined && metric < below) found.add(router);
  }
  return [...found].sort((a, b) => a - b);
}

const HOST_MASK = 0xffffffff;

function announcedMetric({ header, body }: Lsa, vip: Ipv4): number | undefined {
  if (body.kind === 'external' && header.type === LsType.asExternal) {
    return header.id === vip && body.mask === HOST_MASK ? body.metric : undefined;
  }
  if (body.kind !== 'router') return undefined;
  const stubs = body.links.filter(
    (link) => link.type === RouterLinkType.stub && link.id === vip && link.data === HOST_MASK,
  );
  return stubs.length === 0 ? undefined : Math.min(...stubs.map((link) => link.metric));
}
