/** The database exchange: Database Description packets out and in (RFC 2328 10.6, 10.8). */
import { ddOptions } from '../area.ts';
import { DdFlag, INITIAL_SEQUENCE, LSA_HEADER_LENGTH, Option, PACKET_HEADER_LENGTH } from '../codes.ts';
import { addRetransmission } from '../flooding/retransmit.ts';
import { isAreaType, isOpaque } from '../flooding/scope.ts';
import { type OspfInterface, packetRoom } from '../interface/interface.ts';
import { compareInstances, lsaKeyText } from '../lsa/codec.ts';
import type { LsaHeader } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import type { DbDescription } from '../packet/packet.ts';
import { awaitsOthers } from '../restart/state.ts';
import { dropFrom, retryDelay, type Speaker, sendPacket } from '../speaker.ts';
import { noticeTrouble } from '../troubles.ts';
import { neighborEvent } from './machine.ts';
import { addressOf, type Neighbor, neighborTimer } from './neighbor.ts';
import { describeMtus, noticeStuck } from './stuck.ts';

const DD_FIXED_LENGTH = PACKET_HEADER_LENGTH + 8;

/** ExStart: claim to be master with a new sequence number, and repeat it until the peer agrees or outranks us. */
export function negotiate(speaker: Speaker, neighbor: Neighbor): void {
  const { exchange } = neighbor;
  exchange.master = true;
  exchange.sequence = (exchange.sequence + 1) >>> 0;
  exchange.lastReceived = undefined;
  exchange.summary = [];
  send(speaker, neighbor, DdFlag.init | DdFlag.more | DdFlag.masterSlave, []);
  const { early } = exchange;
  exchange.early = undefined;
  if (early !== undefined) receiveNegotiation(speaker, neighbor, early);
}

/**
 * NegotiationDone: the database as it stands is what we will describe. MaxAge LSAs are not described, they are sent
 * (10.3), so that the peer learns of the flush. Neither are LSAs that have changed a moment ago: a peer that has the
 * instance before, from another neighbor, would ask for this one, refuse it as too early (13 (5)(a)), and stay in Loading
 * until it asks again, 5 s later with most implementations. They too are sent, as soon as the peer will take them.
 */
export function describeDatabase(speaker: Speaker, neighbor: Neighbor): void {
  const summary: string[] = [];
  const opaqueCapable = (neighbor.options & Option.o) !== 0;
  for (const entry of speaker.lsdb.entries()) {
    if (entry.interface !== undefined && entry.interface !== neighbor.interface.name) continue;
    if (isOpaque(entry.lsa.header.type) && !opaqueCapable) continue;
    if (speaker.lsdb.isMaxAge(entry, speaker.now)) addRetransmission(speaker, neighbor, entry, speaker.now);
    else if (hasJustChanged(speaker, entry)) addRetransmission(speaker, neighbor, entry);
    else summary.push(entry.key);
  }
  neighbor.exchange.summary = summary;
  // The claim to be master need not be repeated; if we are, the next packet arms the timer again.
  speaker.timers.clear(neighborTimer(neighbor, 'description'));
}

/** Not the first instance, and so young, its way to us included, that the one before may be less than a second old. */
function hasJustChanged(speaker: Speaker, entry: LsdbEntry): boolean {
  if (entry.source === 'own' || entry.lsa.header.sequence === INITIAL_SEQUENCE) return false;
  return speaker.lsdb.ageOf(entry, speaker.now) <= JUST_CHANGED;
}

/** Seconds: MinLSArrival, and a second of InfTransDelay for one hop. */
const JUST_CHANGED = 2;

/** ExchangeDone: nothing is repeated on our initiative any more; a slave must still be able to repeat its last answer. */
export function endExchange(speaker: Speaker, neighbor: Neighbor): void {
  const { exchange } = neighbor;
  const timer = neighborTimer(neighbor, 'description');
  speaker.timers.clear(timer);
  if (exchange.master) exchange.lastSent = undefined;
  else {
    const forgetAt = speaker.now + neighbor.interface.config.deadInterval;
    speaker.timers.set(timer, forgetAt, () => {
      exchange.lastSent = undefined;
    });
  }
}

/** RFC 2328 10.6. */
export function receiveDbDescription(speaker: Speaker, neighbor: Neighbor, dd: DbDescription): void {
  const iface = neighbor.interface;
  neighbor.mtu = dd.interfaceMtu;
  if (dd.interfaceMtu > iface.mtu && !iface.config.mtuIgnore) {
    const detail = describeMtus(neighbor);
    dropFrom(speaker, neighbor, 'mtu', detail);
    noticeTrouble(speaker, iface, neighbor, 'mtu', detail);
    return;
  }
  // A DD proves that the peer has heard us, although we have not seen its Hello yet.
  if (neighbor.state === 'init') neighborEvent(speaker, neighbor, 'twoWayReceived', 'dbDescription');
  receiveInState(speaker, neighbor, dd);
}

