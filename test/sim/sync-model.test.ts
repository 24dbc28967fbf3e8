/** Random histories: see sync-model.ts. Ten thousand of them by `npm run soak -- sync-model`. */
import { expect, test } from 'vitest';
import { THOROUGH } from '../sizes.ts';
import { playHistory } from './sync-model.ts';

const HISTORIES = THOROUGH ? 200 : 4;

test(`in ${HISTORIES} random histories no live connection is deleted, and all directors agree in the end`, () => {
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const { faults, steps } = playHistory(seed);
    expect(faults, `seed ${seed}:\n${steps.join('\n')}`).toEqual([]);
  }
});
