/** The prefixes that we announce: which are wanted, that the first of them is waited for, and which are out. */
import { INITIAL_SEQUENCE, MAX_AGE } from '../codes.ts';
import type { AnnouncedPrefix } from '../events.ts';
import type { Lsa } from '../lsa/lsa.ts';
import { isTakingOver } from '../restart/state.ts';
import type { Speaker } from '../speaker.ts';
import { announcedBy } from './external-lsa.ts';
import { routerLsaContents } from './router-lsa.ts';
import { ownLsa } from './state.ts';

/** The whole set of prefixes to announce; a prefix given twice counts with its least metric. */
export function setAnnounced(speaker: Speaker, prefixes: readonly AnnouncedPrefix[]): void {
  const sorted = [...prefixes].sort(
    (a, b) => a.prefix.address - b.prefix.address || a.prefix.length - b.prefix.length || a.metric - b.metric,
  );
  speaker.origination.wanted = sorted.filter(({ prefix }, at) => {
    const previous = sorted[at - 1]?.prefix;
    return previous?.address !== prefix.address || previous.length !== prefix.length;
  });
  speaker.origination.dirty = true;
  if (prefixes.length > 0) speaker.origination.awaitFirstUntil = speaker.now;
}

/** Whether an adjacency that is complete but for our own router-LSA should wait for what we are about to announce. */
export function awaitsFirstPrefix(speaker: Speaker): boolean {
  if (speaker.phase !== 'running' || isTakingOver(speaker)) return false;
  return speaker.now < speaker.origination.awaitFirstUntil;
}

/** The prefixes in the LSAs of ours that are out. */
export function announcedPrefixes({ origination }: Speaker): readonly AnnouncedPrefix[] {
  const { stubs, external } = origination;
  return external.announced.size === 0 ? stubs : [...stubs, ...external.announced.values()];
}

/** Keeps account of what is announced, as opposed to wanted: a change may wait for the floor. */
export function noteAnnouncement(speaker: Speaker, key: string, lsa: Lsa): void {
  const { origination } = speaker;
  const flushed = lsa.header.age >= MAX_AGE;
  const prefix = announcedBy(lsa);
  if (key === origination.routerLsaKey) origination.stubs = flushed ? [] : routerLsaContents(speaker).prefixes;
  else if (prefix === undefined) return;
  else if (flushed) origination.external.announced.delete(key);
  else origination.external.announced.set(key, prefix);
  origination.unreported = true;
}

/** Tells of what has gone out since the last time. */
export function reportAnnouncement(speaker: Speaker): void {
  const { origination } = speaker;
  if (!origination.unreported) return;
  origination.unreported = false;
  const sequence = ownLsa(origination, origination.routerLsaKey).sequence ?? INITIAL_SEQUENCE;
  speaker.effects.push({ kind: 'originated', sequence, prefixes: announcedPrefixes(speaker) });
}
