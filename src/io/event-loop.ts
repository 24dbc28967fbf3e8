/** How late this process comes to its work: delays of the event loop, as its own timer finds them. */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Millis } from '../core/base/machine.ts';

/** How often the loop is asked. A stall shorter than this may go unseen; a longer one is seen in full. */
const RESOLUTION: Millis = 10;

/** Milliseconds by which the loop was late, over all its answers since the histogram began. */
export interface LoopDelay {
  readonly p50: Millis;
  readonly p99: Millis;
  readonly p999: Millis;
  readonly max: Millis;
  /** Number of answers; one each 10 ms, fewer when the loop was late. */
  readonly count: number;
}

export interface LoopWatch {
  delay(): LoopDelay;
  /** Forgets what was, and begins anew. */
  restart(): void;
}

/** Does not keep the process alive. */
export function watchEventLoop(): LoopWatch {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION });
  histogram.enable();
  // What is recorded is the time from one answer to the next.
  const late = (nanoseconds: number) => Math.max(0, Math.round(nanoseconds / 1e3 - RESOLUTION * 1e3) / 1e3);
  return {
    delay: () => ({
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      p999: late(histogram.percentile(99.9)),
      max: late(histogram.max),
      count: histogram.count,
    }),
    restart: () => histogram.reset(),
  };
}
