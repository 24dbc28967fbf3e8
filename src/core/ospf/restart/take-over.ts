/**
 * Taking over from an earlier process that the neighbors believe to be still there: it asked them for a grace period
 * (hand-over.ts; RFC 3623 2.2), or it was killed less than a dead interval ago (RFC 3623 5).
 *
 * Until the adjacencies are what they were:
 *   - our Hellos list the routers that were Full, and name the DR and BDR that there were, so that nobody sees us one-way and
 *     nobody elects anew;
 *   - what the earlier process originated stays in force: it comes back to us with the databases, is kept, and is neither
 *     outdone nor flushed; no routes are computed, and those in the kernel stay;
 *   - adjacencies wait in 2-Way until all of these routers have been heard (a hello interval at most), so that all exchanges
 *     run at once: with a router that does not help, each of them changes LSAs that the next one would have to wait for.
 * After that everything is originated anew, which changes nothing where the contents are the same; what is wanted no longer is
 * flushed, our Grace-LSAs among it; and the routes are computed (2.3).
 *
 * It is over when every one of those routers is Full again and the prefixes that were announced are wanted again, when the
 * grace period is, or when the process is told to stop. A router is waited for no longer once its LSAs list us no more while
 * no exchange with it is under way (2.2 (2)), when it has not said Hello for a dead interval, and when its link goes down.
 * That others are waited for all the same departs from the RFC, which gives up at the first such router: it guards transit
 * routers against loops, and a leaf forwards nothing for others. See docs/adr/0014.
 *
 * What is not remembered but found in a neighbor's database is continued in the same way: inheritance.ts.
 *
 * Killed, not asked: then Grace-LSAs with the reason "unknown" leave before each Hello that nobody has answered yet.
 */
import { formatIpv4, type Ipv4, type Prefix } from '../../base/ipv4.ts';
import type { Instant, Millis } from '../../base/machine.ts';
import { ALL_SPF_ROUTERS, LsType, RouterLinkType } from '../codes.ts';
import type { EarlierLife, TakeOverView } from '../events.ts';
import { greetsByMulticast, hasDesignatedRouter, type OspfInterface } from '../interface/interface.ts';
import { lsaKeyText } from '../lsa/codec.ts';
import type { Lsa } from '../lsa/lsa.ts';
import { neighborEvent } from '../neighbor/machine.ts';
import { atLeast, type Neighbor } from '../neighbor/neighbor.ts';
import { installOwn } from '../origination/origination.ts';
import { markTopologyChanged } from '../routing/routing.ts';
import { allNeighbors, type Speaker, sendPacket } from '../speaker.ts';
import { graceLsaFor } from './hand-over.ts';
import { isTakingOver, type TakeOver } from './state.ts';

/** A Hello may come a little later than its interval says. */
const HELLO_TOLERANCE = 1.1;

export function beginTakeOver(speaker: Speaker, earlier: EarlierLife): void {
  if (speaker.phase !== 'running' || speaker.now >= earlier.until) return;
  const known = earlier.interfaces.filter(({ interface: name }) => speaker.interfaces.has(name));
  if (known.length === 0) return;
  const longest = Math.max(...known.map(({ interface: name }) => helloInterval(speaker, name)));
  const hearBy = speaker.now + longest * HELLO_TOLERANCE;
  speaker.takeOver = { ...earlier, interfaces: known, since: speaker.now, hearBy, inherited: false };
  for (const { interface: name, routerIds } of known) speaker.interfaces.get(name)!.remembered = routerIds;
  speaker.timers.set('take over', earlier.until, () => undefined);
  speaker.timers.set('take over: heard', hearBy, () => undefined);
  if (earlier.announceBy > speaker.now) speaker.timers.set('take over: prefixes', earlier.announceBy, () => undefined);
  tell(speaker, 'begun', describe(speaker.takeOver));
}

function helloInterval(speaker: Speaker, name: string): Millis {
  return speaker.interfaces.get(name)?.config.helloInterval ?? 0;
}

function describe({ planned, interfaces }: TakeOver): string {
  const count = interfaces.reduce((sum, { routerIds }) => sum + routerIds.length, 0);
  return `${planned ? 'planned' : 'unplanned'}; ${count} adjacencies to take up`;
}

/** The interface is about to come up. */
export function rejoin(speaker: Speaker, iface: OspfInterface): void {
  const earlier = speaker.takeOver?.interfaces.find(({ interface: name }) => name === iface.name);
  if (earlier === undefined || iface.remembered.length === 0) return;
  // RFC 3623 2.2 (4), where it need not be learned from a neighbor's Hello.
  iface.designatedRouter = earlier.designatedRouter;
  iface.backupDesignatedRouter = earlier.backupDesignatedRouter;
  // A router that is alive says Hello in this time.
  speaker.timers.set(`take over: ${iface.name}`, speaker.now + iface.config.deadInterval, () => undefined);
}

