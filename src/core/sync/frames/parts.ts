/** What several frames are made of: texts, 64-bit identities, records. */
import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { Field, type Op, RECORD_BYTES, recordFault } from '../records/record.ts';
import { MAX_TEXT } from './codes.ts';

/**
 * length u8 | so many bytes, printable ASCII and blanks.
 *
 * @throws DecodeError 'short', 'value'
 */
export function takeText(r: Reader): string {
  const length = r.u8();
  const at = r.offset;
  let text = '';
  for (const byte of r.take(length)) {
    if (byte < 0x20 || byte > 0x7e) throw new DecodeError('value', at, `byte ${byte} in a text`);
    text += String.fromCharCode(byte);
  }
  return text;
}

/** What cannot be sent becomes a question mark, what is too long is cut: texts are names, which fit, and reasons. */
export function putText(w: Writer, text: string): void {
  const length = Math.min(text.length, MAX_TEXT);
  w.u8(length);
  for (let at = 0; at < length; at++) {
    const code = text.charCodeAt(at);
    w.u8(code < 0x20 || code > 0x7e ? 0x3f : code);
  }
}

/** 8 bytes, as 16 hexadecimal digits. @throws DecodeError 'short' */
export function takeHex8(r: Reader): string {
  return hex32(r.u32()) + hex32(r.u32());
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0');
}

/** @throws RangeError unless `digits` are 16 hexadecimal digits */
export function putHex8(w: Writer, digits: string): void {
  if (!/^[0-9a-f]{16}$/.test(digits)) throw new RangeError(`not 16 hexadecimal digits: ${digits}`);
  w.u32(Number.parseInt(digits.slice(0, 8), 16)).u32(Number.parseInt(digits.slice(8), 16));
}

/**
 * All records up to the end, as a view; at least one.
 *
 * @param only what they may say; undefined = anything
 * @throws DecodeError 'length' (not a whole number of records, or none), 'value' (a record that says nothing that may be said)
 */
export function takeRecords(r: Reader, only?: (typeof Op)[keyof typeof Op]): Uint8Array {
  const from = r.offset;
  if (r.remaining === 0 || r.remaining % RECORD_BYTES !== 0) {
    throw new DecodeError('length', from, `${r.remaining} bytes of records`);
  }
  const records = r.take(r.remaining);
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const fault = recordFault(records, at);
    if (fault !== undefined) throw new DecodeError('value', from + at, fault);
    const op = records[at + Field.op]!;
    if (only !== undefined && op !== only) throw new DecodeError('value', from + at, `op ${op} where ${only} is due`);
  }
  return records;
}
