/**
 * Link State Updates and Acknowledgements in: the flooding procedure (RFC 2328 13, 13.7). Steps (1) and (2), checksum and
 * type, were the decoder's; one LSA that it refused does not spoil the rest of the packet.
 */
import { MAX_AGE, MAX_SEQUENCE, MIN_LS_ARRIVAL } from '../codes.ts';
import { compareInstances, lsaKeyText } from '../lsa/codec.ts';
import { isGraceLsa } from '../lsa/grace-lsa.ts';
import type { Lsa } from '../lsa/lsa.ts';
import { anyoneSynchronizing, scheduleAgeing } from '../lsdb/ageing.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { neighborEvent } from '../neighbor/machine.ts';
import { addressOf, atLeast, type Neighbor } from '../neighbor/neighbor.ts';
import { removeRequest } from '../neighbor/requests.ts';
import { isSelfOriginated, noticeImpostor, receiveSelfOriginated } from '../origination/self-originated.ts';
import type { LsAck, LsUpdate } from '../packet/packet.ts';
import { noticeTopologyChange, receiveGraceLsa } from '../restart/helper.ts';
import { inheritFrom } from '../restart/inheritance.ts';
import { isTakingOver } from '../restart/state.ts';
import { lsaChanged } from '../routing/routing.ts';
import { allNeighbors, dropFrom, type Speaker } from '../speaker.ts';
import { flood } from './flood.ts';
import { ackLater, ackNow, queueUpdate } from './outbox.ts';
import { acknowledge, removeFromAllLists } from './retransmit.ts';
import { isAreaType } from './scope.ts';

export function receiveLsUpdate(speaker: Speaker, neighbor: Neighbor, update: LsUpdate): void {
  if (!atLeast(neighbor.state, 'exchange')) {
    dropFrom(speaker, neighbor, 'badState', `link state update in ${neighbor.state}`);
    return;
  }
  for (const { key, reason } of update.skipped) {
    dropFrom(speaker, neighbor, 'lsa', key === undefined ? reason : `${lsaKeyText(key)}: ${reason}`);
  }
  for (const lsa of update.lsas) {
    receiveLsa(speaker, neighbor, lsa);
    // BadLSReq in the middle of an update ends the exchange that the rest belongs to.
    if (!atLeast(neighbor.state, 'exchange')) return;
  }
}

function receiveLsa(speaker: Speaker, neighbor: Neighbor, lsa: Lsa): void {
  // (3), with RFC 3101 2.1 for type 7.
  if (!isAreaType(lsa.header.type, speaker.config.areaType)) {
    dropFrom(speaker, neighbor, 'lsa', `${lsaKeyText(lsa.header)}: not for an area of type ${speaker.config.areaType}`);
    return;
  }
  const key = speaker.lsdb.keyOf(lsa.header, neighbor.interface.name);
  const ours = speaker.lsdb.get(key);
  // (4)
  if (ours === undefined && lsa.header.age >= MAX_AGE && !anyoneSynchronizing(speaker)) {
    ackNow(neighbor.interface, addressOf(neighbor), lsa.header);
    return;
  }
  const order = ours === undefined ? 1 : compareInstances(lsa.header, speaker.lsdb.headerOf(ours, speaker.now));
  if (order > 0 && !speaker.lsdb.hasRoom(lsa.bytes.length, ours)) refuse(speaker, neighbor, lsa, key);
  else if (order > 0) acceptNewer(speaker, neighbor, lsa, key, ours);
  else if (order === 0) acceptSame(speaker, neighbor, lsa, key);
  else answerOlder(speaker, neighbor, lsa, key, ours!);
}

/**
 * Not acknowledged: the neighbor sends it again, and it gets in as soon as there is room. But it is asked for no more: with
 * some routes missing a director serves, with an adjacency that never becomes Full it does not.
 */
function refuse(speaker: Speaker, neighbor: Neighbor, lsa: Lsa, key: string): void {
  dropFrom(speaker, neighbor, 'lsdbFull', `${lsaKeyText(lsa.header)}: ${speaker.lsdb.size} LSAs are there`);
  removeRequest(speaker, neighbor, key);
}