/** RFC 3623 5: before a Hello, as long as nobody has been heard. Sent as it is: there is no neighbor yet that could acknowledge it. */
export function askForGrace(speaker: Speaker, iface: OspfInterface): void {
  const { takeOver } = speaker;
  if (takeOver === undefined || takeOver.planned) return;
  const heard = [...iface.neighbors.values()].some(({ state }) => atLeast(state, 'init'));
  if (iface.remembered.length === 0 || heard) return;
  const lsa = graceLsaFor(speaker, iface, takeOver.until - speaker.now, 'unknown', takeOver.sequence);
  const each = iface.config.neighbors.map(({ address }) => address);
  for (const destination of greetsByMulticast(iface) ? [ALL_SPF_ROUTERS] : each) {
    sendPacket(speaker, iface, destination, { kind: 'lsUpdate', lsas: [lsa], skipped: [] });
  }
}

/** Goes on once all is at hand, or it has taken too long. True when it did. */
export function advanceTakeOver(speaker: Speaker): boolean {
  const { takeOver } = speaker;
  if (takeOver === undefined) return false;
  if (takeOver.hearBy !== undefined && (speaker.now >= takeOver.hearBy || areAllHeard(speaker))) {
    takeOver.hearBy = undefined;
    speaker.timers.clear('take over: heard');
    for (const neighbor of [...allNeighbors(speaker)]) neighborEvent(speaker, neighbor, 'adjOk');
    return true;
  }
  const reason = reasonToEnd(speaker, takeOver);
  if (reason === undefined) return false;
  endTakeOver(speaker, reason);
  return true;
}

/** From now on we speak for ourselves. */
export function endTakeOver(speaker: Speaker, reason: string): void {
  const { takeOver } = speaker;
  if (takeOver === undefined) return;
  for (const { interface: name } of takeOver.interfaces) {
    speaker.timers.clear(`take over: ${name}`);
    const iface = speaker.interfaces.get(name);
    if (iface === undefined) continue;
    iface.remembered = [];
    makeGraceKnown(speaker, iface, takeOver);
  }
  speaker.takeOver = undefined;
  for (const timer of ['take over', 'take over: heard', 'take over: prefixes']) speaker.timers.clear(timer);
  tell(speaker, 'ended', reason);
  markTopologyChanged(speaker);
}

/**
 * What is not wanted is flushed (2.3 (6)), but only what the database has: a Grace-LSA that a neighbor has not given back yet,
 * or was given by us before it was one, is put there.
 */
function makeGraceKnown(speaker: Speaker, iface: OspfInterface, { sequence }: TakeOver): void {
  const lsa = graceLsaFor(speaker, iface, 1, 'unknown', sequence);
  if (iface.state === 'down' || speaker.lsdb.get(speaker.lsdb.keyOf(lsa.header, iface.name)) !== undefined) return;
  installOwn(speaker, lsa, iface.name);
}

function tell(speaker: Speaker, step: 'begun' | 'ended', detail: string): void {
  speaker.effects.push({ kind: 'restart', step, detail });
}

function areAllHeard(speaker: Speaker): boolean {
  return [...speaker.interfaces.values()].every((iface) => {
    const heard = new Set([...iface.neighbors.values()].map(({ routerId }) => routerId));
    return iface.remembered.every((routerId) => heard.has(routerId));
  });
}

/** How far a router that was Full has come. */
type Standing = 'full' | 'awaited' | 'inconsistent' | 'silent';

interface Awaited {
  readonly interface: string;
  readonly routerId: Ipv4;
  readonly standing: Standing;
}

function awaited(speaker: Speaker, takeOver: TakeOver): Awaited[] {
  return takeOver.interfaces.flatMap(({ interface: name, routerIds }) => {
    const iface = speaker.interfaces.get(name);
    return routerIds.map((routerId) => ({ interface: name, routerId, standing: standingOf(speaker, iface, routerId) }));
  });
}

function standingOf(speaker: Speaker, iface: OspfInterface | undefined, routerId: Ipv4): Standing {
  // The link has gone, or has never come: then there is nobody to become Full with.
  if (iface === undefined || !iface.remembered.includes(routerId)) return 'silent';
  const neighbor = [...iface.neighbors.values()].find((one) => one.routerId === routerId);
  if (neighbor?.state === 'full') return 'full';
  if (neighbor !== undefined && atLeast(neighbor.state, 'exStart')) return 'awaited';
  if (listsUs(speaker, iface, routerId) === false) return 'inconsistent';
  const patience = iface.state === 'down' ? (speaker.takeOver?.since ?? 0) : iface.upAt;
  return neighbor === undefined && speaker.now >= patience + iface.config.deadInterval ? 'silent' : 'awaited';
}

