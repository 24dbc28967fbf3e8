/** What an operator may see of the mesh. */
import type { Instant } from '../../base/machine.ts';
import type { SyncPeerStatus, SyncStatus } from '../../model/sync.ts';
import { RECORD_BYTES } from '../records/record.ts';
import type { ConnectionTable } from '../table/connection-table.ts';
import type { Link } from './links.ts';

/** By peer: what its counters were when they were looked at last. */
export type RatesBefore = Map<string, { readonly at: Instant; readonly counts: Link['session']['counts'] }>;

export function meshStatus(
  table: ConnectionTable,
  self: number,
  links: readonly Link[],
  synced: boolean,
  counters: Readonly<Record<string, number>>,
  before: RatesBefore,
  now: Instant,
): SyncStatus {
  const own = table.countOf(self);
  const held = counters['held'] ?? 0;
  return {
    synced,
    connections: { total: table.size, own, bytes: table.memory },
    peers: links.map((link) => peerStatus(link, own, held, before, now)),
    counters,
  };
}

function peerStatus(link: Link, own: number, held: number, before: RatesBefore, now: Instant): SyncPeerStatus {
  const { session, catchUp } = link;
  const { name, state, since, counts, unacknowledged, lastError } = session;
  const last = before.get(name);
  before.set(name, { at: now, counts: { ...counts } });
  const seconds = last === undefined ? 0 : (now - last.at) / 1000;
  const rate = (of: keyof typeof counts) => (seconds > 0 ? (counts[of] - last!.counts[of]) / seconds : 0);
  return {
    name,
    state,
    since,
    lag: session.lag.summary(now),
    recordsOut: rate('recordsOut'),
    recordsIn: rate('recordsIn'),
    bytesOut: rate('bytesOut'),
    bytesIn: rate('bytesIn'),
    unacknowledged,
    fileHash: session.established ? session.hello?.configHash : undefined,
    digestsMatch: session.established ? catchUp.match : undefined,
    unprotected: state === 'up' ? held + Math.floor(unacknowledged / RECORD_BYTES) : own + held,
    lastError,
  };
}
