/** Code points and limits of the frames between directors. `docs/sync-protocol.md` says the same in words. */
import type { VersionRange } from '../mesh/version.ts';

/** What this code speaks. Version 1 is the first. */
export const VERSIONS: VersionRange = { min: 1, max: 1 };

/** 16 to 31 are kept for these frames with IPv6 records. */
export const FrameKind = {
  hello: 1,
  bulkRequest: 2,
  bulkBegin: 3,
  bulkChunk: 4,
  bulkEnd: 5,
  batch: 6,
  refresh: 7,
  ack: 8,
  digest: 9,
  query: 10,
  answer: 11,
  goodbye: 12,
  alive: 13,
  prefetch: 14,
  prefetched: 15,
} as const;

/** Payload length u32 | kind u8 | flags u8 | zero u16. */
export const HEADER_BYTES = 8;

/** A frame that says to be longer is no frame: the stream ends. */
export const MAX_PAYLOAD = 1 << 20;

/** The longest name or reason, in bytes. */
export const MAX_TEXT = 255;

export const HelloFlag = {
  /** The sender holds no connections and knows of none that it should hold. */
  empty: 1,
} as const;

/** Which tuple of a connection a query names. */
export const Side = { client: 0, server: 1 } as const;

export const Found = { unknown: 0, known: 1, declined: 2 } as const;

/** Why a stream ends. */
export const GoodbyeReason = {
  /** The director stops; what it holds was told. */
  leaving: 1,
  /** No version in common, or a downgrade. */
  version: 2,
  /** Another cluster, or a director that is not in the cluster file. */
  stranger: 3,
  /** Bytes that are no frame, or a frame where it has no place. */
  protocol: 4,
  /** Another stream of the same pair is used instead. */
  replaced: 5,
  /** The peer took too long to take or acknowledge what was sent. */
  stalled: 6,
  /** The director's process ends for another one to take over; its kernel goes on. */
  restarting: 7,
} as const;
