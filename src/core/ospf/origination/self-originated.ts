/**
 * Our own LSAs coming back in an instance newer than ours (RFC 2328 13.4): left over from an earlier life, or made by
 * somebody in our name. It is outdone by the next sequence number if we want that LSA, and flushed if we do not; the
 * comparison in origination.ts does either.
 */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { Millis } from '../../base/machine.ts';
import { LsType } from '../codes.ts';
import type { Lsa, LsaKey } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { isHolding } from '../neighbor/hold.ts';
import type { Neighbor } from '../neighbor/neighbor.ts';
import { dropFrom, type Speaker } from '../speaker.ts';
import { noticeTrouble } from '../troubles.ts';
import { flush } from './origination.ts';
import { ownLsa } from './state.ts';

/** By router id, or a network-LSA named by an address of ours, which we originated under another router id. */
export function isSelfOriginated(speaker: Speaker, key: LsaKey): boolean {
  if (key.advertisingRouter === speaker.config.routerId) return true;
  if (key.type !== LsType.network) return false;
  return [...speaker.interfaces.values()].some((iface) => iface.state !== 'down' && iface.address === key.id);
}

/**
 * Whether somebody else makes our router-LSA, having our router id: two of them outdo each other for ever. An instance left
 * over from an earlier life of ours is older than this one. `ours` is what the database had before.
 */
export function noticeImpostor(speaker: Speaker, neighbor: Neighbor, lsa: Lsa, ours: LsdbEntry | undefined): void {
  if (ours?.key !== speaker.origination.routerLsaKey || ours.source !== 'own') return;
  const madeAt = speaker.now - lsa.header.age * 1000;
  if (madeAt < speaker.startedAt + AGE_TOLERANCE) return;
  const detail = `another router of the area has our router id ${formatIpv4(speaker.config.routerId)}`;
  dropFrom(speaker, neighbor, 'duplicateRouterId', detail);
  noticeTrouble(speaker, neighbor.interface, neighbor, 'duplicateRouterId', `${detail}; heard through this neighbor`);
}

/** Ages are whole seconds, and not every router rounds them alike. */
const AGE_TOLERANCE: Millis = 5000;

/** `entry` is that instance, installed already. */
export function receiveSelfOriginated(speaker: Speaker, neighbor: Neighbor, entry: LsdbEntry): void {
  if (entry.lsa.header.advertisingRouter !== speaker.config.routerId) {
    flush(speaker, entry);
    return;
  }
  const own = ownLsa(speaker.origination, entry.key);
  own.sequence = entry.lsa.header.sequence;
  // While the adjacency is forming, the peer is spared an instance without the link to it: see neighbor/hold.ts.
  const wait = isHolding(speaker, neighbor) ? speaker.config.holdLimit : 0;
  own.outdoBy = Math.min(own.outdoBy ?? Number.POSITIVE_INFINITY, speaker.now + wait);
  speaker.origination.dirty = true;
}
