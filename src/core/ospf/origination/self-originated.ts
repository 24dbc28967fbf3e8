/**
 * Our own LSAs coming back in an instance newer than ours (RFC 2328 13.4): left over from an earlier life, or made by
 * somebody in our name. It is outdone by the next sequence number if we want that LSA, and flushed if we do not; the
 * comparison in origination.ts does either.
 */

import { LsType } from '../codes.ts';
import type { LsaKey } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';
import { isHolding } from '../neighbor/requests.ts';
import type { Speaker } from '../speaker.ts';
import { flush, ownLsa } from './origination.ts';

/** By router id, or a network-LSA named by an address of ours, which we originated under another router id. */
export function isSelfOriginated(speaker: Speaker, key: LsaKey): boolean {
  if (key.advertisingRouter === speaker.config.routerId) return true;
  if (key.type !== LsType.network) return false;
  return [...speaker.interfaces.values()].some((iface) => iface.state !== 'down' && iface.address === key.id);
}

/** `entry` is that instance, installed already. */
export function receiveSelfOriginated(speaker: Speaker, neighbor: Neighbor, entry: LsdbEntry): void {
  if (entry.lsa.header.advertisingRouter !== speaker.config.routerId) {
    flush(speaker, entry);
    return;
  }
  const own = ownLsa(speaker, entry.key);
  own.sequence = entry.lsa.header.sequence;
  // While the adjacency is forming, the peer is spared an instance without the link to it: see neighbor/requests.ts.
  const wait = isHolding(speaker, neighbor) ? speaker.config.holdLimit : 0;
  own.outdoBy = Math.min(own.outdoBy ?? Number.POSITIVE_INFINITY, speaker.now + wait);
  speaker.origination.dirty = true;
}
