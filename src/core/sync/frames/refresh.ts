/**
 * Connections that live on, and what is left of their timeouts: told before copies of them time out.
 *
 *     sequence u32 | records (48 bytes each, op refresh), at least one
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { Op } from '../records/record.ts';
import { takeRecords } from './parts.ts';

export interface Refresh {
  readonly kind: 'refresh';
  readonly sequence: number;
  /** Decoded, a view. */
  readonly records: Uint8Array;
}

/** @throws DecodeError 'short', 'length', 'value' */
export function decodeRefresh(r: Reader): Refresh {
  return { kind: 'refresh', sequence: r.u32(), records: takeRecords(r, Op.refresh) };
}

export function encodeRefresh(w: Writer, { sequence, records }: Refresh): void {
  w.u32(sequence).raw(records);
}
