/**
 * A bulk begins: all connections of the owner in these ranges follow in chunks, then an end. Batches may come between.
 *
 *     id u32 | owner u32 (0 = whoever owns them) | expected u32 | ranges (32 bytes)
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { RANGE_SET_BYTES } from '../records/ranges.ts';

export interface BulkBegin {
  readonly kind: 'bulkBegin';
  /** Of the request. */
  readonly id: number;
  readonly owner: Ipv4;
  /** About so many records will come; for people who wait. */
  readonly expected: number;
  /** A set as in `ranges.ts`; decoded, a view. */
  readonly ranges: Uint8Array;
}

/** @throws DecodeError 'short' */
export function decodeBulkBegin(r: Reader): BulkBegin {
  return { kind: 'bulkBegin', id: r.u32(), owner: r.u32(), expected: r.u32(), ranges: r.take(RANGE_SET_BYTES) };
}

export function encodeBulkBegin(w: Writer, { id, owner, expected, ranges }: BulkBegin): void {
  w.u32(id).u32(owner).u32(expected).raw(ranges);
}
