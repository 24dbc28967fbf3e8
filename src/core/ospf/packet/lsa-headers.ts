import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import { LSA_HEADER_LENGTH } from '../codes.ts';
import { decodeLsaHeader } from '../lsa/header.ts';
import type { LsaHeader } from '../lsa/lsa.ts';

/** LSA headers to the end of the packet, as a database description and an acknowledgement list them. @throws DecodeError */
export function decodeLsaHeaders(r: Reader): LsaHeader[] {
  if (r.remaining % LSA_HEADER_LENGTH !== 0) {
    throw new DecodeError('trailing', r.offset, 'not a whole number of LSA headers');
  }
  const headers: LsaHeader[] = [];
  while (r.remaining > 0) headers.push(decodeLsaHeader(r));
  return headers;
}
