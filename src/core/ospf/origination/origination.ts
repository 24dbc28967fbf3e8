/**
 * Our own LSAs (RFC 2328 12.4), declaratively: events only mark that something may have changed; here the wanted contents
 * are computed from the present state and compared with what is in the database. What differs is originated, what is not
 * wanted any more is flushed, what is equal is left alone.
 *
 * Pacing: the first change goes out at once; the next instance of the same LSA waits until `originateFloor` has passed
 * since the last one, and takes all changes made meanwhile along. Peers refuse an instance that is younger than a
 * second, so a floor a little above that is the fastest pace that does not cost retransmissions; that goes for a flush,
 * too. A refresh, an answer to our own LSA coming back (13.4) and the instance that a neighbor waits for on becoming Full
 * are not paced. Each LSA has its own pace: a prefix with an LSA of its own never waits for another prefix.
 *
 * Not here: which prefixes are wanted (prefixes.ts), ageing and removal (lsdb/ageing.ts), getting it to the neighbors
 * (flooding/).
 */
import type { Instant } from '../../base/machine.ts';
import { lsaOptions } from '../area.ts';
import { INITIAL_SEQUENCE, LsType, MAX_AGE, MAX_SEQUENCE } from '../codes.ts';
import { flood } from '../flooding/flood.ts';
import { removeFromAllLists } from '../flooding/retransmit.ts';
import { buildLsa, lsaKeyText, sameContents, withAge } from '../lsa/codec.ts';
import type { Lsa, LsaBody, LsaKey } from '../lsa/lsa.ts';
import { scheduleAgeing } from '../lsdb/ageing.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { noticeTopologyChange } from '../restart/helper.ts';
import { isTakingOver } from '../restart/state.ts';
import { scheduleSpf } from '../routing/routing.ts';
import type { Speaker } from '../speaker.ts';
import { externalLsas, sameExternal } from './external-lsa.ts';
import { networkLsaBody } from './network-lsa.ts';
import { noteAnnouncement, reportAnnouncement } from './prefixes.ts';
import { routerLsaContents } from './router-lsa.ts';
import { type OwnLsa, ownLsa } from './state.ts';

interface Wanted {
  readonly key: LsaKey;
  readonly options: number;
  readonly body: LsaBody;
}

/** Brings the database in line with what we want to say. True when it did anything. */
export function reconcile(speaker: Speaker): boolean {
  const { origination } = speaker;
  // While one process hands over to the next, what is out stays as it is.
  if (!origination.dirty || speaker.phase === 'handingOver' || isTakingOver(speaker)) return false;
  origination.dirty = false;
  const wanted = wantedLsas(speaker);
  const keys = new Set(wanted.map((one) => bringUp(speaker, one)));
  flushUnwanted(speaker, keys);
  origination.unpaced = false;
  reportAnnouncement(speaker);
  return true;
}

function wantedLsas(speaker: Speaker): Wanted[] {
  if (speaker.phase !== 'running') return [];
  const { routerId, areaType } = speaker.config;
  const options = lsaOptions(areaType);
  // Before the router-LSA, which says that there are some.
  const externals = externalLsas(speaker);
  const routerLsa: Wanted = {
    key: { type: LsType.router, id: routerId, advertisingRouter: routerId },
    options,
    body: routerLsaContents(speaker).body,
  };
  const networkLsas = [...speaker.interfaces.values()].flatMap((iface): Wanted[] => {
    const body = networkLsaBody(speaker, iface);
    if (body === undefined) return [];
    return [{ key: { type: LsType.network, id: iface.address, advertisingRouter: routerId }, options, body }];
  });
  return [routerLsa, ...networkLsas, ...externals];
}

/** Returns the database key. */
function bringUp(speaker: Speaker, wanted: Wanted): string {
  const text = lsaKeyText(wanted.key);
  const own = ownLsa(speaker.origination, text);
  own.isOurs = true;
  const entry = speaker.lsdb.get(text);
  // There may be hundreds of them, and all but one are as they should be.
  if (own.refresh || !isSaid(speaker, entry, wanted)) originate(speaker, wanted, own, entry);
  return text;
}

function originate(speaker: Speaker, { key, options, body }: Wanted, own: OwnLsa, entry: LsdbEntry | undefined): void {
  const sequence = nextSequence(own, entry);
  if (sequence === undefined) {
    // 12.1.6: the last number is used up. That instance must be gone everywhere before the first one can follow;
    // its removal brings us back here.
    if (!speaker.lsdb.isMaxAge(entry!, speaker.now)) flush(speaker, entry!);
    return;
  }
  const lsa = buildLsa({ ...key, age: 0, options, sequence }, body);
  if (isInPlace(speaker, entry, lsa) && !own.refresh) return;
  if (!isDue(speaker, dueAt(speaker, own, entry))) return;
  own.refresh = false;
  own.outdoBy = undefined;
  installOwn(speaker, lsa);
}

