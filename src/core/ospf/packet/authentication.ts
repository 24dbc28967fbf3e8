/**
 * The place of authentication in a packet (RFC 2328 appendix D): who completes a packet on the way out, and who judges
 * one on the way in, behind length and version and before anything else. Here is the simplest, null authentication
 * (D.4.1): a checksum and nothing more. The others are in ../authentication.
 */
import { DecodeError } from '../../base/decode-error.ts';
import { packetChecksum } from './checksum.ts';

export const CHECKSUM_AT = 12;
export const AUTHENTICATION_TYPE_AT = 14;
export const AUTHENTICATION_AT = 16;

/** AuType (RFC 2328 D). */
export const AuthenticationType = { null: 0, simple: 1, cryptographic: 2 } as const;

export interface Seal {
  /** Bytes that it adds behind the packet, outside the packet's length. */
  readonly trailerLength: number;
  /**
   * Completes a packet that lacks only checksum and authentication, both still zero. `bytes` is the packet, `length`
   * bytes, and room for the trailer.
   */
  seal(bytes: Uint8Array, length: number): void;
}

export interface Verifier {
  /**
   * Judges the packet in `bytes[0, length)`, at least 24 bytes, with what came behind it.
   *
   * @throws DecodeError 'checksum', 'authType', 'authPassword', 'authKey', 'authDigest'
   */
  verify(bytes: Uint8Array, length: number): void;
}

export const nullAuthentication: Seal & Verifier = {
  trailerLength: 0,
  seal: fillChecksum,
  verify(bytes, length) {
    requireType(bytes, AuthenticationType.null);
    verifyChecksum(bytes, length);
  },
};

export function authenticationType(bytes: Uint8Array): number {
  return (bytes[AUTHENTICATION_TYPE_AT]! << 8) | bytes[AUTHENTICATION_TYPE_AT + 1]!;
}

const TYPE_NAMES = ['none', 'simple', 'cryptographic'];

/** @throws DecodeError 'authType' */
export function requireType(bytes: Uint8Array, wanted: number): void {
  const type = authenticationType(bytes);
  if (type === wanted) return;
  const name = TYPE_NAMES[type] ?? `type ${type}`;
  throw new DecodeError('authType', AUTHENTICATION_TYPE_AT, `authentication ${name}, ours is ${TYPE_NAMES[wanted]}`);
}

export function fillChecksum(bytes: Uint8Array, length: number): void {
  const checksum = packetChecksum(bytes, length);
  bytes[CHECKSUM_AT] = checksum >>> 8;
  bytes[CHECKSUM_AT + 1] = checksum;
}

/** @throws DecodeError 'checksum' */
export function verifyChecksum(bytes: Uint8Array, length: number): void {
  if (packetChecksum(bytes, length) !== 0) throw new DecodeError('checksum', CHECKSUM_AT);
}
