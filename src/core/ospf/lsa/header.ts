/**
 * The LSA header (RFC 2328 A.4.1), 20 bytes:
 *
 *     0      age u16 (bit 15: DoNotAge, RFC 1793) | options u8 | type u8
 *     4      link state id u32
 *     8      advertising router u32
 *     12     sequence i32
 *     16     checksum u16 | length u16 (header included)
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { MAX_AGE } from '../codes.ts';
import type { LsaHeader } from './lsa.ts';

/**
 * Reads 20 bytes as they are. Only the age is bounded: more than MaxAge is read as MaxAge, which is also what an age with
 * the DoNotAge bit becomes, as we do not do demand circuits. Length, checksum, type and sequence are not judged here,
 * because a header in a database description or an acknowledgement names an LSA without carrying it.
 *
 * @throws DecodeError 'short'
 */
export function decodeLsaHeader(r: Reader): LsaHeader {
  const age = r.u16();
  const options = r.u8();
  const type = r.u8();
  const id = r.u32();
  const advertisingRouter = r.u32();
  const sequence = r.i32();
  const checksum = r.u16();
  const length = r.u16();
  return {
    type,
    id,
    advertisingRouter,
    age: Math.min(age, MAX_AGE),
    options,
    sequence,
    checksum,
    length,
  };
}

/** Writes 20 bytes, checksum and length included as the header has them. */
export function encodeLsaHeader(w: Writer, header: LsaHeader): void {
  w.u16(header.age)
    .u8(header.options)
    .u8(header.type)
    .u32(header.id)
    .u32(header.advertisingRouter)
    .u32(header.sequence)
    .u16(header.checksum)
    .u16(header.length);
}
