/**
 * The Database Description (RFC 2328 A.3.3), after the packet header:
 *
 *     interface MTU u16 | options u8 | flags u8 (00000 I M MS)
 *     DD sequence number u32
 *     per LSA: LSA header, 20 bytes
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { LSA_HEADER_LENGTH } from '../codes.ts';
import { encodeLsaHeader } from '../lsa/header.ts';
import { decodeLsaHeaders } from './lsa-headers.ts';
import type { DbDescription } from './packet.ts';

/** LSA types are not judged: an unknown one is a protocol error of the exchange (RFC 2328 10.6), not of the bytes. */
export function decodeDbDescription(r: Reader): DbDescription {
  const interfaceMtu = r.u16();
  const options = r.u8();
  const flags = r.u8();
  const sequence = r.u32();
  const headers = decodeLsaHeaders(r);
  return { kind: 'dbDescription', interfaceMtu, options, flags, sequence, headers };
}

export function encodeDbDescription(w: Writer, dd: DbDescription): void {
  w.u16(dd.interfaceMtu).u8(dd.options).u8(dd.flags).u32(dd.sequence);
  for (const header of dd.headers) encodeLsaHeader(w, header);
}

/** Bytes after the packet header. */
export function dbDescriptionLength(dd: DbDescription): number {
  return 8 + LSA_HEADER_LENGTH * dd.headers.length;
}
