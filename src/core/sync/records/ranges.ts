/** A set of hash ranges, 32 bytes: range r is bit 7 - r % 8 of byte r / 8. */
import { RANGES } from './record.ts';

export const RANGE_SET_BYTES = RANGES / 8;

export function rangeSet(ranges: Iterable<number>): Uint8Array {
  const set = new Uint8Array(RANGE_SET_BYTES);
  for (const range of ranges) set[range >> 3]! |= 0x80 >> (range & 7);
  return set;
}

export function hasRange(set: Uint8Array, range: number): boolean {
  return (set[range >> 3]! & (0x80 >> (range & 7))) !== 0;
}

/** In ascending order. */
export function rangesIn(set: Uint8Array): readonly number[] {
  return rangesWhere((range) => hasRange(set, range));
}

/** Those of which it is true, in ascending order. */
export function rangesWhere(isMeant: (range: number) => boolean): readonly number[] {
  return Array.from({ length: RANGES }, (_, range) => range).filter(isMeant);
}

/** The ranges in which there is something, by a digest of two words for each. */
export function rangesWithin(digests: Uint32Array): readonly number[] {
  return rangesWhere((range) => digests[2 * range] !== 0 || digests[2 * range + 1] !== 0);
}
