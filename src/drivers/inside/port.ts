/**
 * The inside addresses that this director holds. Adapters: `rtnetlink.ts` and `fake.ts`; both pass the same contract suite
 * (test/contract/inside).
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';

export interface InsideReport {
  /** What was changed, a line each. */
  readonly changes: readonly string[];
  /** Addresses for which there is no link with a network around them. */
  readonly homeless: readonly Ipv4[];
  /** Whether any address was taken that was not held before. */
  readonly taken: boolean;
}

export interface InsideControl {
  /** Holds these addresses and no others, and tells the neighbours of those that are new. Idempotent. @throws KernelError */
  settle(wanted: readonly Ipv4[]): Promise<InsideReport>;
  /** Tells the neighbours again of all that is held. @throws KernelError */
  announce(): Promise<void>;
}
