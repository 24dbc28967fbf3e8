/**
 * Our own LSAs (RFC 2328 12.4), declaratively: events only mark that something may have changed; here the wanted contents
 * are computed from the present state and compared with what is in the database. What differs is originated, what is not
 * wanted any more is flushed, what is equal is left alone.
 *
 * Pacing: the first change goes out at once; the next instance of the same LSA waits until `originateFloor` has passed
 * since the last one, and takes all changes made meanwhile along. Peers refuse an instance that is younger than a
 * second, so a floor a little above that is the fastest pace that does not cost retransmissions. A flush, a refresh, an
 * answer to our own LSA coming back (13.4) and the instance that a neighbor waits for on becoming Full are not paced.
 *
 * Not here: ageing and removal (lsdb/ageing.ts), getting it to the neighbors (flooding/).
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Instant } from '../../base/machine.ts';
import { INITIAL_SEQUENCE, LsType, MAX_AGE, MAX_SEQUENCE, MIN_LS_ARRIVAL, Option } from '../codes.ts';
import type { AnnouncedPrefix } from '../events.ts';
import { flood } from '../flooding/flood.ts';
import { hastenRetransmission, removeFromAllLists } from '../flooding/retransmit.ts';
import { buildLsa, lsaKeyText, sameContents, withAge } from '../lsa/codec.ts';
import type { Lsa, LsaBody, LsaKey } from '../lsa/lsa.ts';
import { scheduleAgeing } from '../lsdb/ageing.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';
import { scheduleSpf } from '../routing.ts';
import type { Speaker } from '../speaker.ts';
import { networkLsaBody } from './network-lsa.ts';
import { routerLsaContents } from './router-lsa.ts';

/** What we remember of an LSA of ours beyond the database, which forgets an LSA once it is flushed. */
export interface OwnLsa {
  /** Of the last instance, ours or one that came back to us; undefined before the first. */
  sequence: number | undefined;
  originatedAt: Instant;
  /** It is time for the periodic refresh. */
  refresh: boolean;
  /** An instance of it has come back to us that we have to outdo, at the latest by then. */
  outdoBy: Instant | undefined;
}

export interface Origination {
  readonly routerLsaKey: string;
  /** Sorted by address and length, each prefix once. */
  wanted: readonly AnnouncedPrefix[];
  /** The prefixes in the router-LSA that is out. */
  announced: readonly AnnouncedPrefix[];
  /** Something may have changed. */
  dirty: boolean;
  /** A neighbor has become Full that has no young copy of our router-LSA: it is to have the next one now. */
  unpaced: boolean;
  /** Until then adjacencies wait for the first prefix; see InstanceConfig.firstAnnounceLimit. */
  awaitFirstUntil: Instant;
  readonly own: Map<string, OwnLsa>;
}

export function newOrigination(routerId: Ipv4, awaitFirstUntil: Instant): Origination {
  return {
    routerLsaKey: lsaKeyText({ type: LsType.router, id: routerId, advertisingRouter: routerId }),
    wanted: [],
    announced: [],
    dirty: true,
    unpaced: false,
    awaitFirstUntil,
    own: new Map(),
  };
}

export function ownLsa(speaker: Speaker, key: string): OwnLsa {
  const known = speaker.origination.own.get(key);
  if (known !== undefined) return known;
  const fresh: OwnLsa = {
    sequence: undefined,
    originatedAt: Number.NEGATIVE_INFINITY,
    refresh: false,
    outdoBy: undefined,
  };
  speaker.origination.own.set(key, fresh);
  return fresh;
}

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
  return speaker.phase === 'running' && speaker.now < speaker.origination.awaitFirstUntil;
}

/**
 * Called when an adjacency is complete. If the peer has no copy of our router-LSA that is so young that it would refuse
 * the next one, it gets the instance with the new link now, floor or not: this is what "hold" has waited for.
 */
export function neighborBecameFull(speaker: Speaker, neighbor: Neighbor): void {
  const given = neighbor.routerLsaGiven;
  if (given === undefined || speaker.now - given.at > MIN_LS_ARRIVAL * 1000) speaker.origination.unpaced = true;
  hastenRetransmission(speaker, neighbor, speaker.origination.routerLsaKey);
}

interface Wanted {
  readonly key: LsaKey;
  readonly body: LsaBody;
}

/** Brings the database in line with what we want to say. True when it did anything. */
export function reconcile(speaker: Speaker): boolean {
  const { origination } = speaker;
  if (!origination.dirty) return false;
  origination.dirty = false;
  const wanted = wantedLsas(speaker);
  for (const one of wanted) bringUp(speaker, one);
  flushUnwanted(speaker, new Set(wanted.map(({ key }) => lsaKeyText(key))));
  origination.unpaced = false;
  return true;
}

