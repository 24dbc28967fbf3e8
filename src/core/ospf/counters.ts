/** What the instance has counted since it was made. Plain numbers, ready to be labelled metrics. */
import type { DropReason } from './events.ts';
import type { PacketBody } from './packet/packet.ts';

export type PacketKind = PacketBody['kind'];

export interface OspfCounters {
  readonly received: Readonly<Record<PacketKind, number>>;
  readonly sent: Readonly<Record<PacketKind, number>>;
  /** Packets, and LSAs inside packets, that were not used. */
  readonly dropped: Readonly<Partial<Record<DropReason, number>>>;
  /** LSAs sent again because nobody acknowledged them. */
  readonly retransmitted: number;
  /** Instances of our own LSAs, refreshes and flushes included. */
  readonly originated: number;
  readonly spfRuns: number;
}

export interface MutableCounters {
  readonly received: Record<PacketKind, number>;
  readonly sent: Record<PacketKind, number>;
  readonly dropped: Partial<Record<DropReason, number>>;
  retransmitted: number;
  originated: number;
  spfRuns: number;
}

export function newCounters(): MutableCounters {
  return {
    received: { hello: 0, dbDescription: 0, lsRequest: 0, lsUpdate: 0, lsAck: 0 },
    sent: { hello: 0, dbDescription: 0, lsRequest: 0, lsUpdate: 0, lsAck: 0 },
    dropped: {},
    retransmitted: 0,
    originated: 0,
    spfRuns: 0,
  };
}

/** A copy that later counting does not change. */
export function snapshotCounters(counters: MutableCounters): OspfCounters {
  return {
    ...counters,
    received: { ...counters.received },
    sent: { ...counters.sent },
    dropped: { ...counters.dropped },
  };
}
