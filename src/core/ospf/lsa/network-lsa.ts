/**
 * The network-LSA's body (RFC 2328 A.4.3):
 *
 *     mask u32
 *     per attached router: router id u32
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import type { NetworkLsaBody } from './lsa.ts';
import { decodeMask } from './mask.ts';

/** @throws DecodeError 'short', 'value' (mask), 'trailing' (a router id cut off) */
export function decodeNetworkLsa(r: Reader): NetworkLsaBody {
  const mask = decodeMask(r);
  if (r.remaining % 4 !== 0) throw new DecodeError('trailing', r.offset, 'not a whole number of router ids');
  const attachedRouters: Ipv4[] = [];
  while (r.remaining > 0) attachedRouters.push(r.u32());
  return { kind: 'network', mask, attachedRouters };
}

export function encodeNetworkLsa(w: Writer, body: NetworkLsaBody): void {
  w.u32(body.mask);
  for (const router of body.attachedRouters) w.u32(router);
}
