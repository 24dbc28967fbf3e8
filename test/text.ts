import fc from 'fast-check';

/** One code point of any kind. As `unit: 'binary'` has it, without the second that fast-check takes to prepare that. */
export const anyUnit: fc.Arbitrary<string> = fc.nat({ max: 0x10ffff }).map((code) => String.fromCodePoint(code));
