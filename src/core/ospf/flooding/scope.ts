/** Which LSA types we carry, and how far each goes (RFC 2328 12.1.1, RFC 5250 3). */
import { LsType } from '../codes.ts';

/** What a normal area carries. Type 7 is for NSSAs (RFC 3101 2.1). */
const AREA_TYPES: ReadonlySet<number> = new Set([
  LsType.router,
  LsType.network,
  LsType.summaryNetwork,
  LsType.summaryAsbr,
  LsType.asExternal,
  LsType.opaqueLink,
  LsType.opaqueArea,
  LsType.opaqueAs,
]);

export function isAreaType(type: number): boolean {
  return AREA_TYPES.has(type);
}

/** Goes only to neighbors whose DD packets had the O-bit (RFC 5250 3.1). */
export function isOpaque(type: number): boolean {
  return type === LsType.opaqueLink || type === LsType.opaqueArea || type === LsType.opaqueAs;
}
