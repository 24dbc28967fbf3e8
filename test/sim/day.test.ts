import { expect, test } from 'vitest';
import { liveThrough } from './day.ts';

/** One day in the quick check; SLUICE_FUZZ, which the whole suite sets, asks for more of everything. */
const SEEDS = process.env['SLUICE_FUZZ'] === undefined ? [1] : [1, 2, 3];

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
