/**
 * Keeps one piece of the kernel as it is wished: applies the last wish, one apply at a time; wishes that come while one
 * runs are coalesced; a refusal is tried again with back-off; and what was settled is applied again now and then, which
 * finds what somebody else has changed. It knows nothing about what it applies.
 */
import type { Millis } from '../../core/base/machine.ts';
import type { Clock } from '../../io/clock.ts';

export interface ReconcilerOptions<Desired, Report> {
  readonly clock: Clock;
  /** Idempotent. */
  apply(desired: Desired): Promise<Report>;
  onApplied(desired: Desired, report: Report): void;
  onFault(error: unknown, retryIn: Millis): void;
  /** How long a settled state is left unchecked. */
  readonly recheck: Millis;
}

const FIRST_RETRY = 250;
const LONGEST_RETRY = 10_000;

export class Reconciler<Desired, Report> {
  readonly #options: ReconcilerOptions<Desired, Report>;
  #desired: Desired | undefined;
  #key: string | undefined;
  #dirty = false;
  #running: Promise<void> | undefined;
  #failures = 0;
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: ReconcilerOptions<Desired, Report>) {
    this.#options = options;
  }

  /** Plain data; a wish equal to the last one changes nothing. `key` says it all where the data are large. */
  want(desired: Desired, key: string = JSON.stringify(desired)): void {
    if (this.#closed || key === this.#key) return;
    this.#key = key;
    this.#desired = desired;
    this.#kick();
  }

  /** Somebody may have changed it: looks now instead of at the next recheck. */
  recheck(): void {
    if (this.#desired !== undefined) this.#kick();
  }

  /** No further applies; resolves when the one that runs has ended. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#cancel?.();
    await this.#running;
  }

  #kick(): void {
    this.#dirty = true;
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#running !== undefined || this.#closed) return;
    this.#running = this.#run();
  }

  async #run(): Promise<void> {
    while (this.#dirty && !this.#closed) {
      this.#dirty = false;
      await this.#applyOnce(this.#desired as Desired);
    }
    this.#running = undefined;
  }

  async #applyOnce(desired: Desired): Promise<void> {
    let report: Report;
    try {
      report = await this.#options.apply(desired);
    } catch (error) {
      const delay = Math.min(LONGEST_RETRY, FIRST_RETRY * 2 ** this.#failures);
      this.#failures += 1;
      this.#again(delay);
      this.#options.onFault(error, delay);
      return;
    }
    this.#failures = 0;
    this.#again(this.#options.recheck);
    this.#options.onApplied(desired, report);
  }

  #again(delay: Millis): void {
    if (this.#closed) return;
    this.#cancel?.();
    this.#cancel = this.#options.clock.after(delay, () => this.#kick());
  }
}
