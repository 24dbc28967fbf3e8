/**
 * Retransmission lists (RFC 2328 13.6): per neighbor what it has not acknowledged, each LSA with its own due time.
 * An LSDB entry counts the lists it is on, so that "may be removed" is a comparison with zero.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import { compareInstances } from '../lsa/codec.ts';
import type { LsaHeader } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import { addressOf, type Neighbor, neighborTimer } from '../neighbor/neighbor.ts';
import { allNeighbors, retryDelay, type Speaker } from '../speaker.ts';
import { queueUpdate } from './outbox.ts';

/** What is due within this time goes out together. */
const WINDOW: Millis = 50;

/** Puts an instance on the list; `firstDueAt` is when it is sent (again) unless acknowledged. */
export function addRetransmission(
  speaker: Speaker,
  neighbor: Neighbor,
  entry: LsdbEntry,
  firstDueAt: Instant = speaker.now + retryDelay(neighbor.interface, 1),
): void {
  removeRetransmission(neighbor, entry.key);
  neighbor.retransmissions.set(entry.key, { entry, dueAt: firstDueAt, tries: 1 });
  entry.retransmissions++;
  arm(speaker, neighbor, firstDueAt);
}

export function removeRetransmission(neighbor: Neighbor, key: string): void {
  const item = neighbor.retransmissions.get(key);
  if (item === undefined) return;
  item.entry.retransmissions--;
  neighbor.retransmissions.delete(key);
}

/** RFC 2328 13 (5)(c): an instance that is about to be replaced is not sent again to anyone. */
export function removeFromAllLists(speaker: Speaker, key: string): void {
  for (const neighbor of allNeighbors(speaker)) removeRetransmission(neighbor, key);
}

export function clearRetransmissions(neighbor: Neighbor): void {
  for (const { entry } of neighbor.retransmissions.values()) entry.retransmissions--;
  neighbor.retransmissions.clear();
}

/** RFC 2328 13.7: an acknowledgement counts only for the instance on the list. True when it did. */
export function acknowledge(speaker: Speaker, neighbor: Neighbor, key: string, header: LsaHeader): boolean {
  const item = neighbor.retransmissions.get(key);
  if (item === undefined) return false;
  if (compareInstances(header, speaker.lsdb.headerOf(item.entry, speaker.now)) !== 0) return false;
  removeRetransmission(neighbor, key);
  return true;
}

/** Brings a waiting item forward to now. */
export function hastenRetransmission(speaker: Speaker, neighbor: Neighbor, key: string): void {
  const item = neighbor.retransmissions.get(key);
  if (item === undefined) return;
  item.dueAt = speaker.now;
  arm(speaker, neighbor, speaker.now);
}

function arm(speaker: Speaker, neighbor: Neighbor, at: Instant): void {
  speaker.timers.setAtLatest(neighborTimer(neighbor, 'retransmission'), at, () => retransmit(speaker, neighbor));
}

function retransmit(speaker: Speaker, neighbor: Neighbor): void {
  const iface = neighbor.interface;
  let next: Instant | undefined;
  for (const item of neighbor.retransmissions.values()) {
    if (item.dueAt <= speaker.now + WINDOW) {
      queueUpdate(speaker, iface, addressOf(neighbor), item.entry, [neighbor]);
      speaker.counters.retransmitted++;
      item.tries++;
      item.dueAt = speaker.now + retryDelay(iface, item.tries);
    }
    if (next === undefined || item.dueAt < next) next = item.dueAt;
  }
  if (next !== undefined) arm(speaker, neighbor, next);
}