/** Whether the area's LSAs say that a router is our neighbor; undefined where it has none that could say so. */
function listsUs(speaker: Speaker, iface: OspfInterface, routerId: Ipv4): boolean | undefined {
  const router = lsaInForce(speaker, LsType.router, routerId);
  if (router?.body.kind !== 'router') return undefined;
  const self = speaker.config.routerId;
  const { links } = router.body;
  if (!hasDesignatedRouter(iface)) {
    return links.some(({ type, id }) => type === RouterLinkType.pointToPoint && id === self);
  }
  const transits = links.filter(({ type }) => type === RouterLinkType.transit).map(({ id }) => id);
  const networks = networkLsas(speaker).filter(({ header }) => transits.includes(header.id));
  return networks.some(({ body }) => body.kind === 'network' && body.attachedRouters.includes(self));
}

function lsaInForce(speaker: Speaker, type: number, router: Ipv4): Lsa | undefined {
  const entry = speaker.lsdb.get(lsaKeyText({ type, id: router, advertisingRouter: router }));
  return entry === undefined || speaker.lsdb.isMaxAge(entry, speaker.now) ? undefined : entry.lsa;
}

function networkLsas(speaker: Speaker): Lsa[] {
  return [...speaker.lsdb.entries()].flatMap((entry) => {
    return entry.lsa.header.type === LsType.network && !speaker.lsdb.isMaxAge(entry, speaker.now) ? [entry.lsa] : [];
  });
}

/** RFC 3623 2.2: why it is over; undefined when it is not. */
function reasonToEnd(speaker: Speaker, takeOver: TakeOver): string | undefined {
  if (speaker.phase !== 'running') return 'told to stop';
  if (takeOver.inherited) return reasonToEndInherited(speaker, takeOver);
  if (speaker.now >= takeOver.until) return 'the grace period is over';
  const all = awaited(speaker, takeOver);
  if (all.some(({ standing }) => standing === 'awaited')) return undefined;
  if (speaker.now < takeOver.announceBy && missingPrefixes(speaker, takeOver) > 0) return undefined;
  const given = all.filter(({ standing }) => standing !== 'full').map(reasonGivenUp);
  return given.length === 0 ? 'all adjacencies are full again' : given.join('; ');
}

/** Who was Full is not known: so whoever is on the way there is waited for. */
function reasonToEndInherited(speaker: Speaker, takeOver: TakeOver): string | undefined {
  const missing = missingPrefixes(speaker, takeOver);
  if (speaker.now >= takeOver.until) return missing > 0 ? `${missing} prefixes are not wanted in time` : 'it is time';
  if (missing > 0) return undefined;
  const onTheWay = [...allNeighbors(speaker)].some(({ state }) => atLeast(state, 'exStart') && state !== 'full');
  return onTheWay ? undefined : 'all that was announced is wanted again';
}

function reasonGivenUp({ interface: name, routerId, standing }: Awaited): string {
  const why = standing === 'inconsistent' ? 'lists us no longer' : 'does not answer';
  return `${formatIpv4(routerId)} on ${name} ${why}`;
}

function missingPrefixes(speaker: Speaker, { expected }: TakeOver): number {
  const wanted = new Set(speaker.origination.wanted.map(({ prefix }) => prefixKey(prefix)));
  return expected.filter((prefix) => !wanted.has(prefixKey(prefix))).length;
}

function prefixKey({ address, length }: Prefix): string {
  return `${address}/${length}`;
}

/** As a table for the operator; undefined when nothing is taken over. */
export function takeOverView(speaker: Speaker, now: Instant): TakeOverView | undefined {
  const { takeOver } = speaker;
  if (takeOver === undefined) return undefined;
  const waiting = awaited(speaker, takeOver).filter(({ standing }) => standing === 'awaited');
  const missing = now < takeOver.announceBy ? missingPrefixes(speaker, takeOver) : 0;
  const waitingFor = waiting.map(({ interface: name, routerId }) => `${formatIpv4(routerId)} on ${name}`);
  if (missing > 0) waitingFor.push(`${missing} prefixes to be announced again`);
  return { planned: takeOver.planned, left: Math.max(0, takeOver.until - now), waitingFor };
}

/**
 * RFC 3623 2.2 (4): a neighbor that names us as DR while we wait knows what we were; as BDR, too, though the RFC does not
 * speak of it. True when we take it up.
 */
export function recallsDesignation(speaker: Speaker, iface: OspfInterface, neighbor: Neighbor): boolean {
  if (!isTakingOver(speaker) || iface.state !== 'waiting') return false;
  const { designatedRouter, backupDesignatedRouter } = neighbor;
  if (designatedRouter !== iface.address && backupDesignatedRouter !== iface.address) return false;
  iface.designatedRouter = designatedRouter;
  iface.backupDesignatedRouter = backupDesignatedRouter;
  return true;
}
