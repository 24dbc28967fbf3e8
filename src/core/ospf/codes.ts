/** OSPFv2 code points, in one place. RFC 2328 appendices A and B unless another source is named. */
import { ipv4 } from '../base/ipv4.ts';

export const OSPF_VERSION = 2;

export const ALL_SPF_ROUTERS = ipv4('224.0.0.5');
export const ALL_D_ROUTERS = ipv4('224.0.0.6');

/** A.3.1 */
export const PacketType = { hello: 1, dbDescription: 2, lsRequest: 3, lsUpdate: 4, lsAck: 5 } as const;

/** A.4.1; 7 is RFC 3101, 9 to 11 are RFC 5250. */
export const LsType = {
  router: 1,
  network: 2,
  summaryNetwork: 3,
  summaryAsbr: 4,
  asExternal: 5,
  nssa: 7,
  opaqueLink: 9,
  opaqueArea: 10,
  opaqueAs: 11,
} as const;

/** The first byte of the link state id of types 9 to 11 (RFC 5250 5); 3 is RFC 3623. */
export const OpaqueType = { grace: 3 } as const;

/** A.2; O is RFC 5250. */
export const Option = { e: 0x02, mc: 0x04, np: 0x08, l: 0x10, dc: 0x20, o: 0x40, dn: 0x80 } as const;

/** A.3.3 */
export const DdFlag = { masterSlave: 0x01, more: 0x02, init: 0x04 } as const;

/** A.4.2; H is RFC 8770. */
export const RouterFlag = { b: 0x01, e: 0x02, v: 0x04, nt: 0x10, h: 0x80 } as const;

/** A.4.2 */
export const RouterLinkType = { pointToPoint: 1, transit: 2, stub: 3, virtual: 4 } as const;

/** Appendix B, in seconds unless said otherwise. */
export const LS_REFRESH_TIME = 1800;
export const MIN_LS_ARRIVAL = 1;
export const MAX_AGE = 3600;
export const MAX_AGE_DIFF = 900;
export const LS_INFINITY = 0xffffff;
/** RFC 6987: the metric that makes a router a last resort. */
export const MAX_LINK_METRIC = 0xffff;
/** Signed, as compared by RFC 2328 12.1.6. */
export const INITIAL_SEQUENCE = 0x80000001 | 0;
export const MAX_SEQUENCE = 0x7fffffff;

export const PACKET_HEADER_LENGTH = 24;
export const LSA_HEADER_LENGTH = 20;
