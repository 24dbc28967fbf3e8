import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INITIAL_SEQUENCE, MAX_SEQUENCE } from '../../../../src/core/ospf/codes.ts';
import { compareInstances, decodeLsa, lsaKeyText, sameContents } from '../../../../src/core/ospf/lsa/codec.ts';
import * as vectors from '../../../vectors/ospf/handmade.ts';
import { lsaHeader, withRightLsaChecksum } from '../arbitraries.ts';

const { fromHex } = vectors;
const base = { sequence: INITIAL_SEQUENCE, checksum: 0x8000, age: 100 };

describe('which instance is more recent (RFC 2328 13.1)', () => {
  test('sequence numbers are signed: 0x80000001 is the oldest, 0x7fffffff the newest', () => {
    expect(compareInstances({ ...base, sequence: MAX_SEQUENCE }, base)).toBeGreaterThan(0);
    expect(compareInstances({ ...base, sequence: -1 }, { ...base, sequence: 0 })).toBeLessThan(0);
  });

  test('then the larger checksum, unsigned', () => {
    expect(compareInstances(base, { ...base, checksum: 0x7fff })).toBeGreaterThan(0);
  });

  test('then MaxAge, even against a much younger one', () => {
    expect(compareInstances({ ...base, age: 3600 }, { ...base, age: 0 })).toBeGreaterThan(0);
    expect(compareInstances({ ...base, age: 3599 }, { ...base, age: 3600 })).toBeLessThan(0);
    expect(compareInstances({ ...base, age: 3600 }, { ...base, age: 3600 })).toBe(0);
  });

  test('then the younger one, if ages differ by more than 900 s', () => {
    expect(compareInstances({ ...base, age: 0 }, { ...base, age: 901 })).toBeGreaterThan(0);
    expect(compareInstances({ ...base, age: 0 }, { ...base, age: 900 })).toBe(0);
  });

  test('swapping the two swaps the answer', () => {
    fc.assert(
      fc.property(lsaHeader, lsaHeader, fc.boolean(), (a, other, sameSequence) => {
        const b = sameSequence ? { ...other, sequence: a.sequence, checksum: a.checksum } : other;
        expect(compareInstances(a, b) + compareInstances(b, a)).toBe(0);
      }),
    );
  });
});

describe('same contents (RFC 2328 13.2)', () => {
  const lsa = decodeLsa(fromHex(vectors.networkLsa));
  const changed = (at: number, ...values: number[]) => {
    const bytes = fromHex(vectors.networkLsa);
    bytes.set(values, at);
    return decodeLsa(withRightLsaChecksum(bytes));
  };

  test('age, sequence and checksum do not count', () => {
    expect(sameContents(lsa, changed(0, 0, 99))).toBe(true);
    expect(sameContents(lsa, changed(12, 0x80, 0, 0, 9))).toBe(true);
  });

  test('options, body and length do', () => {
    expect(sameContents(lsa, changed(2, 0x22))).toBe(false);
    expect(sameContents(lsa, changed(35, 77))).toBe(false);
    const shorter = decodeLsa(withRightLsaChecksum(fromHex(vectors.networkLsa).subarray(0, 32)));
    expect(sameContents(lsa, shorter)).toBe(false);
  });
});

test('the key text names type, link state id and advertising router', () => {
  expect(lsaKeyText(decodeLsa(fromHex(vectors.networkLsa)).header)).toBe('2/10.2.0.1/10.255.0.101');
});
