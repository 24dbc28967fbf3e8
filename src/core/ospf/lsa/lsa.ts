/**
 * What an OSPFv2 LSA is. The raw bytes travel beside the parsed form, so that flooding, the checksum and "same contents"
 * (RFC 2328 13.2) work on bytes and nothing is ever re-encoded on the way through.
 */
import type { Ipv4 } from '../../base/ipv4.ts';

/** What names an LSA (RFC 2328 12.1): type, link state id, advertising router. */
export interface LsaKey {
  readonly type: number;
  readonly id: Ipv4;
  readonly advertisingRouter: Ipv4;
}

/** RFC 2328 A.4.1. `sequence` is signed; `age` in seconds as received (0 to 3600, capped); `length` counts the header. */
export interface LsaHeader extends LsaKey {
  readonly age: number;
  readonly options: number;
  readonly sequence: number;
  readonly checksum: number;
  readonly length: number;
}

/** RFC 2328 A.4.2. */
export interface RouterLink {
  /** `RouterLinkType` value. */
  readonly type: number;
  readonly id: Ipv4;
  readonly data: Ipv4;
  readonly metric: number;
}

export interface RouterLsaBody {
  readonly kind: 'router';
  /** `RouterFlag` bits. */
  readonly flags: number;
  readonly links: readonly RouterLink[];
}

/** RFC 2328 A.4.3. */
export interface NetworkLsaBody {
  readonly kind: 'network';
  readonly mask: Ipv4;
  readonly attachedRouters: readonly Ipv4[];
}

/** RFC 2328 A.4.4, types 3 and 4. */
export interface SummaryLsaBody {
  readonly kind: 'summary';
  readonly mask: Ipv4;
  readonly metric: number;
}

/** RFC 2328 A.4.5 (type 5) and RFC 3101 (type 7). */
export interface ExternalLsaBody {
  readonly kind: 'external';
  readonly mask: Ipv4;
  /** True for a type 2 external metric. */
  readonly e2: boolean;
  readonly metric: number;
  readonly forwardingAddress: Ipv4;
  readonly tag: number;
}

/** RFC 5250: stored and flooded by scope, never interpreted. */
export interface OpaqueLsaBody {
  readonly kind: 'opaque';
}

export type LsaBody = RouterLsaBody | NetworkLsaBody | SummaryLsaBody | ExternalLsaBody | OpaqueLsaBody;

/** `bytes` is the whole LSA as on the wire, header included; its age field is the one received. */
export interface Lsa {
  readonly header: LsaHeader;
  readonly body: LsaBody;
  readonly bytes: Uint8Array;
}
