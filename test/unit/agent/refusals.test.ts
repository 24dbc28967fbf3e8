import { expect, test } from 'vitest';
import { Refusals } from '../../../src/agent/sync/refusals.ts';

test('some refusals are told of, all are counted', () => {
  const told: unknown[] = [];
  const refusals = new Refusals((values) => told.push(values));
  const claim = { keyId: '1', name: 'd9' };
  for (let times = 0; times < 20; times++)
    refusals.add({ reason: 'unknown-director', address: '10.0.0.1', claim }, times);
  expect(told).toHaveLength(5);
  expect(told[0]).toEqual({ reason: 'unknown-director', address: '10.0.0.1', name: 'd9', key: '1' });
  refusals.add({ reason: 'left', address: undefined, claim: undefined }, 10_000);
  expect(told[5]).toMatchObject({ reason: 'left', othersBefore: 15 });
  expect(refusals.counts()).toEqual({ 'unknown-director': 20, left: 1 });
});
