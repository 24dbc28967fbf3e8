import { expect, test } from 'vitest';
import { THOROUGH } from '../sizes.ts';
import { liveThrough } from './day.ts';

const SEEDS = THOROUGH ? [1, 2, 3] : [1];
/** An eighth of a day where there is no time for one: every LSA has still been refreshed. */
const HOURS = THOROUGH ? 24 : 3;

test.each(SEEDS)(
  `after ${HOURS} hours of flaps, restarts, loss and disorder all databases and routes agree, and nothing is stale (seed %i)`,
  { timeout: 30_000 },
  (seed) => {
    const { faults, misfortunes, lost } = liveThrough(seed, HOURS * 3_600_000);
    expect(faults).toEqual([]);
    expect(misfortunes).toBeGreaterThan(HOURS * 6);
    expect(lost).toBeGreaterThan(HOURS * 6);
  },
);
