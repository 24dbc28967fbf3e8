/** What the type of an area means for option bits (RFC 2328 A.2, RFC 3101 appendix A). */
import type { AreaType } from '../model/routing.ts';
import { Option } from './codes.ts';

const AREA_BITS = Option.e | Option.np;

/** E: type 5 LSAs are welcome. N: type 7 ones are. A stub area has neither, and no area has both. */
const BITS: Readonly<Record<AreaType, number>> = { normal: Option.e, stub: 0, nssa: Option.np };

/** The O-bit belongs into DD packets only (RFC 5250 4.1). */
export function helloOptions(type: AreaType): number {
  return BITS[type];
}

/** The N-bit is for Hellos alone (RFC 3101 appendix A). */
export function ddOptions(type: AreaType): number {
  return (BITS[type] & Option.e) | Option.o;
}

/** Of the LSAs that describe ourselves. Bit 3, which is N in a Hello, means something else in a type 7 LSA. */
export function lsaOptions(type: AreaType): number {
  return BITS[type] & Option.e;
}

/** How a neighbor's Hello contradicts the type that the area has for us; undefined when it does not (RFC 2328 10.5). */
export function areaMismatch(options: number, ours: AreaType): string | undefined {
  const bits = options & AREA_BITS;
  return bits === BITS[ours] ? undefined : `area type: to the neighbor this is ${nameOf(bits)}, to us ${NAMES[ours]}`;
}

const NAMES: Readonly<Record<AreaType, string>> = { normal: 'a normal area', stub: 'a stub area', nssa: 'an NSSA' };

function nameOf(bits: number): string {
  if (bits === AREA_BITS) return 'an area with and without type 5 LSAs (E and N set)';
  if (bits === BITS.nssa) return NAMES.nssa;
  return bits === BITS.normal ? NAMES.normal : NAMES.stub;
}
