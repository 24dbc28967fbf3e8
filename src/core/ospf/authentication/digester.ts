/** The hash functions that authentication needs. Who runs the speaker brings them: the core has no cryptography of its own. */
import type { Algorithm } from '../../model/keys.ts';

export type HashName = 'md5' | 'sha1' | 'sha256' | 'sha384' | 'sha512';

export interface Digester {
  /** H(first || second). The arguments are only borrowed; the result is fresh. */
  hash(name: HashName, first: Uint8Array, second: Uint8Array): Uint8Array;
  /** HMAC (RFC 2104) of first || second. */
  hmac(name: HashName, key: Uint8Array, first: Uint8Array, second: Uint8Array): Uint8Array;
}

interface AlgorithmFacts {
  readonly hash: HashName;
  /** Bytes. */
  readonly digestLength: number;
}

export type CryptographicAlgorithm = Exclude<Algorithm, 'simple'>;

/** RFC 2328 D.4.3 (MD5), RFC 5709 section 3. */
export const CRYPTOGRAPHIC: Readonly<Record<CryptographicAlgorithm, AlgorithmFacts>> = {
  md5: { hash: 'md5', digestLength: 16 },
  'hmac-sha-1': { hash: 'sha1', digestLength: 20 },
  'hmac-sha-256': { hash: 'sha256', digestLength: 32 },
  'hmac-sha-384': { hash: 'sha384', digestLength: 48 },
  'hmac-sha-512': { hash: 'sha512', digestLength: 64 },
};
