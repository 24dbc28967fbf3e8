import type { BenchOutcome } from '../result.ts';

/** What a part of the benchmark gives to the whole. */
export type Measured = Pick<BenchOutcome, 'goals' | 'samples'>;
