/**
 * Asks for the connections of an owner, or those of them whose hash lies in some ranges; answered by a bulk:
 *
 *     id u32 | owner u32 (0 = whoever owns them) | ranges (32 bytes)
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { RANGE_SET_BYTES } from '../records/ranges.ts';

export interface BulkRequest {
  readonly kind: 'bulkRequest';
  /** Chosen by who asks; the bulk bears it, too. */
  readonly id: number;
  readonly owner: Ipv4;
  /** A set as in `ranges.ts`; decoded, a view. */
  readonly ranges: Uint8Array;
}

/** @throws DecodeError 'short' */
export function decodeBulkRequest(r: Reader): BulkRequest {
  return { kind: 'bulkRequest', id: r.u32(), owner: r.u32(), ranges: r.take(RANGE_SET_BYTES) };
}

export function encodeBulkRequest(w: Writer, { id, owner, ranges }: BulkRequest): void {
  w.u32(id).u32(owner).raw(ranges);
}
