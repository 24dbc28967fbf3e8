/** Long computations in slices, so that Hellos and probes go out between them. */
import { setImmediate } from 'node:timers/promises';
import { toEnd } from '../../core/base/steps.ts';

/** Long enough that giving way costs nothing beside it, short enough that a step on top of it delays no Hello. */
const SLICE_MS = 2;

/** How the steps of a pure computation are run to its result. */
export type Run = <Result>(steps: Generator<void, Result>) => Promise<Result>;

/** Whenever a slice is used up, what waits for the event loop goes first. */
export const inSlices: Run = async (steps) => {
  let begin = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (performance.now() - begin < SLICE_MS) continue;
    await setImmediate();
    begin = performance.now();
  }
};

/** Without giving way, hence without a look at any clock. */
export const atOnce: Run = async (steps) => toEnd(steps);
