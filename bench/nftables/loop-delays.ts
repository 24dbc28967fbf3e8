/** Delays of an event loop, as two processes are compared by them. */

/** Milliseconds by which the loop was late. */
export interface LoopDelays {
  readonly p50: number;
  readonly p999: number;
  readonly max: number;
  readonly count: number;
}

/** Asks the loop every millisecond while it is switched on. Node's own monitor counts a pause between as a delay. */
export class LoopWatch {
  readonly #late: number[] = [];
  #timer: NodeJS.Timeout | undefined;
  #last = 0;

  start(): void {
    this.#last = performance.now();
    this.#timer = setInterval(() => this.#look(), 1);
  }

  stop(): void {
    this.#look();
    clearInterval(this.#timer);
  }

  forget(): void {
    this.#late.length = 0;
  }

  delays(): LoopDelays {
    const sorted = this.#late.toSorted((a, b) => a - b);
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { p50: at(0.5), p999: at(0.999), max: at(1), count: sorted.length };
  }

  #look(): void {
    const now = performance.now();
    this.#late.push(Math.max(0, now - this.#last - 1));
    this.#last = now;
  }
}
