/**
 * The Link State Request (RFC 2328 A.3.4), after the packet header:
 *
 *     per LSA wanted: LS type u32 | link state id u32 | advertising router u32
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import type { LsaKey } from '../lsa/lsa.ts';
import type { LsRequest } from './packet.ts';

/** Bytes of one request. */
export const LS_REQUEST_ENTRY_LENGTH = 12;

/** @throws DecodeError 'trailing' (a request cut off) */
export function decodeLsRequest(r: Reader): LsRequest {
  if (r.remaining % LS_REQUEST_ENTRY_LENGTH !== 0) {
    throw new DecodeError('trailing', r.offset, 'not a whole number of requests');
  }
  const requests: LsaKey[] = [];
  while (r.remaining > 0) {
    const type = r.u32();
    const id = r.u32();
    requests.push({ type, id, advertisingRouter: r.u32() });
  }
  return { kind: 'lsRequest', requests };
}

export function encodeLsRequest(w: Writer, request: LsRequest): void {
  for (const key of request.requests) w.u32(key.type).u32(key.id).u32(key.advertisingRouter);
}

/** Bytes after the packet header. */
export function lsRequestLength(request: LsRequest): number {
  return LS_REQUEST_ENTRY_LENGTH * request.requests.length;
}
