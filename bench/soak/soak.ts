/**
 * The form of a long run. A soak is a file beside this one that exports `run: SoakRun`; `main.ts` lists them by name.
 */
import type { Claim } from '../../lab/report/result.ts';

export interface SoakOptions {
  /** The size that `npm test` could afford: enough to see that it works, too small to quote. */
  readonly quick: boolean;
  /** Seeds whatever is random; given again, it repeats a run. */
  readonly seed: number;
  /** Tells the person who waits what is going on. */
  readonly progress: (line: string) => void;
}

export interface SoakOutcome {
  /** What the run asserts; the soak fails when one of them is not met. */
  readonly claims: readonly Claim[];
  /** Whatever supports the claims; goes into the result file as it is. */
  readonly samples: unknown;
}

export type SoakRun = (options: SoakOptions) => Promise<SoakOutcome>;
