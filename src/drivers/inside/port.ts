/**
 * The inside addresses that this director holds. Adapters: `rtnetlink.ts` and `fake.ts`; both pass the same contract suite
 * (test/contract/inside).
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { WantedInside } from '../../core/inside/inside.ts';

export interface InsideReport {
  /** What was changed, a line each. */
  readonly changes: readonly string[];
  /** Addresses for which there is no link with a network around them. */
  readonly homeless: readonly Ipv4[];
  /** What was not taken since somebody answers for it, a line each. */
  readonly left: readonly string[];
  /** Whether any address was taken that was not held before. */
  readonly taken: boolean;
}

export interface InsideControl {
  /**
   * Holds these addresses and no others, and tells the neighbours of those that are new. One of another owner that is not held yet
   * is taken only if nobody answers for it, which takes a quarter of a second to find out. Idempotent.
   *
   * @throws KernelError
   */
  settle(wanted: readonly WantedInside[]): Promise<InsideReport>;
  /** Tells the neighbours again of all that is held. @throws KernelError */
  announce(): Promise<void>;
}
