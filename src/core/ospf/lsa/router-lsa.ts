/**
 * The router-LSA's body (RFC 2328 A.4.2):
 *
 *     flags u8 | zero u8 | number of links u16
 *     per link: id u32 | data u32 | type u8 | number of TOS metrics u8 | metric u16
 *               per TOS metric: tos u8 | zero u8 | metric u16          skipped, RFC 2328 dropped TOS routing
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import type { RouterLink, RouterLsaBody } from './lsa.ts';

const LINK_LENGTH = 12;
const TOS_METRIC_LENGTH = 4;

/**
 * Links of an unknown type are kept: who does not know them passes them by, and refusing the LSA would leave us out of
 * step with the area.
 *
 * @throws DecodeError 'short', 'length'
 */
export function decodeRouterLsa(r: Reader): RouterLsaBody {
  const flags = r.u8();
  r.skip(1);
  const count = r.u16();
  if (count * LINK_LENGTH > r.remaining) throw new DecodeError('length', r.offset, `${count} links do not fit`);
  const links: RouterLink[] = [];
  for (let n = 0; n < count; n++) links.push(decodeLink(r));
  return { kind: 'router', flags, links };
}

function decodeLink(r: Reader): RouterLink {
  const id = r.u32();
  const data = r.u32();
  const type = r.u8();
  const tosMetrics = r.u8();
  const metric = r.u16();
  if (tosMetrics !== 0) r.skip(tosMetrics * TOS_METRIC_LENGTH);
  return { type, id, data, metric };
}

export function encodeRouterLsa(w: Writer, body: RouterLsaBody): void {
  w.u8(body.flags).u8(0).u16(body.links.length);
  for (const link of body.links) w.u32(link.id).u32(link.data).u8(link.type).u8(0).u16(link.metric);
}
