/** Link State Requests out and in (RFC 2328 10.7, 10.9). */
import { formatIpv4 } from '../../base/ipv4.ts';
import { PACKET_HEADER_LENGTH } from '../codes.ts';
import { queueUpdate } from '../flooding/outbox.ts';
import { packetRoom } from '../interface/interface.ts';
import { lsaKeyText } from '../lsa/codec.ts';
import type { LsRequest } from '../packet/packet.ts';
import { dropFrom, retryDelay, type Speaker, sendPacket } from '../speaker.ts';
import { hold, isHolding } from './hold.ts';
import { neighborEvent } from './machine.ts';
import { addressOf, atLeast, isSynchronizing, type Neighbor, neighborTimer } from './neighbor.ts';

const REQUEST_LENGTH = 12;

/** Asks for the next packetful, once the previous one has been answered. */
export function sendRequests(speaker: Speaker, neighbor: Neighbor): void {
  if (!isSynchronizing(neighbor) || neighbor.outstanding.size > 0 || neighbor.requests.size === 0) return;
  const room = Math.floor((packetRoom(neighbor.interface) - PACKET_HEADER_LENGTH) / REQUEST_LENGTH);
  for (const key of neighbor.requests.keys()) {
    if (neighbor.outstanding.size >= room) break;
    neighbor.outstanding.add(key);
  }
  neighbor.requestTries = 0;
  askForOutstanding(speaker, neighbor);
}

function askForOutstanding(speaker: Speaker, neighbor: Neighbor): void {
  if (neighbor.outstanding.size === 0) return;
  const requests = [...neighbor.outstanding].flatMap((key) => neighbor.requests.get(key) ?? []);
  sendPacket(speaker, neighbor.interface, addressOf(neighbor), { kind: 'lsRequest', requests });
  neighbor.requestTries++;
  const at = speaker.now + retryDelay(neighbor.interface, neighbor.requestTries);
  speaker.timers.set(neighborTimer(neighbor, 'request'), at, () => askForOutstanding(speaker, neighbor));
}

/** The LSA came, or is no longer wanted from this neighbor. */
export function removeRequest(speaker: Speaker, neighbor: Neighbor, key: string): void {
  neighbor.requests.delete(key);
  if (neighbor.outstanding.delete(key) && neighbor.outstanding.size === 0) {
    speaker.timers.clear(neighborTimer(neighbor, 'request'));
  }
}

/** RFC 2328 10.7. */
export function receiveLsRequest(speaker: Speaker, neighbor: Neighbor, packet: LsRequest): void {
  if (!atLeast(neighbor.state, 'exchange')) {
    dropFrom(speaker, neighbor, 'badState', `link state request in ${neighbor.state}`);
    return;
  }
  for (const request of packet.requests) {
    const entry = speaker.lsdb.get(speaker.lsdb.keyOf(request, neighbor.interface.name));
    if (entry === undefined) {
      dropFrom(speaker, neighbor, 'badLsRequest', `${lsaKeyText(request)} is not in the database`);
      neighborEvent(speaker, neighbor, 'badLsRequest', `badLsRequest from ${formatIpv4(neighbor.address)}`);
      return;
    }
    if (entry.key === speaker.origination.routerLsaKey && isHolding(speaker, neighbor)) hold(speaker, neighbor);
    else queueUpdate(speaker, neighbor.interface, addressOf(neighbor), entry, [neighbor]);
  }
}
