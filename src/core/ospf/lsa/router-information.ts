/**
 * The one thing that we read in Router Information LSAs (RFC 7770: opaque type 4, area scope): whether a router supports
 * host routers (RFC 8770 5). The LSA's content is a list of TLVs:
 *
 *     type u16 | length u16 | value, padded to a multiple of 4 bytes
 *
 * The value of TLV 1 (informational capabilities, RFC 7770 2.4) is a bit field, bit 0 being the highest of the first word.
 */
import { DecodeError } from '../../base/decode-error.ts';
import { Reader } from '../../base/reader.ts';
import { LSA_HEADER_LENGTH, LsType } from '../codes.ts';
import type { Lsa } from './lsa.ts';
import { opaqueTypeOf } from './opaque-lsa.ts';
import { filling } from './tlv.ts';

const ROUTER_INFORMATION = 4;
const INFORMATIONAL_CAPABILITIES = 1;
/** Bit 7 of the informational capabilities. */
const HOST_ROUTER_SUPPORT = 0x01000000;

export function isRouterInformation({ header }: Lsa): boolean {
  return header.type === LsType.opaqueArea && opaqueTypeOf(header.id) === ROUTER_INFORMATION;
}

/** False for every LSA that is not such a one, and for one whose TLVs lie about their lengths. */
export function supportsHostBit(lsa: Lsa): boolean {
  if (!isRouterInformation(lsa)) return false;
  try {
    return (informationalCapabilities(new Reader(lsa.bytes, LSA_HEADER_LENGTH)) & HOST_ROUTER_SUPPORT) !== 0;
  } catch (error) {
    if (error instanceof DecodeError) return false;
    throw error;
  }
}

function informationalCapabilities(r: Reader): number {
  while (r.remaining >= 4) {
    const type = r.u16();
    const length = r.u16();
    if (type === INFORMATIONAL_CAPABILITIES && length >= 4) return r.u32();
    // Another TLV, which does not concern us; the last one's filling may be missing.
    r.skip(Math.min(length + filling(length), r.remaining));
  }
  return 0;
}
