/**
 * The second half of every event: turns the marks that the first half left into their consequences, until nothing follows
 * any more, and sends what is queued. Elections, Loading → Full, our own LSAs, requests and removals are judged here once
 * per event, on the state as it then is.
 */
import { flushOutbox } from './flooding/outbox.ts';
import { interfaceEvent } from './interface/machine.ts';
import { sweep } from './lsdb/ageing.ts';
import { answerHeld } from './neighbor/hold.ts';
import { neighborEvent } from './neighbor/machine.ts';
import { sendRequests } from './neighbor/requests.ts';
import { reconcile } from './origination/origination.ts';
import { awaitsFirstPrefix } from './origination/prefixes.ts';
import { advanceTakeOver } from './restart/take-over.ts';
import { noticeComplete } from './routing/routing.ts';
import { allNeighbors, type Speaker } from './speaker.ts';

export function settle(speaker: Speaker): void {
  do {
    while (elect(speaker) || advanceTakeOver(speaker) || finishLoading(speaker) || reconcile(speaker));
  } while (sweep(speaker));
  for (const { neighbors } of speaker.interfaces.values()) {
    for (const neighbor of neighbors.values()) {
      answerHeld(speaker, neighbor);
      sendRequests(speaker, neighbor);
    }
  }
  noticeComplete(speaker);
  for (const iface of speaker.interfaces.values()) flushOutbox(speaker, iface);
}

function elect(speaker: Speaker): boolean {
  let any = false;
  for (const iface of speaker.interfaces.values()) {
    if (!iface.neighborChange) continue;
    iface.neighborChange = false;
    interfaceEvent(speaker, iface, 'neighborChange');
    any = true;
  }
  return any;
}

function waitForFirstPrefix(speaker: Speaker): void {
  const complete = [...allNeighbors(speaker)].some(({ state, requests }) => state === 'loading' && requests.size === 0);
  if (!complete || speaker.timers.has('firstPrefix')) return;
  speaker.timers.set('firstPrefix', speaker.origination.awaitFirstUntil, () => undefined);
}

function finishLoading(speaker: Speaker): boolean {
  if (awaitsFirstPrefix(speaker)) {
    waitForFirstPrefix(speaker);
    return false;
  }
  let any = false;
  for (const { neighbors } of speaker.interfaces.values()) {
    for (const neighbor of neighbors.values()) {
      if (neighbor.state !== 'loading' || neighbor.requests.size > 0) continue;
      neighborEvent(speaker, neighbor, 'loadingDone');
      any = true;
    }
  }
  return any;
}
