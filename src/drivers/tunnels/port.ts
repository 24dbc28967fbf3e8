/**
 * The tunnels between directors that share no segment. Adapters: `rtnetlink.ts` and `fake.ts`; both pass the same contract
 * suite (test/contract/tunnels).
 */
import type { Tunnels } from '../../core/tunnels/tunnels.ts';

export interface TunnelControl {
  /**
   * Makes the device and its next hops as wished; what is there is adopted. Idempotent.
   *
   * @returns what was changed, a line each
   * @throws KernelError (`EEXIST`: another device has our name, `EPERM`, `EADDRINUSE`: the port is taken)
   */
  settle(wanted: Tunnels): Promise<readonly string[]>;
  /** Removes the device; nothing happens when there is none of ours. @throws KernelError */
  remove(): Promise<readonly string[]>;
}
