/**
 * Long computations in steps: a generator that yields wherever others may have their turn, and returns the result. Who runs
 * it decides whether they get it.
 */
export type Steps<Result> = Generator<void, Result>;

/** Runs all the steps at once. */
export function toEnd<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** So many elements of a large table make a step: a millisecond, more or less. */
export const STEP = 4096;
