/**
 * Part of a bulk. Numbered among the batches, so that it is acknowledged like them:
 *
 *     sequence u32 | bulk's id u32 | records (48 bytes each, op put), at least one
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { Op } from '../records/record.ts';
import { takeRecords } from './parts.ts';

export interface BulkChunk {
  readonly kind: 'bulkChunk';
  readonly sequence: number;
  readonly id: number;
  /** Decoded, a view. */
  readonly records: Uint8Array;
}

/** @throws DecodeError 'short', 'length', 'value' */
export function decodeBulkChunk(r: Reader): BulkChunk {
  return { kind: 'bulkChunk', sequence: r.u32(), id: r.u32(), records: takeRecords(r, Op.put) };
}

export function encodeBulkChunk(w: Writer, { sequence, id, records }: BulkChunk): void {
  w.u32(sequence).u32(id).raw(records);
}
