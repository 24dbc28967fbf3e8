/** What time does to the database: refresh of our own LSAs, expiry of the others', removal (RFC 2328 12.4, 14). */
import type { Instant, Millis } from '../../base/machine.ts';
import { LS_REFRESH_TIME, MAX_SEQUENCE } from '../codes.ts';
import { flood } from '../flooding/flood.ts';
import { removeFromAllLists } from '../flooding/retransmit.ts';
import { isSynchronizing } from '../neighbor/neighbor.ts';
import { ownLsa } from '../origination/state.ts';
import { noticeTopologyChange } from '../restart/helper.ts';
import { lsaChanged } from '../routing/routing.ts';
import { allNeighbors, type Speaker } from '../speaker.ts';
import type { LsdbEntry } from './lsdb.ts';

/** The refresh comes up to this share early, so that LSAs made together do not stay together. */
const REFRESH_JITTER = 0.05;

/** Due times that lie this close are handled together. */
const COARSENESS: Millis = 1000;

/** To be called for every entry installed. One timer serves the whole database; it is due when the first entry is. */
export function scheduleAgeing(speaker: Speaker, entry: LsdbEntry): void {
  if (speaker.lsdb.isMaxAge(entry, speaker.now)) return;
  speaker.timers.setAtLatest('ageing', dueAt(speaker, entry) + COARSENESS, () => age(speaker));
}

/** When an entry needs attention: ours is refreshed, another's has not been refreshed by its owner. */
function dueAt(speaker: Speaker, entry: LsdbEntry): Instant {
  return entry.source === 'own' ? refreshAt(speaker, entry) : speaker.lsdb.expiresAt(entry);
}

function refreshAt(speaker: Speaker, entry: LsdbEntry): Instant {
  // The jitter must be the same each time it is asked for; checksum and seed give it without being stored.
  const mixed = Math.imul(entry.lsa.header.checksum ^ speaker.config.seed, 0x9e3779b1) >>> 0;
  const early = REFRESH_JITTER * (mixed / 2 ** 32);
  return entry.installedAt + LS_REFRESH_TIME * 1000 * (1 - early);
}

function age(speaker: Speaker): void {
  for (const entry of [...speaker.lsdb.entries()]) {
    if (speaker.lsdb.maxAgeEntries().has(entry)) continue;
    if (dueAt(speaker, entry) > speaker.now) scheduleAgeing(speaker, entry);
    else if (entry.source === 'own') refresh(speaker, entry);
    else expire(speaker, entry);
  }
}

function refresh(speaker: Speaker, entry: LsdbEntry): void {
  ownLsa(speaker.origination, entry.key).refresh = true;
  speaker.origination.dirty = true;
}

/** 14: whoever sees an LSA reach MaxAge floods it, so that all forget it together. */
function expire(speaker: Speaker, entry: LsdbEntry): void {
  if (!speaker.lsdb.expire(entry, speaker.now)) return;
  removeFromAllLists(speaker, entry.key);
  flood(speaker, entry, undefined);
  lsaChanged(speaker, entry.lsa, undefined);
  noticeTopologyChange(speaker, entry.lsa);
}

/**
 * Removes what is at MaxAge and owed to nobody (14): on no retransmission list, and no neighbor in the middle of an
 * exchange that may have described it. True when something of our own went, which may now be originated anew.
 */
export function sweep(speaker: Speaker): boolean {
  const waiting = speaker.lsdb.maxAgeEntries();
  if (waiting.size === 0 || anyoneSynchronizing(speaker)) return false;
  let own = false;
  for (const [entry, since] of [...waiting]) {
    if (entry.retransmissions > 0) continue;
    const removeAt = since + lingerOf(entry);
    if (removeAt > speaker.now) {
      speaker.timers.setAtLatest('sweep', removeAt, () => undefined);
      continue;
    }
    speaker.lsdb.remove(entry);
    if (entry.lsa.header.advertisingRouter !== speaker.config.routerId) continue;
    own = true;
    // Whatever came back in our name and was flushed is not remembered for ever.
    if (!ownLsa(speaker.origination, entry.key).isOurs) speaker.origination.own.delete(entry.key);
  }
  if (own) speaker.origination.dirty = true;
  return own;
}

/** Whether a neighbor is in the middle of an exchange (13 (4), 14). */
export function anyoneSynchronizing(speaker: Speaker): boolean {
  for (const neighbor of allNeighbors(speaker)) if (isSynchronizing(neighbor)) return true;
  return false;
}

/**
 * A flushed LSA is remembered a little longer than RFC 2328 14 asks. While a router that has forgotten the flush meets
 * one that has not heard of it yet, the live copy is news again, and the two can chase each other round the area for
 * ever, kept in step by MinLSArrival and equal retransmission intervals. Who remembers answers with the flush (13 (8)).
 * Where sequence numbers wrap the first number waits for the last one to be gone, so that one is not kept.
 */
function lingerOf(entry: LsdbEntry): Millis {
  return entry.lsa.header.sequence === MAX_SEQUENCE ? 0 : LINGER;
}

/** Two of the longest usual retransmission intervals. */
const LINGER: Millis = 10_000;
