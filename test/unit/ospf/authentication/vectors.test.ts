import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../../src/core/base/decode-error.ts';
import { Secret } from '../../../../src/core/base/secret.ts';
import { cryptographicSeal, cryptographicVerifier } from '../../../../src/core/ospf/authentication/cryptographic.ts';
import { CRYPTOGRAPHIC, type CryptographicAlgorithm } from '../../../../src/core/ospf/authentication/digester.ts';
import { simpleSeal, simpleVerifier } from '../../../../src/core/ospf/authentication/simple.ts';
import type { Verifier } from '../../../../src/core/ospf/packet/authentication.ts';
import { decodePacket, encodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import { digester } from '../../../../src/io/digester.ts';
import * as vectors from '../../../vectors/ospf/authenticated.ts';
import { fromHex, lanHello, toHex } from '../../../vectors/ospf/handmade.ts';

const HELLO = decodePacket(fromHex(lanHello));
const SEQUENCE = 0x66000001;

const text = (secret: string) => new Secret(new TextEncoder().encode(secret));
const key = (algorithm: CryptographicAlgorithm, secret = 's3cret', id = 7) => ({ id, algorithm, secret: text(secret) });
const longKey = (algorithm: CryptographicAlgorithm) => 'k'.repeat(CRYPTOGRAPHIC[algorithm].digestLength + 4);

/** The reason of the refusal, or the kind of packet that came out. */
function outcome(bytes: Uint8Array, verifier: Verifier): string {
  try {
    return decodePacket(bytes, verifier).body.kind;
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

const CASES: readonly [CryptographicAlgorithm, string, string][] = [
  ['md5', 's3cret', vectors.md5],
  ['hmac-sha-1', 's3cret', vectors.sha1],
  ['hmac-sha-256', 's3cret', vectors.sha256],
  ['hmac-sha-384', 's3cret', vectors.sha384],
  ['hmac-sha-512', 's3cret', vectors.sha512],
  ['hmac-sha-1', longKey('hmac-sha-1'), vectors.sha1LongKey],
  ['hmac-sha-256', longKey('hmac-sha-256'), vectors.sha256LongKey],
  ['hmac-sha-384', longKey('hmac-sha-384'), vectors.sha384LongKey],
  ['hmac-sha-512', longKey('hmac-sha-512'), vectors.sha512LongKey],
];

describe.each(CASES)('%s, secret %s', (algorithm, secret, vector) => {
  const verifier = cryptographicVerifier([key(algorithm, secret)], digester);

  test('the known bytes are accepted, and made', () => {
    expect(decodePacket(fromHex(vector), verifier)).toEqual(HELLO);
    const seal = cryptographicSeal(key(algorithm, secret), digester, () => SEQUENCE);
    expect(toHex(encodePacket(HELLO, seal))).toBe(vector.replaceAll(/\s/g, ''));
  });

  test('an LLS block behind the digest is tolerated', () => {
    expect(outcome(Uint8Array.of(...fromHex(vector), 0xff, 0xf6, 0, 3), verifier)).toBe('hello');
  });

  test('a digest that is cut off, by any number of bytes, is refused', () => {
    const whole = fromHex(vector);
    const { digestLength } = CRYPTOGRAPHIC[algorithm];
    for (let missing = 1; missing <= digestLength; missing++) {
      expect(outcome(whole.subarray(0, whole.length - missing), verifier)).toBe('authDigest');
    }
  });
});

test('of several keys the one that is named counts', () => {
  const verifier = cryptographicVerifier(
    [key('md5', 'other', 1), key('hmac-sha-256'), key('md5', 'third', 9)],
    digester,
  );
  expect(outcome(fromHex(vectors.sha256), verifier)).toBe('hello');
});

test('another key id, another secret and another algorithm are told apart', () => {
  const given = fromHex(vectors.sha256);
  expect(outcome(given, cryptographicVerifier([key('hmac-sha-256', 's3cret', 8)], digester))).toBe('authKey');
  expect(outcome(given, cryptographicVerifier([key('hmac-sha-256', 'S3cret')], digester))).toBe('authDigest');
  expect(outcome(given, cryptographicVerifier([key('hmac-sha-384')], digester))).toBe('authDigest');
  expect(outcome(given, cryptographicVerifier([], digester))).toBe('authKey');
});

describe('simple', () => {
  const password = (secret: string) => ({ id: 1, algorithm: 'simple' as const, secret: text(secret) });

  test('the known bytes are accepted, and made', () => {
    expect(outcome(fromHex(vectors.simple), simpleVerifier([password('x'), password('dl-s3cr')]))).toBe('hello');
    expect(toHex(encodePacket(HELLO, simpleSeal(password('dl-s3cr'))))).toBe(vectors.simple.replaceAll(/\s/g, ''));
  });

  test('another password, and one that ours begins with, are refused', () => {
    for (const secret of ['dl-s3cR', 'dl-s3c', 'dl-s3crx']) {
      expect(outcome(fromHex(vectors.simple), simpleVerifier([password(secret)]))).toBe('authPassword');
    }
  });

  test('the checksum is looked at', () => {
    const bytes = fromHex(vectors.simple);
    bytes[30]! ^= 1;
    expect(outcome(bytes, simpleVerifier([password('dl-s3cr')]))).toBe('checksum');
  });
});

test('each type refuses the others by name', () => {
  const simple = simpleVerifier([{ id: 1, algorithm: 'simple', secret: text('dl-s3cr') }]);
  const cryptographic = cryptographicVerifier([key('md5')], digester);
  expect(outcome(fromHex(vectors.md5), simple)).toBe('authType');
  expect(outcome(fromHex(lanHello), simple)).toBe('authType');
  expect(outcome(fromHex(vectors.simple), cryptographic)).toBe('authType');
  expect(() => decodePacket(fromHex(lanHello), cryptographic)).toThrow('authentication none, ours is cryptographic');
});

// RFC 2202 2 and 3, case 2; RFC 4231 4.3: the hash functions themselves, with the text in two parts.
test.each([
  ['md5', '750c783e6ab0b503eaa86e310a5db738'],
  ['sha1', 'effcdf6ae5eb2fa2d27416d5f184df9c259a7c79'],
  ['sha256', '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843'],
  ['sha384', 'af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649'],
  [
    'sha512',
    '164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737',
  ],
])('HMAC-%s of the RFCs’ test case 2', (name, expected) => {
  const bytes = (part: string) => new TextEncoder().encode(part);
  expect(toHex(digester.hmac(name, bytes('Jefe'), bytes('what do ya want '), bytes('for nothing?')))).toBe(expected);
});
