/**
 * Opaque LSAs, types 9 (link), 10 (area) and 11 (AS) (RFC 5250): the link state id is opaque type u8 | opaque id u24, and
 * what follows the header belongs to whoever defined that opaque type. It stays in the LSA's bytes, uninterpreted.
 */
import type { Reader } from '../../base/reader.ts';
import type { OpaqueLsaBody } from './lsa.ts';

const OPAQUE: OpaqueLsaBody = { kind: 'opaque' };

export function decodeOpaqueLsa(r: Reader): OpaqueLsaBody {
  r.skip(r.remaining);
  return OPAQUE;
}

/** The opaque type in a link state id, e.g. 3 for a Grace-LSA (RFC 3623), 4 for router information (RFC 7770). */
export function opaqueTypeOf(linkStateId: number): number {
  return linkStateId >>> 24;
}
