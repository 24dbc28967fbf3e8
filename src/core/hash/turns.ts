/**
 * Smooth weighted round robin: in which order servers take turns, so that each has as many as its weight and nobody's turns
 * come in a row when others could be between (the order that nginx made known; the sum of credits stays zero).
 */
import { MAX_TURNS, turnsOf } from '../model/scheduler.ts';

/**
 * One round.
 *
 * @param weights whole numbers, at least 1, of at most `MAX_TURNS` turns together
 * @returns indexes into `weights`, each as often as its weight without the factor that all have in common
 */
export function smoothTurns(weights: readonly number[]): Uint16Array {
  const turns = turnsOf(weights);
  if (turns > MAX_TURNS) throw new RangeError(`${turns} turns, more than ${MAX_TURNS}`);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const credits = weights.map(() => 0);
  return Uint16Array.from({ length: turns }, () => {
    let next = 0;
    for (const [index, weight] of weights.entries()) {
      credits[index]! += weight;
      if (credits[index]! > credits[next]!) next = index;
    }
    credits[next]! -= total;
    return next;
  });
}
