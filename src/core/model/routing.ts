/** Words of the routing that the cluster file, the policy and the speakers share. */
import type { Millis } from '../base/machine.ts';

/** A totally stubby area is a stub area to a host: only what the border router tells it differs (RFC 2328 3.6). */
export type AreaType = 'normal' | 'stub' | 'nssa';

/**
 * How a prefix is announced: as a stub link of the router-LSA (RFC 2328 12.4.1), or in an LSA of its own, AS-external
 * (type 5, 12.4.4) or NSSA (type 7, RFC 3101 2.3).
 */
export type AnnouncedAs =
  | { readonly kind: 'stub' }
  | {
      readonly kind: 'external' | 'nssa';
      /** 1: comparable to the metrics within the area, which count too; 2: beyond comparison with them. */
      readonly metricType: 1 | 2;
      /** 32 bits that OSPF carries and does not use. */
      readonly tag: number;
    };

/** As an operator would say it: `stub`, `external E1`, `nssa E2 tag 7`. */
export function formatAnnouncedAs(lsa: AnnouncedAs): string {
  if (lsa.kind === 'stub') return lsa.kind;
  return `${lsa.kind} E${lsa.metricType}${lsa.tag === 0 ? '' : ` tag ${lsa.tag}`}`;
}

export const AS_STUB: AnnouncedAs = { kind: 'stub' };

/** How an FRR that the operator runs is driven. */
export interface FrrSettings {
  /** The program `vtysh`, as an absolute path. */
  readonly vtysh: string;
  /** Where the daemons' sockets are; undefined = where vtysh looks by itself. */
  readonly vtyDir: string | undefined;
  /** How long one call of vtysh may take. */
  readonly deadline: Millis;
  /** What becomes of prefixes with `lsa: stub`: each an LSA of its own, or a stub link, which is an address on this host. */
  readonly announce: 'external' | 'stub';
  /** Announce though nothing can be read back (Quagga). */
  readonly unverified: boolean;
  /** Whether changes are written to the daemons' startup configuration, together with whatever else is not written yet. */
  readonly write: 'never' | 'memory';
}
