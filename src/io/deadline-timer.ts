/**
 * One timer that follows a machine's deadline: set it after every call, and it wakes the shell when the time has come.
 *
 * A deadline that moves away leaves the timer as it is: when it fires too early it looks again. A machine whose deadline moves
 * with every packet would else make and cancel a timer for each.
 */
import type { Instant } from '../core/base/machine.ts';
import type { Clock } from './clock.ts';

export class DeadlineTimer {
  readonly #clock: Clock;
  readonly #onDue: () => void;
  #deadline: Instant | undefined;
  /** When the timer fires; not later than the deadline. */
  #armed: Instant | undefined;
  #cancel: (() => void) | undefined;

  constructor(clock: Clock, onDue: () => void) {
    this.#clock = clock;
    this.#onDue = onDue;
  }

  /** Wakes at `deadline`; a deadline that has passed wakes in a moment, never inside this call. */
  set(deadline: Instant | undefined): void {
    this.#deadline = deadline;
    if (deadline !== undefined && this.#armed !== undefined && this.#armed <= deadline) return;
    this.#cancel?.();
    this.#cancel = undefined;
    this.#armed = undefined;
    if (deadline !== undefined) this.#arm(deadline);
  }

  #arm(deadline: Instant): void {
    this.#armed = deadline;
    this.#cancel = this.#clock.after(Math.max(0, deadline - this.#clock.now()), () => {
      this.#armed = undefined;
      this.#cancel = undefined;
      const due = this.#deadline;
      if (due === undefined) return;
      if (this.#clock.now() < due) this.#arm(due);
      else this.#onDue();
    });
  }
}
