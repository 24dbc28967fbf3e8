/**
 * The summary-LSA's body, types 3 and 4 (RFC 2328 A.4.4):
 *
 *     mask u32                     type 4: not meaningful, so not judged
 *     zero u8 | metric u24
 *     per TOS metric: tos u8 | metric u24                               skipped
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { LsType } from '../codes.ts';
import type { SummaryLsaBody } from './lsa.ts';
import { decodeMask } from './mask.ts';

/** @throws DecodeError 'short', 'value' (mask of a type 3), 'trailing' (a TOS metric cut off) */
export function decodeSummaryLsa(r: Reader, type: number): SummaryLsaBody {
  const mask = type === LsType.summaryNetwork ? decodeMask(r) : r.u32();
  r.skip(1);
  const metric = r.u24();
  if (r.remaining % 4 !== 0) throw new DecodeError('trailing', r.offset, 'not a whole number of TOS metrics');
  r.skip(r.remaining);
  return { kind: 'summary', mask, metric };
}

export function encodeSummaryLsa(w: Writer, body: SummaryLsaBody): void {
  w.u32(body.mask).u8(0).u24(body.metric);
}