function receiveInState(speaker: Speaker, neighbor: Neighbor, dd: DbDescription): void {
  switch (neighbor.state) {
    case 'exStart':
      receiveNegotiation(speaker, neighbor, dd);
      break;
    case 'exchange':
      receiveExchange(speaker, neighbor, dd);
      break;
    case 'loading':
    case 'full':
      receiveAfterExchange(speaker, neighbor, dd);
      break;
    default:
      // 10.6 ignores it. But where the peer has come to the end of its waiting first, it repeats what it says now only after
      // its retransmission interval, and until then a peer that outranks us does not heed our own packets either.
      if (neighbor.state === 'twoWay' && mayComeToExchange(speaker, neighbor)) neighbor.exchange.early = dd;
      else dropFrom(speaker, neighbor, 'badState', `database description in ${neighbor.state}`);
  }
}

/**
 * Whether a neighbor in 2-Way is there because we wait: for a designated router, be it only until this event is over and one
 * can be elected of those who are heard now, or for those of an earlier life.
 */
function mayComeToExchange(speaker: Speaker, { interface: { state, neighborChange } }: Neighbor): boolean {
  return state === 'waiting' || neighborChange || awaitsOthers(speaker);
}

function receiveNegotiation(speaker: Speaker, neighbor: Neighbor, dd: DbDescription): void {
  const { exchange } = neighbor;
  const all = DdFlag.init | DdFlag.more | DdFlag.masterSlave;
  const outranksUs = neighbor.routerId > speaker.config.routerId;
  const claims = (dd.flags & all) === all && dd.headers.length === 0;
  const agrees = (dd.flags & (DdFlag.init | DdFlag.masterSlave)) === 0 && dd.sequence === exchange.sequence;
  if (claims && outranksUs) exchange.master = false;
  else if (agrees && !outranksUs) exchange.master = true;
  else return;
  neighbor.options = dd.options;
  neighborEvent(speaker, neighbor, 'negotiationDone');
  accept(speaker, neighbor, dd);
}

function receiveExchange(speaker: Speaker, neighbor: Neighbor, dd: DbDescription): void {
  const { exchange } = neighbor;
  if (isDuplicate(neighbor, dd)) {
    if (!exchange.master) {
      noticeStuck(speaker, neighbor);
      repeat(speaker, neighbor);
    }
    return;
  }
  const fault = findFault(neighbor, dd);
  if (fault === undefined) accept(speaker, neighbor, dd);
  else startOver(speaker, neighbor, dd, fault);
}

function receiveAfterExchange(speaker: Speaker, neighbor: Neighbor, dd: DbDescription): void {
  const { exchange } = neighbor;
  if (isDuplicate(neighbor, dd)) {
    if (exchange.master) return;
    if (exchange.lastSent !== undefined) {
      repeat(speaker, neighbor);
      return;
    }
  }
  startOver(speaker, neighbor, dd, 'the exchange is over');
}

/**
 * A DD that does not belong to this exchange. Where it opens a new one, it is taken as if it had come a moment later:
 * who sent it would repeat it only after its retransmission interval.
 */
function startOver(speaker: Speaker, neighbor: Neighbor, dd: DbDescription, why: string): void {
  neighborEvent(speaker, neighbor, 'seqNumberMismatch', `seqNumberMismatch: ${why}`);
  receiveNegotiation(speaker, neighbor, dd);
}

function isDuplicate(neighbor: Neighbor, dd: DbDescription): boolean {
  const last = neighbor.exchange.lastReceived;
  return last !== undefined && last.flags === dd.flags && last.options === dd.options && last.sequence === dd.sequence;
}

/** Why a DD is not the next one of this exchange; undefined when it is. */
function findFault(neighbor: Neighbor, dd: DbDescription): string | undefined {
  const { exchange } = neighbor;
  const peerIsMaster = (dd.flags & DdFlag.masterSlave) !== 0;
  if (peerIsMaster === exchange.master) return 'master bit';
  if ((dd.flags & DdFlag.init) !== 0) return 'init bit';
  if (dd.options !== neighbor.options) return 'options changed';
  const expected = exchange.master ? exchange.sequence : (exchange.sequence + 1) >>> 0;
  if (dd.sequence !== expected) return `sequence ${dd.sequence}, expected ${expected}`;
  return undefined;
}