/** (5) */
function acceptNewer(speaker: Speaker, neighbor: Neighbor, lsa: Lsa, key: string, ours: LsdbEntry | undefined): void {
  const requested = neighbor.requests.has(key);
  // (a): only copies that were flooded count; see LsaSource.
  if (ours?.source === 'flooded' && !requested && speaker.now - ours.installedAt < MIN_LS_ARRIVAL * 1000) {
    dropFrom(speaker, neighbor, 'minLsArrival', lsaKeyText(lsa.header));
    return;
  }
  // (c) and (d)
  removeFromAllLists(speaker, key);
  const source = requested ? 'requested' : 'flooded';
  const { entry, changed } = speaker.lsdb.install(lsa, source, neighbor.interface.name, speaker.now);
  scheduleAgeing(speaker, entry);
  if (changed) lsaChanged(speaker, entry.lsa, ours?.lsa);
  if (changed) noticeTopologyChange(speaker, entry.lsa);
  // (f) comes before (b): what is about to be replaced, or flushed, by us need not be spread first.
  if (isSelfOriginated(speaker, lsa.header)) inheritFrom(speaker, entry);
  if (isSelfOriginated(speaker, lsa.header) && !isTakingOver(speaker)) {
    noticeImpostor(speaker, neighbor, lsa, ours);
    for (const other of allNeighbors(speaker)) forgetRequest(speaker, other, entry);
    receiveSelfOriginated(speaker, neighbor, entry);
    ackLater(speaker, neighbor.interface, lsa.header);
    return;
  }
  const floodedBack = flood(speaker, entry, neighbor);
  removeRequest(speaker, neighbor, key);
  if (!floodedBack) ackUnlessBackup(speaker, neighbor, lsa);
  if (isGraceLsa(lsa.header) && !isSelfOriginated(speaker, lsa.header)) receiveGraceLsa(speaker, neighbor, entry);
}

/** As flooding would have done (13.3 (1)(b)): a request that this instance satisfies is over. */
function forgetRequest(speaker: Speaker, neighbor: Neighbor, entry: LsdbEntry): void {
  const wanted = neighbor.requests.get(entry.key);
  if (wanted === undefined) return;
  if (compareInstances(speaker.lsdb.headerOf(entry, speaker.now), wanted) >= 0) {
    removeRequest(speaker, neighbor, entry.key);
  }
}

/** (7), which comes before (6) as RFC erratum 3974 has it: a repeated copy is no error of the exchange. */
function acceptSame(speaker: Speaker, neighbor: Neighbor, lsa: Lsa, key: string): void {
  if (acknowledge(speaker, neighbor, key, lsa.header)) {
    if (neighbor.interface.state === 'backup') ackUnlessBackup(speaker, neighbor, lsa);
    return;
  }
  ackNow(neighbor.interface, addressOf(neighbor), lsa.header);
}

/** Table 19: a Backup acknowledges only what it got from the DR, because it watches whether the DR floods. */
function ackUnlessBackup(speaker: Speaker, neighbor: Neighbor, lsa: Lsa): void {
  const iface = neighbor.interface;
  if (iface.state === 'backup' && neighbor.address !== iface.designatedRouter) return;
  ackLater(speaker, iface, lsa.header);
}

/** (6) and (8) */
function answerOlder(speaker: Speaker, neighbor: Neighbor, lsa: Lsa, key: string, ours: LsdbEntry): void {
  if (neighbor.requests.has(key)) {
    neighborEvent(speaker, neighbor, 'badLsRequest', `badLsRequest: older ${lsaKeyText(lsa.header)} than described`);
    return;
  }
  // Sequence numbers are about to wrap (12.1.6): the old instance has to die out first.
  if (ours.lsa.header.sequence === MAX_SEQUENCE && speaker.lsdb.isMaxAge(ours, speaker.now)) return;
  if (ours.sentAt !== undefined && speaker.now - ours.sentAt < MIN_LS_ARRIVAL * 1000) return;
  queueUpdate(speaker, neighbor.interface, addressOf(neighbor), ours, [neighbor]);
}

/** RFC 2328 13.7. */
export function receiveLsAck(speaker: Speaker, neighbor: Neighbor, packet: LsAck): void {
  if (!atLeast(neighbor.state, 'exchange')) {
    dropFrom(speaker, neighbor, 'badState', `link state acknowledgement in ${neighbor.state}`);
    return;
  }
  for (const header of packet.headers) {
    acknowledge(speaker, neighbor, speaker.lsdb.keyOf(header, neighbor.interface.name), header);
  }
}
