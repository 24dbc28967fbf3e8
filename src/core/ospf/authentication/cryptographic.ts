/**
 * Cryptographic authentication: keyed MD5 (RFC 2328 D.4.3) and HMAC-SHA (RFC 5709). The 64-bit field of the header is
 *
 *     16     0 u16 | key id u8 | length of the digest u8
 *     20     sequence number u32
 *
 * and the digest follows the packet, outside its length; an LLS block (RFC 5613) may follow the digest. The packet's own
 * checksum is 0. Judging the sequence number takes a neighbor, so it is not done here.
 */
import { DecodeError } from '../../base/decode-error.ts';
import { sameBytes } from '../../base/secret.ts';
import type { AuthenticationKey } from '../../model/keys.ts';
import {
  AUTHENTICATION_AT,
  AUTHENTICATION_TYPE_AT,
  AuthenticationType,
  authenticationType,
  requireType,
  type Seal,
  type Verifier,
} from '../packet/authentication.ts';
import { CRYPTOGRAPHIC, type CryptographicAlgorithm, type Digester } from './digester.ts';

const KEY_ID_AT = AUTHENTICATION_AT + 2;
const DIGEST_LENGTH_AT = AUTHENTICATION_AT + 3;
const SEQUENCE_AT = AUTHENTICATION_AT + 4;

/** RFC 5709 3.3: what stands in for the digest while the HMAC is computed, repeated to the digest's length. */
const APAD = [0x87, 0x8f, 0xe1, 0xf3];

const NOTHING = new Uint8Array(0);

/** A key ready for use. */
interface PreparedKey {
  readonly id: number;
  readonly digestLength: number;
  digestOf(packet: Uint8Array): Uint8Array;
}

/** `nextSequence` is asked once per packet. */
export function cryptographicSeal(key: AuthenticationKey, digester: Digester, nextSequence: () => number): Seal {
  const prepared = prepare(key, digester);
  return {
    trailerLength: prepared.digestLength,
    seal(bytes, length) {
      const sequence = nextSequence();
      bytes[AUTHENTICATION_TYPE_AT + 1] = AuthenticationType.cryptographic;
      bytes[KEY_ID_AT] = prepared.id;
      bytes[DIGEST_LENGTH_AT] = prepared.digestLength;
      bytes[SEQUENCE_AT] = sequence >>> 24;
      bytes[SEQUENCE_AT + 1] = sequence >>> 16;
      bytes[SEQUENCE_AT + 2] = sequence >>> 8;
      bytes[SEQUENCE_AT + 3] = sequence;
      bytes.set(prepared.digestOf(bytes.subarray(0, length)), length);
    },
  };
}

export function cryptographicVerifier(keys: readonly AuthenticationKey[], digester: Digester): Verifier {
  const byId = new Map(keys.map((key) => [key.id, prepare(key, digester)]));
  return {
    verify(bytes, length) {
      requireType(bytes, AuthenticationType.cryptographic);
      const key = byId.get(bytes[KEY_ID_AT]!);
      if (key === undefined) {
        throw new DecodeError('authKey', KEY_ID_AT, `key ${bytes[KEY_ID_AT]}, which is not accepted here now`);
      }
      const claimed = bytes[DIGEST_LENGTH_AT]!;
      if (claimed !== key.digestLength) {
        const detail = `a digest of ${claimed} bytes, key ${key.id} makes ${key.digestLength}: another algorithm?`;
        throw new DecodeError('authDigest', DIGEST_LENGTH_AT, detail);
      }
      if (bytes.length - length < claimed) {
        throw new DecodeError('authDigest', length, `${bytes.length - length} of the digest's ${claimed} bytes`);
      }
      const digest = bytes.subarray(length, length + claimed);
      if (!sameBytes(key.digestOf(bytes.subarray(0, length)), digest)) {
        throw new DecodeError('authDigest', length, `the digest is not that of our key ${key.id}`);
      }
    },
  };
}

/** The sequence number of a packet of at least 24 bytes; undefined when its authentication has none. */
export function sequenceOf(bytes: Uint8Array): number | undefined {
  if (authenticationType(bytes) !== AuthenticationType.cryptographic) return undefined;
  const [a, b, c, d] = [bytes[SEQUENCE_AT]!, bytes[SEQUENCE_AT + 1]!, bytes[SEQUENCE_AT + 2]!, bytes[SEQUENCE_AT + 3]!];
  return ((a << 24) | (b << 16) | (c << 8) | d) >>> 0;
}

function prepare({ id, algorithm, secret }: AuthenticationKey, digester: Digester): PreparedKey {
  const { hash, digestLength } = CRYPTOGRAPHIC[algorithm as CryptographicAlgorithm];
  if (algorithm === 'md5') {
    const key = padded(secret.reveal().subarray(0, digestLength), digestLength);
    return { id, digestLength, digestOf: (packet) => digester.hash(hash, packet, key) };
  }
  const apad = Uint8Array.from({ length: digestLength }, (_, at) => APAD[at % APAD.length]!);
  // RFC 5709 3.3 (1): the key has the digest's length, a longer one is hashed. (HMAC itself hashes only beyond its block.)
  const given = secret.reveal();
  const key = given.length > digestLength ? digester.hash(hash, given, NOTHING) : padded(given, digestLength);
  return { id, digestLength, digestOf: (packet) => digester.hmac(hash, key, packet, apad) };
}

function padded(bytes: Uint8Array, length: number): Uint8Array {
  const result = new Uint8Array(length);
  result.set(bytes);
  return result;
}
