/** Properties of authenticated packets: what is made is accepted, and nothing else is. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../../src/core/base/decode-error.ts';
import { Secret } from '../../../../src/core/base/secret.ts';
import { ALGORITHMS, type Algorithm, type KeysInForce } from '../../../../src/core/model/keys.ts';
import { newAuthenticator } from '../../../../src/core/ospf/authentication/interface.ts';
import { decodePacket, encodePacket } from '../../../../src/core/ospf/packet/codec.ts';
import { digester } from '../../../../src/io/digester.ts';
import { packet } from '../arbitraries.ts';

function authenticator(algorithm: Algorithm, secret: Uint8Array, migrate = false) {
  const key = { id: 7, algorithm, secret: new Secret(secret) };
  const keys: KeysInForce = { send: key, accept: [key], standing: 'valid' };
  let sequence = 0xfffffff0;
  const nextSequence = () => sequence++;
  const made = newAuthenticator({ settings: { algorithm, migrate }, keys, digester, nextSequence });
  return { ...made, seal: made.seal! };
}

const SECRET = Uint8Array.from('s3cret', (letter) => letter.charCodeAt(0));

function refusal(bytes: Uint8Array, verifier: { verify(bytes: Uint8Array, length: number): void }): string {
  try {
    return decodePacket(bytes, verifier).body.kind;
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

describe.each(ALGORITHMS)('%s', (algorithm) => {
  test('what is sealed is accepted and is the same packet, with anything behind it', () => {
    const secret = fc.uint8Array({ minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(packet, secret, fc.uint8Array({ maxLength: 40 }), (original, bytes, behind) => {
        const { seal, verify } = authenticator(algorithm, bytes);
        const sealed = encodePacket(original, seal);
        expect(decodePacket(Uint8Array.of(...sealed, ...behind), { verify })).toEqual(original);
      }),
      { numRuns: 30 },
    );
  });

  test('any bit that is flipped is noticed', () => {
    const flipped = fc.tuple(packet, fc.nat());
    fc.assert(
      fc.property(flipped, ([original, at]) => {
        const { seal, verify } = authenticator(algorithm, SECRET);
        const bytes = encodePacket(original, seal);
        const bit = at % (bytes.length * 8);
        bytes[bit >>> 3]! ^= 1 << (bit & 7);
        expect(() => decodePacket(bytes, { verify })).toThrow(DecodeError);
      }),
      { numRuns: 200 },
    );
  });

  test('any bytes give a packet or a DecodeError', () => {
    const { verify } = authenticator(algorithm, SECRET, true);
    const header = fc.tuple(fc.uint8Array({ minLength: 24, maxLength: 120 }), fc.integer({ min: 0, max: 3 }));
    fc.assert(
      fc.property(header, fc.nat(140), ([bytes, type], length) => {
        bytes.set([2, 1 + (bytes[1]! % 5), 0, length], 0);
        bytes.set([0, type, 0, 0, 7], 14);
        refusal(bytes, { verify });
      }),
      { numRuns: 300 },
    );
  });
});

test('without a digester there is no cryptographic authentication to be had', () => {
  const parts = { keys: undefined, digester: undefined, nextSequence: () => 0 };
  expect(() => newAuthenticator({ ...parts, settings: { algorithm: 'md5', migrate: false } })).toThrow(RangeError);
});
