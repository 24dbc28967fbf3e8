import { expect, test } from 'vitest';
import { fuzzOnTheWire } from './wire-fuzz.ts';

test('2,000 mutated packets on the wire leave the adjacencies of a running agent as they are', async () => {
  const { sent, disturbances } = await fuzzOnTheWire(2000, 1, () => undefined);
  expect(sent).toBeGreaterThan(1900);
  expect(disturbances).toEqual([]);
});
