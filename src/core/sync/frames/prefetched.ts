/**
 * Part of what a `prefetch` asked for:
 *
 *     id u32 | records (48 bytes each, op put), at least one
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { Op } from '../records/record.ts';
import { takeRecords } from './parts.ts';

export interface Prefetched {
  readonly kind: 'prefetched';
  /** Of the `prefetch`. */
  readonly id: number;
  /** Decoded, a view. */
  readonly records: Uint8Array;
}

/** @throws DecodeError 'short', 'length', 'value' */
export function decodePrefetched(r: Reader): Prefetched {
  return { kind: 'prefetched', id: r.u32(), records: takeRecords(r, Op.put) };
}

export function encodePrefetched(w: Writer, { id, records }: Prefetched): void {
  w.u32(id).raw(records);
}
