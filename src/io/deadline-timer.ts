/** One timer that follows a machine's deadline: set it after every call, and it wakes the shell when the time has come. */
import type { Instant } from '../core/base/machine.ts';
import type { Clock } from './clock.ts';

export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #armed: Instant | undefined;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Wakes at `deadline`; a deadline that has passed wakes in a moment, never inside this call. */
  set(deadline: Instant | undefined): void {
    if (deadline === this.#armed) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armed = deadline;
    if (deadline === undefined) return;
    this.#cancel = this.#clock.after(Math.max(0, deadline - this.#clock.now()), () => {
      this.#armed = undefined;
      this.#cancel = undefined;
      this.#onDue();
    });
  }
}
