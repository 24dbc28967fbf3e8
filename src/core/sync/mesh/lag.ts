import type { Instant, Millis } from '../../base/machine.ts';

const SAMPLES = 1024;
/** Older ones say nothing about now. */
const WINDOW: Millis = 60_000;

/** How long acknowledgements took: the last ones of a minute. */
export class Lag {
  readonly #values = new Float64Array(SAMPLES);
  readonly #times = new Float64Array(SAMPLES);
  #count = 0;

  add(value: Millis, now: Instant): void {
    this.#values[this.#count % SAMPLES] = value;
    this.#times[this.#count % SAMPLES] = now;
    this.#count++;
  }

  /** Undefined while there were none lately. */
  summary(now: Instant): { readonly p50: Millis; readonly p99: Millis } | undefined {
    const recent = this.#values
      .subarray(0, Math.min(this.#count, SAMPLES))
      .filter((_, index) => this.#times[index]! > now - WINDOW)
      .sort();
    if (recent.length === 0) return undefined;
    return { p50: recent[Math.floor(recent.length * 0.5)]!, p99: recent[Math.floor(recent.length * 0.99)]! };
  }
}
