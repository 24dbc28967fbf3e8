/**
 * What one event makes us send, packed: updates and acknowledgements are queued while the event is handled and leave as
 * few packets at its end. LSAs that fit together share a packet up to the MTU; one that is larger than the MTU travels alone
 * in a packet that IP fragments.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Millis } from '../../base/machine.ts';
import { ALL_D_ROUTERS, ALL_SPF_ROUTERS, LSA_HEADER_LENGTH, PACKET_HEADER_LENGTH } from '../codes.ts';
import {
  floodsByMulticast,
  isDesignated,
  isPointToPoint,
  type OspfInterface,
  packetRoom,
} from '../interface/interface.ts';
import { lsaKeyText } from '../lsa/codec.ts';
import type { Lsa, LsaHeader } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { atLeast, type Neighbor } from '../neighbor/neighbor.ts';
import { type Speaker, sendPacket } from '../speaker.ts';

/** InfTransDelay (RFC 2328 appendix C.3), seconds added to the age of what we send. */
const TRANSIT_DELAY = 1;

/** Well below the second after which the first retransmission comes. */
const DELAYED_ACK: Millis = 250;

const UPDATE_FIXED_LENGTH = PACKET_HEADER_LENGTH + 4;

const ackTimer = (iface: OspfInterface) => `acks ${iface.name}`;

/** Where flooding goes from us on an interface that multicasts it (RFC 2328 13.3 (5)). */
export function floodDestination(iface: OspfInterface): Ipv4 {
  return isPointToPoint(iface) || isDesignated(iface) ? ALL_SPF_ROUTERS : ALL_D_ROUTERS;
}

/** Queues an instance; `recipients` are the neighbors that it is meant for. */
export function queueUpdate(
  speaker: Speaker,
  iface: OspfInterface,
  destination: Ipv4,
  entry: LsdbEntry,
  recipients: Iterable<Neighbor>,
): void {
  const queue = iface.updates.get(destination) ?? new Map<string, LsdbEntry>();
  queue.set(entry.key, entry);
  iface.updates.set(destination, queue);
  entry.sentAt = speaker.now;
  if (entry.key !== speaker.origination.routerLsaKey) return;
  for (const neighbor of recipients) neighbor.routerLsaGiven = { entry, at: speaker.now };
}

/** RFC 2328 13.5, direct: this very event. */
export function ackNow(iface: OspfInterface, destination: Ipv4, header: LsaHeader): void {
  const queue = iface.directAcks.get(destination) ?? [];
  queue.push(header);
  iface.directAcks.set(destination, queue);
}

/** RFC 2328 13.5, delayed: several in one packet, for all neighbors on the link at once. */
export function ackLater(speaker: Speaker, iface: OspfInterface, header: LsaHeader): void {
  iface.delayedAcks.set(lsaKeyText(header), header);
  speaker.timers.setAtLatest(ackTimer(iface), speaker.now + DELAYED_ACK, () => {
    const headers = [...iface.delayedAcks.values()];
    iface.delayedAcks.clear();
    for (const destination of ackDestinations(iface)) sendAcks(speaker, iface, destination, headers);
  });
}

/** 13.5: without multicast each adjacent neighbor gets them. */
function ackDestinations(iface: OspfInterface): Ipv4[] {
  if (floodsByMulticast(iface)) return [floodDestination(iface)];
  return [...iface.neighbors.values()].filter(({ state }) => atLeast(state, 'exchange')).map(({ address }) => address);
}

/** Sends everything that is queued on an interface. */
export function flushOutbox(speaker: Speaker, iface: OspfInterface): void {
  // Asked at the end of every event, and most events leave nothing to send.
  if (iface.directAcks.size === 0 && iface.updates.size === 0) return;
  for (const [destination, headers] of iface.directAcks) sendAcks(speaker, iface, destination, headers);
  iface.directAcks.clear();
  for (const [destination, queue] of iface.updates) {
    // A newer instance may have come in after this one was queued.
    const lsas = [...queue.values()].map((entry) =>
      speaker.lsdb.forSending(speaker.lsdb.get(entry.key) ?? entry, TRANSIT_DELAY, speaker.now),
    );
    for (const batch of pack(lsas, packetRoom(iface) - UPDATE_FIXED_LENGTH)) {
      sendPacket(speaker, iface, destination, { kind: 'lsUpdate', lsas: batch, skipped: [] });
    }
  }
  iface.updates.clear();
}

/** What is queued is not sent any more: the interface goes down. */
export function discardOutbox(speaker: Speaker, iface: OspfInterface): void {
  speaker.timers.clear(ackTimer(iface));
  iface.updates.clear();
  iface.directAcks.clear();
  iface.delayedAcks.clear();
}

function sendAcks(speaker: Speaker, iface: OspfInterface, destination: Ipv4, headers: readonly LsaHeader[]): void {
  const room = Math.floor((packetRoom(iface) - PACKET_HEADER_LENGTH) / LSA_HEADER_LENGTH);
  for (let from = 0; from < headers.length; from += room) {
    sendPacket(speaker, iface, destination, { kind: 'lsAck', headers: headers.slice(from, from + room) });
  }
}

/** In order, as many to a batch as fit in `room` bytes; never an empty batch. */
export function pack(lsas: readonly Lsa[], room: number): Lsa[][] {
  const batches: Lsa[][] = [];
  let left = 0;
  for (const lsa of lsas) {
    const batch = batches.at(-1);
    if (batch !== undefined && lsa.bytes.length <= left) {
      batch.push(lsa);
      left -= lsa.bytes.length;
    } else {
      batches.push([lsa]);
      left = room - lsa.bytes.length;
    }
  }
  return batches;
}
