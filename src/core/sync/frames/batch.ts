/**
 * What has happened to connections, in the order in which it did:
 *
 *     sequence u32 | records (48 bytes each), at least one
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { takeRecords } from './parts.ts';

export interface Batch {
  readonly kind: 'batch';
  /** Batches, refreshes and chunks of one direction of one stream are numbered 1, 2, …; after 2^32 - 1 comes 0. */
  readonly sequence: number;
  /** Decoded, a view. */
  readonly records: Uint8Array;
}

/** @throws DecodeError 'short', 'length', 'value' */
export function decodeBatch(r: Reader): Batch {
  return { kind: 'batch', sequence: r.u32(), records: takeRecords(r) };
}

export function encodeBatch(w: Writer, { sequence, records }: Batch): void {
  w.u32(sequence).raw(records);
}
