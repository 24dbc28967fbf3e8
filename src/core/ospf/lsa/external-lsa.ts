/**
 * The body of an AS-external-LSA (type 5, RFC 2328 A.4.5) and of an NSSA-LSA (type 7, RFC 3101), which are the same:
 *
 *     mask u32
 *     E-bit and tos u8 | metric u24
 *     forwarding address u32
 *     tag u32
 *     per TOS metric: E-bit and tos u8 | metric u24 | forwarding address u32 | tag u32          skipped
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import type { ExternalLsaBody } from './lsa.ts';
import { decodeMask } from './mask.ts';

const E_BIT = 0x80;
const TOS_METRIC_LENGTH = 12;

/** @throws DecodeError 'short', 'value' (mask), 'trailing' (a TOS metric cut off) */
export function decodeExternalLsa(r: Reader): ExternalLsaBody {
  const mask = decodeMask(r);
  const e2 = (r.u8() & E_BIT) !== 0;
  const metric = r.u24();
  const forwardingAddress = r.u32();
  const tag = r.u32();
  if (r.remaining % TOS_METRIC_LENGTH !== 0) {
    throw new DecodeError('trailing', r.offset, 'not a whole number of TOS metrics');
  }
  r.skip(r.remaining);
  return { kind: 'external', mask, e2, metric, forwardingAddress, tag };
}

export function encodeExternalLsa(w: Writer, body: ExternalLsaBody): void {
  w.u32(body.mask)
    .u8(body.e2 ? E_BIT : 0)
    .u24(body.metric)
    .u32(body.forwardingAddress)
    .u32(body.tag);
}
