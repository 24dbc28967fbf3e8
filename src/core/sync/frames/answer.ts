/**
 * The answer to a query:
 *
 *     id u32 | found u8 (0 unknown, 1 known, 2 declined: too many were asked) | if known: a record (48 bytes, op put)
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { Op, RECORD_BYTES } from '../records/record.ts';
import { Found } from './codes.ts';
import { takeRecords } from './parts.ts';

export interface Answer {
  readonly kind: 'answer';
  /** Of the query. */
  readonly id: number;
  readonly found: keyof typeof Found;
  /** If known; decoded, a view. */
  readonly record: Uint8Array | undefined;
}

/** @throws DecodeError 'short', 'length', 'value' */
export function decodeAnswer(r: Reader): Answer {
  const id = r.u32();
  const code = r.u8();
  if (code === Found.known) {
    const record = takeRecords(r.within(RECORD_BYTES), Op.put);
    return { kind: 'answer', id, found: 'known', record };
  }
  if (code > Found.declined) throw new DecodeError('value', r.offset - 1, `found ${code}`);
  return { kind: 'answer', id, found: code === Found.unknown ? 'unknown' : 'declined', record: undefined };
}

/** @throws RangeError when a record is there and not known, or the other way round */
export function encodeAnswer(w: Writer, { id, found, record }: Answer): void {
  if ((found === 'known') !== (record !== undefined)) throw new RangeError(`${found}, and a record or not`);
  w.u32(id).u8(Found[found]);
  if (record !== undefined) w.raw(record);
}
