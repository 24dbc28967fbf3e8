/**
 * The LS checksum (RFC 2328 12.1.7): Fletcher with modulo 255 (RFC 905 annex B) over the whole LSA except its age field,
 * so that ageing never invalidates it.
 */
import { LSA_HEADER_LENGTH } from '../codes.ts';

/** The two age octets, which the sum leaves out. */
const SUM_FROM = 2;
const CHECKSUM_AT = 16;

/**
 * Both Fletcher sums of bytes 2 to the end, packed as `c1 << 8 | c0`. Reduced only once, at the end: for the 65,535 octets
 * that an LSA can have the larger sum stays below 2^40, which a number holds exactly.
 */
function fletcherSums(bytes: Uint8Array): number {
  let c0 = 0;
  let c1 = 0;
  for (let at = SUM_FROM; at < bytes.length; at++) {
    c0 += bytes[at]!;
    c1 += c0;
  }
  return ((c1 % 255) << 8) | (c0 % 255);
}

/**
 * Whether the checksum that a complete LSA carries is right. A field of zero is never right: zero means "not computed",
 * which RFC 2328 12.1.7 does not allow.
 */
export function isLsaChecksumValid(bytes: Uint8Array): boolean {
  if (bytes.length < LSA_HEADER_LENGTH) return false;
  if (bytes[CHECKSUM_AT] === 0 && bytes[CHECKSUM_AT + 1] === 0) return false;
  return fletcherSums(bytes) === 0;
}

/**
 * Computes the checksum of a complete LSA (at least 20 bytes), writes it into its field and returns it. Neither octet is
 * ever zero: modulo 255 zero and 255 are the same, and 255 is the one that cannot be mistaken for "not computed".
 */
export function fillLsaChecksum(bytes: Uint8Array): number {
  bytes[CHECKSUM_AT] = 0;
  bytes[CHECKSUM_AT + 1] = 0;
  const sums = fletcherSums(bytes);
  const c0 = sums & 255;
  const c1 = sums >>> 8;
  // RFC 905 annex B, with n counted from 1: X = (L - n) C0 - C1, Y = C1 - (L - n + 1) C0.
  const behind = bytes.length - CHECKSUM_AT - 1;
  const x = modulo255(behind * c0 - c1);
  const y = modulo255(c1 - (behind + 1) * c0);
  bytes[CHECKSUM_AT] = x;
  bytes[CHECKSUM_AT + 1] = y;
  return (x << 8) | y;
}

/** The representative of a value modulo 255 in 1 to 255. */
function modulo255(value: number): number {
  const rest = value % 255;
  return rest <= 0 ? rest + 255 : rest;
}
