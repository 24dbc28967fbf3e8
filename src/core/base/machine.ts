/** A point on a monotonic clock, in milliseconds (fractions allowed). The origin is arbitrary; only differences mean something. */
export type Instant = number;

/** A length of time in milliseconds. */
export type Millis = number;

/**
 * A pure machine: no clock, no randomness, no I/O.
 *
 * A shell sleeps until `deadline` or until something arrives, calls `handle`, and performs the effects.
 * A machine whose deadline has passed is called with its own `{ kind: 'timer' }` input.
 */
export interface Machine<Input, Effect> {
  handle(input: Input, now: Instant): readonly Effect[];
  /** When the machine wants to be called next; `undefined` when nothing is pending. */
  readonly deadline: Instant | undefined;
}
