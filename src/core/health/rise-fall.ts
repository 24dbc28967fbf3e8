/** `unknown` until enough results of one kind have come in a row: neither guess would be right for a server never asked. */
export type Verdict = 'unknown' | 'up' | 'down';

/** What is known about a target. */
export interface Standing {
  readonly verdict: Verdict;
  /** Results of one kind since the last of the other: positive for successes, negative for failures. */
  readonly streak: number;
}

export const UNKNOWN: Standing = { verdict: 'unknown', streak: 0 };

/**
 * Hysteresis: `rise` successes in a row make a target `up`, `fall` failures in a row make it `down`; anything less leaves
 * the verdict, also the first one, as it is.
 */
export function observe(standing: Standing, ok: boolean, rise: number, fall: number): Standing {
  const streak = ok ? Math.max(standing.streak, 0) + 1 : Math.min(standing.streak, 0) - 1;
  if (streak >= rise) return { verdict: 'up', streak };
  if (-streak >= fall) return { verdict: 'down', streak };
  return { verdict: standing.verdict, streak };
}