/** The DD is the next one: take its list, answer it, see whether both sides have said everything. */
function accept(speaker: Speaker, neighbor: Neighbor, dd: DbDescription): void {
  const { exchange } = neighbor;
  exchange.lastReceived = { flags: dd.flags, options: dd.options, sequence: dd.sequence };
  for (const header of dd.headers) want(speaker, neighbor, header);
  const peerHasMore = (dd.flags & DdFlag.more) !== 0;
  if (exchange.master) {
    const weHadMore = ((exchange.lastSent?.flags ?? 0) & DdFlag.more) !== 0;
    exchange.sequence = (exchange.sequence + 1) >>> 0;
    if (!weHadMore && !peerHasMore) neighborEvent(speaker, neighbor, 'exchangeDone');
    else describeNext(speaker, neighbor);
    return;
  }
  exchange.sequence = dd.sequence;
  const weHaveMore = describeNext(speaker, neighbor);
  if (!weHaveMore && !peerHasMore) neighborEvent(speaker, neighbor, 'exchangeDone');
}

/** Puts on the request list what the peer has and we lack, or have in an older instance. */
function want(speaker: Speaker, neighbor: Neighbor, header: LsaHeader): void {
  // RFC 2328 10.6 would start the exchange over; one strange LSA must not keep an adjacency from forming.
  if (!isAreaType(header.type, speaker.config.areaType)) {
    const why = `not for an area of type ${speaker.config.areaType}`;
    dropFrom(speaker, neighbor, 'lsa', `described ${lsaKeyText(header)}: ${why}`);
    return;
  }
  const key = speaker.lsdb.keyOf(header, neighbor.interface.name);
  const ours = speaker.lsdb.get(key);
  if (ours === undefined && speaker.lsdb.size + neighbor.requests.size >= speaker.lsdb.limit) {
    dropFrom(
      speaker,
      neighbor,
      'lsdbFull',
      `described ${lsaKeyText(header)}: ${speaker.lsdb.limit} LSAs are there or asked for`,
    );
    return;
  }
  if (ours === undefined || compareInstances(header, speaker.lsdb.headerOf(ours, speaker.now)) > 0) {
    neighbor.requests.set(key, header);
  }
}

/** Sends the next part of our list; returns the M-bit that went with it. */
function describeNext(speaker: Speaker, neighbor: Neighbor): boolean {
  const { exchange } = neighbor;
  const room = Math.floor((packetRoom(neighbor.interface) - DD_FIXED_LENGTH) / LSA_HEADER_LENGTH);
  const headers: LsaHeader[] = [];
  for (const key of exchange.summary.splice(0, room)) {
    const entry = speaker.lsdb.get(key);
    // What has gone, is being flushed, or has changed since the list was made reaches the peer by flooding.
    if (entry === undefined || speaker.lsdb.isMaxAge(entry, speaker.now) || hasJustChanged(speaker, entry)) continue;
    headers.push(speaker.lsdb.headerOf(entry, speaker.now));
  }
  const more = exchange.summary.length > 0;
  send(speaker, neighbor, (more ? DdFlag.more : 0) | (exchange.master ? DdFlag.masterSlave : 0), headers);
  return more;
}

/** What ExStart begins with: empty, and the claim to be master (RFC 2328 10.8). */
export function openingDescription(speaker: Speaker, iface: OspfInterface, sequence: number): DbDescription {
  return description(speaker, iface, DdFlag.init | DdFlag.more | DdFlag.masterSlave, sequence, []);
}

function description(
  speaker: Speaker,
  iface: OspfInterface,
  flags: number,
  sequence: number,
  headers: readonly LsaHeader[],
): DbDescription {
  const interfaceMtu = Math.min(iface.mtu, 0xffff);
  const options = ddOptions(speaker.config.areaType);
  return { kind: 'dbDescription', interfaceMtu, options, flags, sequence, headers };
}

function send(speaker: Speaker, neighbor: Neighbor, flags: number, headers: readonly LsaHeader[]): void {
  const { exchange, interface: iface } = neighbor;
  exchange.lastSent = description(speaker, iface, flags, exchange.sequence, headers);
  exchange.tries = 0;
  repeat(speaker, neighbor);
}

/** Sends the last DD (again). Only a master, or who claims to be, repeats it unasked (10.8). */
function repeat(speaker: Speaker, neighbor: Neighbor): void {
  const { exchange, interface: iface } = neighbor;
  if (exchange.lastSent === undefined) return;
  exchange.tries++;
  sendPacket(speaker, iface, addressOf(neighbor), exchange.lastSent);
  if (!exchange.master) return;
  noticeStuck(speaker, neighbor);
  const at = speaker.now + retryDelay(iface, exchange.tries);
  speaker.timers.set(neighborTimer(neighbor, 'description'), at, () => repeat(speaker, neighbor));
}
