/** Which LSA types an area carries, and how far each goes (RFC 2328 3.6 and 12.1.1, RFC 3101 2.1, RFC 5250 3). */
import type { AreaType } from '../../model/routing.ts';
import { LsType } from '../codes.ts';

const EVERYWHERE = [LsType.router, LsType.network, LsType.summaryNetwork, LsType.opaqueLink, LsType.opaqueArea];

/** What has AS scope, and the way to who says so, stays out of stub areas and NSSAs; type 7 is for the latter alone. */
const CARRIED: Readonly<Record<AreaType, ReadonlySet<number>>> = {
  normal: new Set([...EVERYWHERE, LsType.summaryAsbr, LsType.asExternal, LsType.opaqueAs]),
  stub: new Set(EVERYWHERE),
  nssa: new Set([...EVERYWHERE, LsType.nssa]),
};

export function isAreaType(type: number, area: AreaType): boolean {
  return CARRIED[area].has(type);
}

/** Goes only to neighbors whose DD packets had the O-bit (RFC 5250 3.1). */
export function isOpaque(type: number): boolean {
  return type === LsType.opaqueLink || type === LsType.opaqueArea || type === LsType.opaqueAs;
}
