/**
 * Meeting the router at the far end of a point-to-point link before its next Hello, which may be a whole interval away: FRR
 * and BIRD do not answer a stranger's Hello, they wait for the turn of their own.
 *
 * A router that has heard our Hello has us in Init, and a Database Description that reaches it then counts as the proof
 * that we hear it, and begins the exchange (RFC 2328 10.6). So a moment after each of the first Hellos, as long as nobody
 * has been heard, we send the description that ExStart begins with. What comes back is a description as well, from a
 * router whose Hello we have not seen. We take it for one: it proves that our Hello was heard, and that intervals, area and
 * options in it were found to match, which is all that its Hello could tell us on a link without a designated router.
 * RFC 2328 8.2 would discard it. The Hello itself follows within its interval and is judged as any other; if it
 * does not come, or does not match, the inactivity timer ends the affair.
 */
import type { Millis } from '../../base/machine.ts';
import { ALL_SPF_ROUTERS } from '../codes.ts';
import { openingDescription } from '../neighbor/exchange.ts';
import { type Speaker, sendPacket } from '../speaker.ts';
import { isPointToPoint, type OspfInterface } from './interface.ts';

/** FRR reads all packets that wait, and acts on Hellos only then: a description right behind ours would find no neighbor. */
const BEHIND_HELLO: Millis = 5;

const openingTimer = (iface: OspfInterface) => `opening ${iface.name}`;

/** To be called after each of the first Hellos. Who is remembered is met by its Hello, when all are: see restart/take-over.ts. */
export function scheduleOpening(speaker: Speaker, iface: OspfInterface): void {
  if (!isPointToPoint(iface) || iface.remembered.length > 0) return;
  speaker.timers.set(openingTimer(iface), speaker.now + BEHIND_HELLO, () => open(speaker, iface));
}

export function stopOpening(speaker: Speaker, iface: OspfInterface): void {
  speaker.timers.clear(openingTimer(iface));
  iface.openingSequence = undefined;
}

function open(speaker: Speaker, iface: OspfInterface): void {
  if (iface.neighbors.size > 0 || iface.strangerRefused || speaker.phase !== 'running') return;
  iface.openingSequence ??= speaker.prng.u32();
  sendPacket(speaker, iface, ALL_SPF_ROUTERS, openingDescription(speaker, iface, iface.openingSequence));
}

/**
 * The sequence number of the description that a stranger's one may be the answer to; the offer ends with it. Undefined when
 * we have made none, or somebody has been heard, be it a Hello that does not match ours: then a description proves nothing,
 * for its sender may open in this way, too.
 */
export function takeOpening(iface: OspfInterface): number | undefined {
  const sequence = iface.neighbors.size === 0 && !iface.strangerRefused ? iface.openingSequence : undefined;
  iface.openingSequence = undefined;
  return sequence;
}
