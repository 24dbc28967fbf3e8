import type { Ipv4 } from '../../base/ipv4.ts';
import type { NetworkType } from '../events.ts';

/** An interface of ours that is up. */
export interface SpfLink {
  readonly interface: string;
  readonly network: NetworkType;
  readonly address: Ipv4;
  readonly prefixLength: number;
  /**
   * What it costs to send there. Without it the metric in our own router-LSA counts, which a stub router (RFC 6987) sets
   * to the maximum on every link alike.
   */
  readonly cost?: number;
  /** Those whose whole database we have: Full, or Loading with nothing left to ask for. */
  readonly neighbors: readonly { readonly routerId: Ipv4; readonly address: Ipv4 }[];
}