function wantedLsas(speaker: Speaker): Wanted[] {
  if (speaker.phase !== 'running') return [];
  const { routerId } = speaker.config;
  const routerLsa: Wanted = {
    key: { type: LsType.router, id: routerId, advertisingRouter: routerId },
    body: routerLsaContents(speaker).body,
  };
  const networkLsas = [...speaker.interfaces.values()].flatMap((iface): Wanted[] => {
    const body = networkLsaBody(speaker, iface);
    if (body === undefined) return [];
    return [{ key: { type: LsType.network, id: iface.address, advertisingRouter: routerId }, body }];
  });
  return [routerLsa, ...networkLsas];
}

function bringUp(speaker: Speaker, { key, body }: Wanted): void {
  const text = lsaKeyText(key);
  const own = ownLsa(speaker, text);
  const entry = speaker.lsdb.get(text);
  const sequence = nextSequence(own, entry);
  if (sequence === undefined) {
    // 12.1.6: the last number is used up. That instance must be gone everywhere before the first one can follow;
    // its removal brings us back here.
    if (!speaker.lsdb.isMaxAge(entry!, speaker.now)) flush(speaker, entry!);
    return;
  }
  const lsa = buildLsa({ ...key, age: 0, options: Option.e, sequence }, body);
  if (isInPlace(speaker, entry, lsa) && !own.refresh) return;
  const due = dueAt(speaker, own, entry);
  if (due > speaker.now) {
    speaker.timers.setAtLatest('originate', due, () => {
      speaker.origination.dirty = true;
    });
    return;
  }
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

function dueAt(speaker: Speaker, own: OwnLsa, entry: LsdbEntry | undefined): Instant {
  const unpaced = speaker.origination.unpaced && entry?.key === speaker.origination.routerLsaKey;
  if (own.refresh || unpaced) return speaker.now;
  if (own.outdoBy !== undefined) return own.outdoBy;
  // Nobody has seen the last instance.
  if (entry !== undefined && entry.sentAt === undefined) return speaker.now;
  return own.originatedAt + speaker.config.originateFloor;
}

/** When neighbors will accept a flush of our router-LSA: not within the floor of an instance that they were given. */
export function earliestFlush(speaker: Speaker): Instant {
  const key = speaker.origination.routerLsaKey;
  if (speaker.lsdb.get(key)?.sentAt === undefined) return speaker.now;
  return ownLsa(speaker, key).originatedAt + speaker.config.originateFloor;
}

/** What carries our name and is not wanted: from an earlier life, or a network that we are not DR of any more. */
function flushUnwanted(speaker: Speaker, wanted: ReadonlySet<string>): void {
  for (const entry of [...speaker.lsdb.entries()]) {
    if (entry.lsa.header.advertisingRouter !== speaker.config.routerId || wanted.has(entry.key)) continue;
    const flushed = entry.source === 'own' && speaker.lsdb.isMaxAge(entry, speaker.now);
    if (!flushed) flush(speaker, entry);
  }
}

/** Premature ageing (RFC 2328 14.1): the same instance at MaxAge, flooded. */
export function flush(speaker: Speaker, entry: LsdbEntry): void {
  const { header, body } = entry.lsa;
  const flushed = { header: { ...header, age: MAX_AGE }, body, bytes: withAge(entry.lsa, MAX_AGE) };
  installOwn(speaker, flushed, entry.interface);
}

function installOwn(speaker: Speaker, lsa: Lsa, interfaceName = ''): void {
  const key = speaker.lsdb.keyOf(lsa.header, interfaceName);
  removeFromAllLists(speaker, key);
  const { entry, changed } = speaker.lsdb.install(lsa, 'own', interfaceName, speaker.now);
  const own = ownLsa(speaker, key);
  own.sequence = lsa.header.sequence;
  own.originatedAt = speaker.now;
  speaker.counters.originated++;
  scheduleAgeing(speaker, entry);
  if (changed) scheduleSpf(speaker);
  flood(speaker, entry, undefined);
  if (key === speaker.origination.routerLsaKey) reportRouterLsa(speaker, lsa);
}

function reportRouterLsa(speaker: Speaker, lsa: Lsa): void {
  const { origination } = speaker;
  origination.announced = lsa.header.age >= MAX_AGE ? [] : routerLsaContents(speaker).prefixes;
  speaker.effects.push({
    kind: 'originated',
    sequence: lsa.header.sequence,
    prefixes: origination.announced,
  });
}
