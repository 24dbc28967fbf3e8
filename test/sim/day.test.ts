import { expect, test } from 'vitest';
import { THOROUGH } from '../sizes.ts';
import { liveThrough } from './day.ts';

const SEEDS = THOROUGH ? [1, 2, 3] : [1];

test.each(SEEDS)(
  'after a day of flaps, restarts, loss and disorder all databases and routes agree, and nothing is stale (seed %i)',
  { timeout: 30_000 },
  (seed) => {
    const { faults, misfortunes, lost } = liveThrough(seed);
    expect(faults).toEqual([]);
    expect(misfortunes).toBeGreaterThan(200);
    expect(lost).toBeGreaterThan(200);
  },
);
