/**
 * The kernel's routing table, as far as it is ours (protocol number 217). Adapters: `rtnetlink.ts` and `fake.ts`; both
 * pass the same contract suite (test/contract/routes).
 */
import type { KernelRoute } from '../../core/routes/kernel-route.ts';

export type { KernelRoute } from '../../core/routes/kernel-route.ts';

export interface RouteTable {
  open(): Promise<void>;
  /**
   * Makes our routes equal `desired`, replacing atomically and touching only what differs and is ours. Returns printable
   * operations. Does all that can be done, then throws the first `KernelError` (`ENODEV`: interface missing, `EEXIST`:
   * somebody else's route has this prefix and metric).
   */
  apply(desired: readonly KernelRoute[]): Promise<readonly string[]>;
  /** Our routes as the kernel has them now. Never remembered: the kernel removes routes silently with their device. */
  observe(): Promise<readonly KernelRoute[]>;
  close(): Promise<void>;
}
