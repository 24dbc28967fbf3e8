/**
 * The packet checksum (RFC 2328 A.3.1, D.4.1): the internet checksum over the whole packet except the 64-bit
 * authentication field, padded with a zero octet when the length is odd.
 */

const AUTHENTICATION_AT = 16;
const BODY_AT = 24;

/** One's complement sum of the 16-bit words in `bytes[from, to)`, not folded: below 2^32 for any OSPF packet. */
function addWords(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0;
  const lastPair = to - 1;
  let at = from;
  for (; at < lastPair; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (at < to) sum += bytes[at]! << 8;
  return sum;
}

/**
 * The checksum of the packet in `bytes[0, length)`, at least 24 bytes. With the field zeroed: what belongs into it;
 * with the field in place: 0 when it is right.
 */
export function packetChecksum(bytes: Uint8Array, length: number): number {
  let sum = addWords(bytes, 0, AUTHENTICATION_AT) + addWords(bytes, BODY_AT, length);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
