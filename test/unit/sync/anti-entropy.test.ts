/** What a difference of two digests means. */
import { expect, test } from 'vitest';
import { rangeSet, rangesIn } from '../../../src/core/sync/records/ranges.ts';
import { RANGES } from '../../../src/core/sync/records/record.ts';
import { DigestComparison, differingRanges } from '../../../src/core/sync/replicas/anti-entropy.ts';

/** @param words by range */
function digest(words: Readonly<Record<number, number>> = {}): Uint32Array {
  const digests = new Uint32Array(2 * RANGES);
  for (const [range, word] of Object.entries(words)) digests[2 * Number(range)] = word;
  return digests;
}

function asked(set: Uint8Array | undefined): readonly number[] {
  return set === undefined ? [] : rangesIn(set);
}

test('ranges that differ, within those that were asked about', () => {
  expect(asked(differingRanges(digest({ 3: 1, 200: 1 }), digest({ 3: 2 })))).toEqual([3, 200]);
  expect(asked(differingRanges(digest({ 3: 1, 200: 1 }), digest(), rangeSet([200])))).toEqual([200]);
  expect(differingRanges(digest({ 3: 1 }), digest({ 3: 1 }))).toBeUndefined();
});

test('the first exchange of a stream asks for all that differs', () => {
  expect(asked(new DigestComparison().compare(digest({ 3: 1 }), digest({ 3: 2, 7: 9 })))).toEqual([3, 7]);
});

test('a loss stays the same difference, whatever else comes and goes in its range; then it is asked for', () => {
  const comparison = new DigestComparison();
  comparison.compare(digest(), digest());
  const lost = 0x51;
  expect(asked(comparison.compare(digest({ 3: 0xa0 }), digest({ 3: 0xa0 ^ lost })))).toEqual([]);
  expect(asked(comparison.compare(digest({ 3: 0xb7 }), digest({ 3: 0xb7 ^ lost })))).toEqual([3]);
});

test('traffic is another difference each time, and is asked for only when it does not end', () => {
  const comparison = new DigestComparison();
  comparison.compare(digest(), digest());
  expect(asked(comparison.compare(digest({ 3: 1 }), digest()))).toEqual([]);
  expect(asked(comparison.compare(digest({ 3: 2 }), digest()))).toEqual([]);
  expect(asked(comparison.compare(digest({ 3: 3 }), digest()))).toEqual([]);
  expect(asked(comparison.compare(digest({ 3: 4 }), digest()))).toEqual([3]);
});

test('an exchange without a difference forgets those before', () => {
  const comparison = new DigestComparison();
  comparison.compare(digest(), digest());
  comparison.compare(digest({ 3: 1 }), digest());
  comparison.compare(digest(), digest());
  expect(asked(comparison.compare(digest({ 3: 1 }), digest()))).toEqual([]);
});
