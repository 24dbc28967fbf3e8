/**
 * Coming back after a crash that the neighbors have not noticed (input `interfaceUp` with `remembered`).
 *
 * They are still Full with our earlier life, and its router-LSA still brings us traffic. That ends with the first DD: the
 * neighbor leaves Full, and when the exchange is over it has to have a router-LSA of ours that says what the old one said,
 * or the routes through us go. Two things must not happen. A router-LSA that lacks a link still to come: it reaches that
 * link's router by other ways, and the complete one right behind it is refused (MinLSArrival). And an exchange later than
 * the others': by then the neighbors' own LSAs have just changed. So all is done at once:
 *
 *   hearing     adjacencies wait in 2-Way until every remembered neighbor has been heard and the prefixes are there;
 *   exchanging  then all exchanges run, and none becomes Full before the others are complete too.
 *
 * Both are bounded: a neighbor that is alive says Hello in one hello interval, and an exchange takes milliseconds.
 */
import type { Instant } from '../../base/machine.ts';
import { neighborEvent } from '../neighbor/machine.ts';
import { atLeast } from '../neighbor/neighbor.ts';
import { allNeighbors, type Speaker } from '../speaker.ts';
import type { OspfInterface } from './interface.ts';

export interface Resume {
  readonly phase: 'hearing' | 'exchanging';
  /** When it ends at the latest. */
  readonly by: Instant;
}

/** A Hello may come a little later than its interval says. */
const HELLO_TOLERANCE = 1.1;

/** The interface is coming up, and there is somebody to be heard on it. */
export function beginResume(speaker: Speaker, iface: OspfInterface): void {
  const wait = Math.max(iface.config.helloInterval * HELLO_TOLERANCE, speaker.config.firstAnnounceLimit ?? 0);
  enter(speaker, { phase: 'hearing', by: Math.max(speaker.resume?.by ?? 0, speaker.now + wait) });
}

/** Goes on once all is at hand, or it has taken too long. True when it did. */
export function advanceResume(speaker: Speaker): boolean {
  const { resume } = speaker;
  if (resume === undefined) return false;
  const late = speaker.now >= resume.by || speaker.phase !== 'running';
  if (resume.phase === 'exchanging') {
    if (!late && !areExchangesComplete(speaker)) return false;
    enter(speaker, undefined);
    return true;
  }
  if (!late && !isAllAtHand(speaker)) return false;
  enter(speaker, { phase: 'exchanging', by: speaker.now + speaker.config.holdLimit });
  for (const neighbor of [...allNeighbors(speaker)]) neighborEvent(speaker, neighbor, 'adjOk');
  return true;
}

function enter(speaker: Speaker, resume: Resume | undefined): void {
  speaker.resume = resume;
  if (resume === undefined) speaker.timers.clear('resume');
  else speaker.timers.set('resume', resume.by, () => undefined);
}

function isAllAtHand(speaker: Speaker): boolean {
  const awaitsPrefixes = (speaker.config.firstAnnounceLimit ?? 0) > 0;
  if (awaitsPrefixes && speaker.origination.wanted.length === 0) return false;
  return [...speaker.interfaces.values()].every((iface) => {
    const heard = new Set([...iface.neighbors.values()].map(({ routerId }) => routerId));
    return iface.state === 'down' || iface.remembered.every((routerId) => heard.has(routerId));
  });
}

function areExchangesComplete(speaker: Speaker): boolean {
  return [...allNeighbors(speaker)].every(({ state, requests }) => {
    return !atLeast(state, 'exStart') || state === 'full' || (state === 'loading' && requests.size === 0);
  });
}
