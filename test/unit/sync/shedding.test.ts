/** What gives way under overload. */
import { expect, test } from 'vitest';
import { Shedding } from '../../../src/core/sync/mesh/shedding.ts';
import { readRecord } from '../../../src/core/sync/records/record.ts';
import { one } from './sample-records.ts';

const MEGABYTE = 1 << 20;

function overloaded(): { readonly shedding: Shedding; readonly released: number[] } {
  const released: number[] = [];
  const shedding = new Shedding(1, (bytes, at) => released.push(readRecord(bytes, at).client & 255));
  expect(shedding.measure([5 * MEGABYTE, MEGABYTE + 1])).toBe('begins');
  return { shedding, released };
}

test('without overload everything passes', () => {
  const shedding = new Shedding(1, () => {});
  expect(shedding.measure([MEGABYTE])).toBeUndefined();
  expect(shedding.passes(one(1), 0, 10)).toBe(true);
  expect(shedding.active).toBe(false);
});

test('a young connection waits, and is told of when it is young no more', () => {
  const { shedding, released } = overloaded();
  expect(shedding.passes(one(1), 0, 10)).toBe(false);
  expect(shedding.passes(one(1, { state: 4 }), 0, 12)).toBe(false);
  shedding.slice(12);
  expect([shedding.held, released]).toEqual([1, []]);
  shedding.slice(13);
  expect([shedding.held, released]).toEqual([0, [1]]);
});

test('one that ends young is never told of', () => {
  const { shedding, released } = overloaded();
  shedding.passes(one(1), 0, 10);
  expect(shedding.ended(one(1), 0)).toBe(true);
  expect(shedding.ended(one(1), 0)).toBe(false);
  shedding.slice(100);
  expect(released).toEqual([]);
});

test('it ends when the fastest peer has nearly nothing under way, not before', () => {
  const { shedding } = overloaded();
  expect(shedding.measure([5 * MEGABYTE, MEGABYTE / 2])).toBeUndefined();
  expect(shedding.measure([5 * MEGABYTE, MEGABYTE / 8])).toBe('ends');
  expect(shedding.passes(one(1), 0, 10)).toBe(true);
});

test('with no peer that keeps up there is nobody to be spared', () => {
  const shedding = new Shedding(1, () => {});
  expect(shedding.measure([])).toBeUndefined();
});

test('all are released at once when this director leaves', () => {
  const { shedding, released } = overloaded();
  for (let key = 1; key <= 5; key++) shedding.passes(one(key), 0, 10);
  shedding.slice(10, true);
  expect(released).toHaveLength(5);
});
