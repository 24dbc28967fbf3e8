/**
 * The "hold" of our own router-LSA.
 *
 * A peer that is given our router-LSA while the adjacency is still forming has a copy without the new link; the instance
 * with the link follows a moment later and is refused for being too young (MinLSArrival, RFC 2328 13 (5)(a)), without an
 * acknowledgement, until it is retransmitted. So the answer to a request for our own router-LSA waits until we are Full,
 * which RFC 2328 allows (no time limit is set for answers), but not longer than `holdLimit`: two speakers that do this
 * must not wait for each other.
 */
import type { Instant } from '../../base/machine.ts';
import { MIN_LS_ARRIVAL } from '../codes.ts';
import { queueUpdate } from '../flooding/outbox.ts';
import { addRetransmission, hastenRetransmission } from '../flooding/retransmit.ts';
import type { Speaker } from '../speaker.ts';
import { addressOf, isSynchronizing, type Neighbor, neighborTimer } from './neighbor.ts';

/** Whether our own router-LSA is to be kept from this neighbor for now. */
export function isHolding(speaker: Speaker, neighbor: Neighbor): boolean {
  return speaker.config.holdLimit > 0 && speaker.phase === 'running' && isSynchronizing(neighbor);
}

/** The peer has asked for it. */
export function hold(speaker: Speaker, neighbor: Neighbor): void {
  // A repeated request does not begin a new hold.
  if (neighbor.heldUntil !== undefined) return;
  neighbor.heldUntil = holdEnd(speaker);
  speaker.timers.set(neighborTimer(neighbor, 'hold'), neighbor.heldUntil, () => undefined);
}

/** A hold that begins now: when it ends at the latest. */
export function holdEnd(speaker: Speaker): Instant {
  return Math.max(speaker.now, speaker.origination.awaitFirstUntil) + speaker.config.holdLimit;
}

/** Answers a held request when its time has come, unless the flooding of a new instance has answered it already. */
export function answerHeld(speaker: Speaker, neighbor: Neighbor): void {
  const { heldUntil } = neighbor;
  if (heldUntil === undefined || (isHolding(speaker, neighbor) && speaker.now < heldUntil)) return;
  neighbor.heldUntil = undefined;
  speaker.timers.clear(neighborTimer(neighbor, 'hold'));
  const entry = speaker.lsdb.get(speaker.origination.routerLsaKey);
  if (entry === undefined || neighbor.routerLsaGiven?.entry === entry) return;
  queueUpdate(speaker, neighbor.interface, addressOf(neighbor), entry, [neighbor]);
  // Held back from flooding too, it has only now been sent for the first time.
  if (neighbor.retransmissions.has(entry.key)) addRetransmission(speaker, neighbor, entry);
}

/**
 * Called when an adjacency is complete. If the peer has no copy of our router-LSA that is so young that it would refuse
 * the next one, it gets the instance with the new link now, floor or not: this is what the hold has waited for.
 */
export function neighborBecameFull(speaker: Speaker, neighbor: Neighbor): void {
  const given = neighbor.routerLsaGiven;
  if (given === undefined || speaker.now - given.at > MIN_LS_ARRIVAL * 1000) speaker.origination.unpaced = true;
  hastenRetransmission(speaker, neighbor, speaker.origination.routerLsaKey);
}
