/**
 * The monotonic clock and the timers of the whole process, behind an interface so that tests bring their own.
 * `now()` counts milliseconds since the process started, which is what the event log's `t` means.
 */
import type { Instant, Millis } from '../core/base/machine.ts';

export interface Clock {
  now(): Instant;
  /** Calls `callback` once, `delay` or more from now (never less); the returned function cancels it. */
  after(delay: Millis, callback: () => void): () => void;
}

/** Node's longest timer; a longer wait is cut and taken up again. */
const LONGEST = 2 ** 31 - 1;

export const systemClock: Clock = {
  now: () => performance.now(),
  after(delay, callback) {
    const due = performance.now() + delay;
    let timer: NodeJS.Timeout;
    // A timer may fire before its time (fractional delays mostly do): look at the clock, and sleep again if it is early.
    const sleep = () => {
      timer = setTimeout(wake, Math.min(LONGEST, Math.max(1, due - performance.now())));
    };
    const wake = () => (performance.now() < due ? sleep() : callback());
    sleep();
    return () => clearTimeout(timer);
  },
};

/**
 * The clock of another thread of this process, for this one: `timeOrigin` is that thread's `performance.timeOrigin`, from which its
 * `now()` counts. What both say of a moment is the same.
 */
export function clockSince(timeOrigin: number): Clock {
  const ahead = performance.timeOrigin - timeOrigin;
  return { now: () => systemClock.now() + ahead, after: systemClock.after };
}