/** Undefined when the entry has the last number there is. */
function nextSequence(own: OwnLsa, entry: LsdbEntry | undefined): number | undefined {
  if (entry !== undefined) {
    return entry.lsa.header.sequence === MAX_SEQUENCE ? undefined : entry.lsa.header.sequence + 1;
  }
  return own.sequence === undefined || own.sequence === MAX_SEQUENCE ? INITIAL_SEQUENCE : own.sequence + 1;
}

/** Whether the database has this already, from us and in force. */
function isInPlace(speaker: Speaker, entry: LsdbEntry | undefined, lsa: Lsa): boolean {
  if (entry === undefined || entry.source !== 'own' || speaker.lsdb.isMaxAge(entry, speaker.now)) return false;
  return sameContents(entry.lsa, lsa);
}

/** The same for an LSA of one prefix, without building one to compare with. */
function isSaid(speaker: Speaker, entry: LsdbEntry | undefined, { options, body }: Wanted): boolean {
  if (entry === undefined || entry.source !== 'own' || body.kind !== 'external') return false;
  const { lsa } = entry;
  if (lsa.body.kind !== 'external' || lsa.header.options !== options) return false;
  return sameExternal(lsa.body, body) && !speaker.lsdb.isMaxAge(entry, speaker.now);
}

function dueAt(speaker: Speaker, own: OwnLsa, entry: LsdbEntry | undefined): Instant {
  const unpaced = speaker.origination.unpaced && entry?.key === speaker.origination.routerLsaKey;
  if (own.refresh || unpaced) return speaker.now;
  if (own.outdoBy !== undefined) return own.outdoBy;
  // Nobody has seen the last instance.
  if (entry !== undefined && entry.sentAt === undefined) return speaker.now;
  return own.originatedAt + speaker.config.originateFloor;
}

/** Whether a time has come; if not, all this is looked at again when it has. */
function isDue(speaker: Speaker, at: Instant): boolean {
  if (at <= speaker.now) return true;
  speaker.timers.setAtLatest('originate', at, () => {
    speaker.origination.dirty = true;
  });
  return false;
}

/** When neighbors will accept the flush of all our LSAs: not within the floor of an instance that they were given. */
export function earliestFlush(speaker: Speaker): Instant {
  const own = [...speaker.lsdb.entries()].filter(({ source }) => source === 'own');
  return Math.max(speaker.now, ...own.map((entry) => flushAt(speaker, entry)));
}

function flushAt(speaker: Speaker, entry: LsdbEntry): Instant {
  if (speaker.lsdb.isMaxAge(entry, speaker.now) || entry.sentAt === undefined) return speaker.now;
  return ownLsa(speaker.origination, entry.key).originatedAt + speaker.config.originateFloor;
}

/** What carries our name and is not wanted: from an earlier life, a prefix withdrawn, a network that we are not DR of. */
function flushUnwanted(speaker: Speaker, wanted: ReadonlySet<string>): void {
  for (const entry of [...speaker.lsdb.entries()]) {
    if (entry.lsa.header.advertisingRouter !== speaker.config.routerId || wanted.has(entry.key)) continue;
    const flushed = entry.source === 'own' && speaker.lsdb.isMaxAge(entry, speaker.now);
    if (!flushed && isDue(speaker, mayFlushAt(speaker, entry))) flush(speaker, entry);
  }
}

function mayFlushAt(speaker: Speaker, entry: LsdbEntry): Instant {
  // Once told to stop, who asked has waited already.
  if (speaker.phase !== 'running') return speaker.now;
  if (entry.source === 'own') return flushAt(speaker, entry);
  // What an earlier life announced may be announced again as soon as we know what to announce.
  return entry.lsa.body.kind === 'external' ? speaker.origination.awaitFirstUntil : speaker.now;
}

/** Premature ageing (RFC 2328 14.1): the same instance at MaxAge, flooded. */
export function flush(speaker: Speaker, entry: LsdbEntry): void {
  const { header, body } = entry.lsa;
  const flushed = { header: { ...header, age: MAX_AGE }, body, bytes: withAge(entry.lsa, MAX_AGE) };
  installOwn(speaker, flushed, entry.interface);
}

/** `interfaceName`: for link-local scope (type 9). */
export function installOwn(speaker: Speaker, lsa: Lsa, interfaceName = ''): void {
  const key = speaker.lsdb.keyOf(lsa.header, interfaceName);
  removeFromAllLists(speaker, key);
  const { entry, changed } = speaker.lsdb.install(lsa, 'own', interfaceName, speaker.now);
  const own = ownLsa(speaker.origination, key);
  own.sequence = lsa.header.sequence;
  own.originatedAt = speaker.now;
  speaker.counters.originated++;
  scheduleAgeing(speaker, entry);
  if (changed) scheduleSpf(speaker);
  if (changed) noticeTopologyChange(speaker, entry.lsa);
  flood(speaker, entry, undefined);
  noteAnnouncement(speaker, key, lsa);
}
