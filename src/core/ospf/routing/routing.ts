/**
 * From the database to routes (RFC 2328 16): when to compute, and what came out.
 *
 * In: something of our own has changed, another router's LSA has, a neighbor's database is complete. Out: the effect `routes`
 * and `speaker.routing`, once the back-off (RFC 8405) lets it. An external LSA alone costs no whole calculation.
 *
 * Not here: the calculation, which is pure (spf/), who else announces a prefix (announcers.ts), installing routes.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import { resolve } from '../../base/state-table.ts';
import type { OspfRoute } from '../events.ts';
import type { OspfInterface } from '../interface/interface.ts';
import type { Lsa } from '../lsa/lsa.ts';
import { isRouterInformation } from '../lsa/router-information.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';
import { isTakingOver } from '../restart/state.ts';
import type { Speaker } from '../speaker.ts';
import {
  BACK_OFF_TABLE,
  type BackOffAction,
  type BackOffEvent,
  HOLDDOWN,
  INITIAL_SPF_DELAY,
  LONG_SPF_DELAY,
  SHORT_SPF_DELAY,
  TIME_TO_LEARN,
} from '../spf/back-off.ts';
import { computeRoutes, externalPrefixKey, recomputeExternals, type SpfLink, type SpfResult } from '../spf/spf.ts';
import { prefixKey } from '../spf/table.ts';

/** An adjacency, a DR or an interface changed: our own LSAs and the routes may differ. */
export function markTopologyChanged(speaker: Speaker): void {
  speaker.origination.dirty = true;
  scheduleSpf(speaker);
}

/** Something of our own has changed. Computes the routes soon; several causes share a run. */
export function scheduleSpf(speaker: Speaker): void {
  speaker.routing.result = undefined;
  backOffEvent(speaker, 'localEvent');
}

/** Another router's LSA has come, gone or changed its contents. `before` is the instance in whose place it came. */
export function lsaChanged(speaker: Speaker, lsa: Lsa, before: Lsa | undefined): void {
  const { routing, config } = speaker;
  if (lsa.body.kind === 'opaque' && !isRouterInformation(lsa)) return;
  // Prefixes that we announce ourselves are no destinations of ours: more than one route hangs on such an LSA.
  if (lsa.header.advertisingRouter === config.routerId) routing.result = undefined;
  const keys = [lsa, ...(before === undefined ? [] : [before])].map(externalPrefixKey);
  for (const key of keys) {
    if (key === undefined) routing.result = undefined;
    else routing.changedExternals.add(key);
  }
  backOffEvent(speaker, 'igpEvent');
}

/** To be called at the end of every event: a database that is complete is a way out, before the neighbor is Full. */
export function noticeComplete(speaker: Speaker): void {
  let complete = 0;
  for (const { neighbors } of speaker.interfaces.values()) {
    for (const neighbor of neighbors.values()) if (hasDatabase(neighbor)) complete++;
  }
  if (complete === speaker.routing.complete) return;
  speaker.routing.complete = complete;
  scheduleSpf(speaker);
}

function backOffEvent(speaker: Speaker, event: BackOffEvent): void {
  const cell = BACK_OFF_TABLE[speaker.routing.backOff][event];
  if (cell === undefined) return;
  const step = resolve(cell, () => false);
  if (step.next !== 'same') speaker.routing.backOff = step.next;
  for (const action of step.actions) perform(speaker, action);
}

function perform(speaker: Speaker, action: BackOffAction): void {
  const { timers, now } = speaker;
  const fire = () => run(speaker);
  const start = (delay: Millis) => {
    if (!timers.has('spf')) timers.set('spf', now + delay, fire);
  };
  switch (action) {
    case 'initialDelay':
      start(INITIAL_SPF_DELAY);
      break;
    case 'shortDelay':
      start(SHORT_SPF_DELAY);
      break;
    case 'longDelay':
      start(LONG_SPF_DELAY);
      break;
    case 'hastenInitial':
      timers.setAtLatest('spf', now + INITIAL_SPF_DELAY, fire);
      break;
    case 'hastenShort':
      timers.setAtLatest('spf', now + SHORT_SPF_DELAY, fire);
      break;
    case 'startLearnTimer':
      timers.set('spfLearn', now + TIME_TO_LEARN, () => backOffEvent(speaker, 'learnTimer'));
      break;
    case 'stopLearnTimer':
      timers.clear('spfLearn');
      break;
    case 'startHolddownTimer':
      timers.set('spfHolddown', now + HOLDDOWN, () => backOffEvent(speaker, 'holddownTimer'));
      break;
  }
}

function run(speaker: Speaker): void {
  const { routing } = speaker;
  // RFC 3623 2.2 (3): until we know all again, what the kernel has is better. The end of it computes.
  if (isTakingOver(speaker)) return;
  speaker.counters.spfRuns++;
  const result = calculate(speaker);
  routing.result = result;
  routing.changedExternals.clear();
  routing.reachable = result.reachable;
  const routes = keepUnchanged(routing.routes, result.routes);
  if (routes === routing.routes) return;
  routing.routes = routes;
  speaker.effects.push({ kind: 'routes', routes });
}

function calculate(speaker: Speaker): SpfResult {
  const { result, changedExternals } = speaker.routing;
  if (result !== undefined) return recomputeExternals(result, liveLsas(speaker), changedExternals);
  return computeRoutes({ routerId: speaker.config.routerId, lsas: liveLsas(speaker), links: links(speaker) });
}

/** The LSAs in force, those that have come to MaxAge left out. */
export function* liveLsas(speaker: Speaker, now: Instant = speaker.now): Generator<Lsa> {
  for (const entry of speaker.lsdb.entries()) {
    if (!speaker.lsdb.isMaxAge(entry, now)) yield entry.lsa;
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

function neighborsWithDatabase(iface: OspfInterface): Neighbor[] {
  return [...iface.neighbors.values()].filter(hasDatabase);
}

/** Loading may last a little, for the sake of what we are about to announce; the way out is known meanwhile. */
function hasDatabase({ state, requests, helped }: Neighbor): boolean {
  return state === 'full' || helped !== undefined || (state === 'loading' && requests.size === 0);
}

/** `next`, with the old objects for routes that are the same; the old list itself when all of them are. */
function keepUnchanged(old: readonly OspfRoute[], next: readonly OspfRoute[]): readonly OspfRoute[] {
  let at = 0;
  let unchanged = 0;
  const routes = next.map((route) => {
    while (at < old.length && prefixKey(old[at]!.prefix) < prefixKey(route.prefix)) at++;
    const rival = old[at];
    if (rival === undefined || (rival !== route && !sameRoute(rival, route))) return route;
    unchanged++;
    return rival;
  });
  return unchanged === old.length && unchanged === routes.length ? old : routes;
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
