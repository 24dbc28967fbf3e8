/**
 * The books of the load client: what happened between two marks. Pure.
 *
 * A new connection counts as failed for the reconvergence time when it could not be opened, or took longer than
 * `SLOW_OPEN`: its first SYN went somewhere that did not answer, and a person would have noticed.
 */
import type { BrokenClass, LoadKind, WindowSummary } from './protocol.ts';

/** Milliseconds after which opening a connection, or waiting for an answer, counts as too long. */
export const SLOW_OPEN = 900;
export const STALL = 1000;
/** How long new connections must go without a failure. */
export const QUIET = 2000;
/** A slow attempt is known as slow only `SLOW_OPEN`, and one look at all flows, after it began. */
const KNOWN_AFTER = SLOW_OPEN + 300;

/**
 * The moment from which new connections succeed: after the last one that failed or was slow. Stricter than the first
 * quiet moment, because what breaks new connections may itself come seconds after the mark.
 * @param attempts when the failed ones were started, milliseconds, in any order, on the same clock as `start` and `now`
 * @returns milliseconds after `start`: 0 without any failure, null if the last one is not yet long enough ago.
 */
export function reconvergence(attempts: readonly number[], start: number, now: number): number | null {
  if (attempts.length === 0) return 0;
  const last = attempts.reduce((a, b) => Math.max(a, b));
  return now - last >= QUIET + KNOWN_AFTER ? Math.max(0, last - start) : null;
}

export class Window {
  readonly name: string;
  readonly start: number;
  #opened = 0;
  #slow = 0;
  #stalls = 0;
  readonly #longestWaits: Partial<Record<LoadKind, number>> = {};
  #ownLag = 0;
  readonly #broken: Partial<Record<BrokenClass, number>> = {};
  readonly #brokenByLoad: Partial<Record<LoadKind, number>> = {};
  readonly #failed: Partial<Record<BrokenClass, number>> = {};
  readonly #failedAttempts: number[] = [];

  constructor(name: string, start: number) {
    this.name = name;
    this.start = start;
  }

  /** A connection was established. */
  opened(): void {
    this.#opened += 1;
  }

  /** Opening a connection passed `SLOW_OPEN`; once per connection. `attempt` is when it was started. */
  slow(attempt: number): void {
    this.#slow += 1;
    this.#failedAttempts.push(attempt);
  }

  /** A connection could not be established. */
  failed(attempt: number, cause: BrokenClass): void {
    this.#failed[cause] = (this.#failed[cause] ?? 0) + 1;
    this.#failedAttempts.push(attempt);
  }

  /** An established connection was lost. */
  broken(load: LoadKind, cause: BrokenClass): void {
    this.#broken[cause] = (this.#broken[cause] ?? 0) + 1;
    this.#brokenByLoad[load] = (this.#brokenByLoad[load] ?? 0) + 1;
  }

  /** A wait for the server ended, or is known to have lasted that long already. */
  waited(load: LoadKind, milliseconds: number): void {
    this.#longestWaits[load] = Math.max(this.#longestWaits[load] ?? 0, milliseconds);
  }

  /** A wait passed the threshold; once per wait. */
  stalled(): void {
    this.#stalls += 1;
  }

  /** The client's own clock tick came late. */
  lagged(milliseconds: number): void {
    this.#ownLag = Math.max(this.#ownLag, milliseconds);
  }

  summary(now: number): WindowSummary {
    return {
      name: this.name,
      start: Math.round(this.start),
      duration: Math.round(now - this.start),
      opened: this.#opened,
      broken: { ...this.#broken },
      brokenByLoad: { ...this.#brokenByLoad },
      failed: { ...this.#failed },
      slow: this.#slow,
      stalls: this.#stalls,
      longestStall: Math.round(Math.max(0, ...Object.values(this.#longestWaits))),
      longestWaits: Object.fromEntries(
        Object.entries(this.#longestWaits).map(([load, wait]) => [load, Math.round(wait)]),
      ),
      reconverged: rounded(reconvergence(this.#failedAttempts, this.start, now)),
      ownLag: Math.round(this.#ownLag),
    };
  }
}

function rounded(value: number | null): number | null {
  return value === null ? null : Math.round(value);
}

/** The class of a socket's error code. */
export function errorClass(code: string | undefined): BrokenClass {
  switch (code) {
    case 'ECONNRESET':
    case 'EPIPE':
      return 'reset';
    case 'ECONNREFUSED':
      return 'refused';
    case 'ETIMEDOUT':
      return 'timeout';
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ENETDOWN':
      return 'unreachable';
    default:
      return 'closed';
  }
}
