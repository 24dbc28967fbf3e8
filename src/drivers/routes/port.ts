/**
 * The kernel's routing table, as far as it is ours (protocol number 217). Adapters: `rtnetlink.ts` and a fake.
 */
import type { Prefix } from '../../core/base/ipv4.ts';
import type { NextHop } from '../../core/ospf/events.ts';

/** `unicast`: learned from OSPF. `local`: a VIP as `local VIP/32 dev lo`, so that ports without a service are not bounced. */
export type KernelRoute =
  | {
      readonly kind: 'unicast';
      readonly prefix: Prefix;
      readonly metric: number;
      readonly nextHops: readonly NextHop[];
    }
  | { readonly kind: 'local'; readonly prefix: Prefix };

export interface RouteTable {
  open(): Promise<void>;
  /** Makes our routes equal `desired`, replacing atomically and touching only what differs and is ours. Returns printable operations. */
  apply(desired: readonly KernelRoute[]): Promise<readonly string[]>;
  /** Our routes as the kernel has them now. */
  observe(): Promise<readonly KernelRoute[]>;
  close(): Promise<void>;
}
