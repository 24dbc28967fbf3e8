/**
 * The Link State Acknowledgment (RFC 2328 A.3.6), after the packet header:
 *
 *     per LSA: LSA header, 20 bytes
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { LSA_HEADER_LENGTH } from '../codes.ts';
import { encodeLsaHeader } from '../lsa/header.ts';
import { decodeLsaHeaders } from './lsa-headers.ts';
import type { LsAck } from './packet.ts';

/** @throws DecodeError 'trailing' (a header cut off) */
export function decodeLsAck(r: Reader): LsAck {
  return { kind: 'lsAck', headers: decodeLsaHeaders(r) };
}

export function encodeLsAck(w: Writer, ack: LsAck): void {
  for (const header of ack.headers) encodeLsaHeader(w, header);
}

/** Bytes after the packet header. */
export function lsAckLength(ack: LsAck): number {
  return LSA_HEADER_LENGTH * ack.headers.length;
}
