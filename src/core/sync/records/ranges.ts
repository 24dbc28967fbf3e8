/** A set of hash ranges, 32 bytes: range r is bit 7 - r % 8 of byte r / 8. */
import { RANGES } from './record.ts';

export const RANGE_SET_BYTES = RANGES / 8;

export function allRanges(): Uint8Array {
  return new Uint8Array(RANGE_SET_BYTES).fill(0xff);
}

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
  return Array.from({ length: RANGES }, (_, range) => range).filter((range) => hasRange(set, range));
}
