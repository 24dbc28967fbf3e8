import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab-error.ts';

/**
 * Asks `probe` again and again until it answers with something else than undefined or false, and returns that.
 * Throws a LabError that names `what` once `deadline` milliseconds have passed; errors of the probe come through.
 */
export async function until<T>(
  what: string,
  deadline: number,
  probe: () => Promise<T | undefined | false> | T | undefined | false,
): Promise<T> {
  const end = performance.now() + deadline;
  for (let pause = 5; ; pause = Math.min(pause * 1.5, 100)) {
    const answer = await probe();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() >= end) throw new LabError(`waited ${deadline / 1000} s in vain: ${what}`);
    await sleep(pause);
  }
}
