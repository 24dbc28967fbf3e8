/** The flooding procedure towards the neighbors (RFC 2328 13.3). */
import { Option } from '../codes.ts';
import { floodsByMulticast, hasDesignatedRouter, type OspfInterface } from '../interface/interface.ts';
import { compareInstances } from '../lsa/codec.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { holdEnd, isHolding } from '../neighbor/hold.ts';
import { atLeast, isSynchronizing, type Neighbor } from '../neighbor/neighbor.ts';
import { removeRequest } from '../neighbor/requests.ts';
import type { Speaker } from '../speaker.ts';
import { floodDestination, queueUpdate } from './outbox.ts';
import { addRetransmission } from './retransmit.ts';
import { isOpaque } from './scope.ts';

/**
 * Sends an installed instance to everyone who needs it; `from` is the neighbor that it came from, undefined for our own.
 * True when it went back out of the interface on which it came (13.5 then needs no acknowledgement).
 */
export function flood(speaker: Speaker, entry: LsdbEntry, from: Neighbor | undefined): boolean {
  let floodedBack = false;
  for (const iface of speaker.interfaces.values()) {
    if (iface.state === 'down') continue;
    if (entry.interface !== undefined && entry.interface !== iface.name) continue;
    const sent = floodOn(speaker, iface, entry, from);
    if (sent && iface === from?.interface) floodedBack = true;
  }
  return floodedBack;
}

function floodOn(speaker: Speaker, iface: OspfInterface, entry: LsdbEntry, from: Neighbor | undefined): boolean {
  const takers = [...iface.neighbors.values()].filter((neighbor) => needs(speaker, neighbor, entry, from));
  if (takers.length === 0) return false;
  if (entry.key === speaker.origination.routerLsaKey && takers.every((neighbor) => isHolding(speaker, neighbor))) {
    // Nobody there is Full yet: the instance that will say so follows at once, and must not be refused as too young.
    for (const neighbor of takers) addRetransmission(speaker, neighbor, entry, holdEnd(speaker));
    return false;
  }
  for (const neighbor of takers) addRetransmission(speaker, neighbor, entry);
  if (iface === from?.interface) {
    // (3) and (4): who got it from DR or BDR, or is BDR itself, leaves it to the DR to reach the rest of the link.
    if (hasDesignatedRouter(iface) && (isDrOrBackup(from) || iface.state === 'backup')) return false;
  }
  if (floodsByMulticast(iface)) {
    queueUpdate(speaker, iface, floodDestination(iface), entry, takers);
    return true;
  }
  // The neighbor that it came from hears nothing of this, and still has to be told that we got it.
  for (const neighbor of takers) queueUpdate(speaker, iface, neighbor.address, entry, [neighbor]);
  return false;
}

function isDrOrBackup(neighbor: Neighbor): boolean {
  const { designatedRouter, backupDesignatedRouter } = neighbor.interface;
  return neighbor.address === designatedRouter || neighbor.address === backupDesignatedRouter;
}

/** 13.3 (1): whether a neighbor goes on its retransmission list. Settles its request list on the way. */
function needs(speaker: Speaker, neighbor: Neighbor, entry: LsdbEntry, from: Neighbor | undefined): boolean {
  if (!atLeast(neighbor.state, 'exchange')) return false;
  if (isOpaque(entry.lsa.header.type) && (neighbor.options & Option.o) === 0) return false;
  const wanted = neighbor.requests.get(entry.key);
  if (isSynchronizing(neighbor) && wanted !== undefined) {
    const order = compareInstances(speaker.lsdb.headerOf(entry, speaker.now), wanted);
    if (order < 0) return false;
    removeRequest(speaker, neighbor, entry.key);
    if (order === 0) return false;
  }
  return neighbor !== from;
}
