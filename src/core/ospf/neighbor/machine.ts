/**
 * Drives the neighbor state machine (RFC 2328 10.3): looks a cell up, performs its actions, tells whom it concerns.
 *
 * In: events. Out: the neighbor's state, the effect `neighborChanged`, marks for elections, our LSAs and routes.
 *
 * Three files call each other here, as the RFC has it: an event may begin or end a database exchange (exchange.ts) or
 * end our help (helped.ts), and what comes of either is an event.
 *
 * Not here: Hellos (interface/), what is requested and flooded once the exchange is over (requests.ts, flooding/).
 */
import type { Instant, Millis } from '../../base/machine.ts';
import { resolve } from '../../base/state-table.ts';
import type { NeighborStateName } from '../events.ts';
import { clearRetransmissions } from '../flooding/retransmit.ts';
import { hasDesignatedRouter, isDesignated } from '../interface/interface.ts';
import { awaitsFirstPrefix } from '../origination/prefixes.ts';
import { awaitsOthers } from '../restart/state.ts';
import { markTopologyChanged } from '../routing/routing.ts';
import type { Speaker } from '../speaker.ts';
import { forgetTrouble } from '../troubles.ts';
import { describeDatabase, endExchange, negotiate } from './exchange.ts';
import { endHelp } from './helped.ts';
import { neighborBecameFull } from './hold.ts';
import { atLeast, NEIGHBOR_TIMERS, type Neighbor, neighborTimer } from './neighbor.ts';
import { NEIGHBOR_TABLE, type NeighborAction, type NeighborEvent, type NeighborGuard } from './table.ts';

/** `reason` is what the operator reads; it is the event's name unless something more exact is known. */
export function neighborEvent(
  speaker: Speaker,
  neighbor: Neighbor,
  event: NeighborEvent,
  reason: string = event,
): void {
  const cell = NEIGHBOR_TABLE[neighbor.state][event];
  if (cell === undefined) return;
  const step = resolve(cell, (guard) => answer(speaker, neighbor, guard));
  if (step.next !== 'same') changeState(speaker, neighbor, step.next, reason);
  for (const action of step.actions) perform(speaker, neighbor, action);
}

function answer(speaker: Speaker, neighbor: Neighbor, guard: NeighborGuard): boolean {
  if (guard === 'adjacencyWanted') return adjacencyWanted(speaker, neighbor);
  if (guard === 'helped') return neighbor.helped !== undefined;
  return neighbor.requests.size === 0 && !awaitsFirstPrefix(speaker);
}

/** RFC 2328 10.4; after a restart a new adjacency may have to wait, see restart/take-over.ts. */
function adjacencyWanted(speaker: Speaker, neighbor: Neighbor): boolean {
  if (awaitsOthers(speaker) && !atLeast(neighbor.state, 'exStart')) return false;
  const iface = neighbor.interface;
  if (!hasDesignatedRouter(iface) || isDesignated(iface)) return true;
  return neighbor.address === iface.designatedRouter || neighbor.address === iface.backupDesignatedRouter;
}

function perform(speaker: Speaker, neighbor: Neighbor, action: NeighborAction): void {
  switch (action) {
    case 'armInactivityTimer':
      armInactivityTimer(speaker, neighbor);
      break;
    case 'negotiate':
      negotiate(speaker, neighbor);
      break;
    case 'describe':
      describeDatabase(speaker, neighbor);
      break;
    case 'endExchange':
      endExchange(speaker, neighbor);
      break;
    case 'clearLists':
      clearLists(speaker, neighbor);
      break;
    case 'forget':
      forget(speaker, neighbor);
      break;
  }
}

function armInactivityTimer(speaker: Speaker, neighbor: Neighbor): void {
  expectHelloBy(speaker, neighbor, speaker.now + neighbor.interface.config.deadInterval);
}

/**
 * A shell that was stalled calls its late timers before it reads the sockets, where the neighbor's Hellos may well be
 * waiting. So a timer that is served far too late is no proof of silence: the neighbor gets a moment more.
 */
function expectHelloBy(speaker: Speaker, neighbor: Neighbor, at: Instant): void {
  neighbor.inactiveAt = at;
  speaker.timers.set(neighborTimer(neighbor, 'inactivity'), at, () => {
    if (speaker.now - at > STALL) expectHelloBy(speaker, neighbor, speaker.now + GRACE);
    else neighborEvent(speaker, neighbor, 'inactivityTimer');
  });
}

const STALL: Millis = 100;
const GRACE: Millis = 50;

/**
 * RFC 4222 (2): on a busy link or machine Hellos get lost behind other packets, which prove as well that the neighbor is
 * there. They do not prove that it still hears us, nor that its settings still match; that is said in Hellos only. So without
 * any Hello they count for a limited time.
 */
export function noticeLife(speaker: Speaker, neighbor: Neighbor): void {
  const { deadInterval } = neighbor.interface.config;
  const at = Math.min(speaker.now + deadInterval, neighbor.helloAt + MOST_WITHOUT_HELLO * deadInterval);
  if (atLeast(neighbor.state, 'init') && at > neighbor.inactiveAt) expectHelloBy(speaker, neighbor, at);
}

/** Dead intervals. */
const MOST_WITHOUT_HELLO = 3;

function clearLists(speaker: Speaker, neighbor: Neighbor): void {
  for (const timer of NEIGHBOR_TIMERS) {
    if (timer !== 'inactivity') speaker.timers.clear(neighborTimer(neighbor, timer));
  }
  clearRetransmissions(neighbor);
  neighbor.requests.clear();
  neighbor.outstanding.clear();
  neighbor.exchange.summary = [];
  neighbor.exchange.lastReceived = undefined;
  neighbor.exchange.lastSent = undefined;
  neighbor.exchange.early = undefined;
  neighbor.heldUntil = undefined;
  neighbor.routerLsaGiven = undefined;
}

function forget(speaker: Speaker, neighbor: Neighbor): void {
  for (const timer of NEIGHBOR_TIMERS) speaker.timers.clear(neighborTimer(neighbor, timer));
  const { neighbors } = neighbor.interface;
  for (const [key, known] of neighbors) if (known === neighbor) neighbors.delete(key);
  neighbor.interface.helloOutdated = true;
}

function changeState(speaker: Speaker, neighbor: Neighbor, to: NeighborStateName, reason: string): void {
  const from = neighbor.state;
  if (from === to) return;
  neighbor.state = to;
  // D.5.3: a neighbor that is down may begin again at any number, for instance after a restart with a wrong clock.
  if (to === 'down') neighbor.sequence = undefined;
  const { routerId, address } = neighbor;
  speaker.effects.push({
    kind: 'neighborChanged',
    interface: neighbor.interface.name,
    routerId,
    address,
    from,
    to,
    reason,
  });
  // 9.2: bidirectional communication began or ended, so another DR may have to be elected.
  if (atLeast(from, 'twoWay') !== atLeast(to, 'twoWay')) neighbor.interface.neighborChange = true;
  // 12.4: an adjacency appears in, or leaves, our router-LSA and perhaps our network-LSA.
  if (from === 'full' || to === 'full') markTopologyChanged(speaker);
  if (to === 'down') endHelp(speaker, neighbor, reason);
  if (to !== 'full') return;
  for (const trouble of ['mtu', 'noAnswer'] as const) forgetTrouble(neighbor.interface, address, trouble);
  neighborBecameFull(speaker, neighbor);
  endHelp(speaker, neighbor, 'the adjacency is full again');
}
