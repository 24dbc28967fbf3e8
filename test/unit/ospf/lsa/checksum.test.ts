import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fillLsaChecksum, isLsaChecksumValid } from '../../../../src/core/ospf/lsa/checksum.ts';
import * as vectors from '../../../vectors/ospf/handmade.ts';
import '../arbitraries.ts';

const { fromHex } = vectors;

/** The definition of RFC 905 annex B word for word: both sums modulo 255 after every octet. */
function sumsVanish(bytes: Uint8Array): boolean {
  let c0 = 0;
  let c1 = 0;
  for (const octet of bytes.subarray(2)) {
    c0 = (c0 + octet) % 255;
    c1 = (c1 + c0) % 255;
  }
  return c0 === 0 && c1 === 0;
}

test('the checksums of LSAs that another program computed are right', () => {
  const all = [vectors.routerLsa, vectors.networkLsa, vectors.summaryLsa, vectors.externalLsa, vectors.opaqueLsa];
  for (const vector of all) expect(isLsaChecksumValid(fromHex(vector))).toBe(true);
});

test('a filled checksum satisfies the definition at every length, and never has a zero octet', () => {
  const lsa = fc.uint8Array({ minLength: 20, maxLength: 400 });
  fc.assert(
    fc.property(lsa, (bytes) => {
      const checksum = fillLsaChecksum(bytes);
      expect(sumsVanish(bytes)).toBe(true);
      expect(isLsaChecksumValid(bytes)).toBe(true);
      expect(checksum >>> 8).not.toBe(0);
      expect(checksum & 255).not.toBe(0);
    }),
  );
});

test('the largest LSA does not overflow the sums', () => {
  const bytes = new Uint8Array(65535).fill(255);
  bytes.fill(254, 30000, 40000);
  fillLsaChecksum(bytes);
  expect(sumsVanish(bytes)).toBe(true);
  expect(isLsaChecksumValid(bytes)).toBe(true);
});

test('the age does not count, every other bit does', () => {
  const bytes = fromHex(vectors.networkLsa);
  bytes.set([0x0e, 0x10]);
  expect(isLsaChecksumValid(bytes)).toBe(true);
  for (let bit = 16; bit < bytes.length * 8; bit++) {
    const spoilt = Uint8Array.from(bytes);
    spoilt[bit >>> 3]! ^= 1 << (bit & 7);
    expect(isLsaChecksumValid(spoilt)).toBe(false);
  }
});

test('zero is not a checksum, even where the sums would allow it', () => {
  const bytes = new Uint8Array(20);
  expect(sumsVanish(bytes)).toBe(true);
  expect(isLsaChecksumValid(bytes)).toBe(false);
});

test('what is too short to be an LSA has no right checksum', () => {
  expect(isLsaChecksumValid(new Uint8Array(19).fill(255))).toBe(false);
});
