/**
 * The internet checksum (RFC 1071) over a transport header, its payload and the pseudo-header.
 *
 * A packet that never was on a wire (sent by this host, or joined from several by the receiving side) has only the sum of the
 * pseudo-header in the field; whoever puts it on a wire adds the rest.
 */
import { u16At } from '../base/big-endian.ts';
import { IPPROTO_TCP } from '../base/ip-protocol.ts';
import type { Packet } from './packet.ts';

const ADDRESSES_AT = 12;
const TRANSPORT_AT = 20;

/** The one's complement sum of 16-bit words from `from` to `to`, not inverted; a last byte alone is a high one. */
export function onesSum(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start;
  const even = to - ((to - from) & 1);
  // 65,535 bytes are less than 2^15 words of less than 2^16 each: no overflow before the end.
  for (let at = from; at < even; at += 2) sum += (bytes[at]! << 8) | bytes[at + 1]!;
  if (even < to) sum += bytes[even]! << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

/** Of both addresses, the protocol and the length: what a transport's checksum begins with. */
export function pseudoHeaderSum({ bytes, protocol, transport }: Packet): number {
  return onesSum(bytes, ADDRESSES_AT, TRANSPORT_AT, protocol + bytes.length - transport);
}

/** Where the checksum is, from the beginning of the transport header. */
export function checksumOffset({ protocol }: Packet): number {
  return protocol === IPPROTO_TCP ? 16 : 6;
}

/**
 * - complete: it is right
 * - partial: the pseudo-header's alone, as of a packet that was on no wire since it was made
 * - absent: UDP without one
 * - wrong: something was changed on the way, and nobody may make it right
 */
export type ChecksumState = 'complete' | 'partial' | 'absent' | 'wrong';

export function checksumState(packet: Packet): ChecksumState {
  const { bytes, protocol, transport } = packet;
  const stands = u16At(bytes, transport + checksumOffset(packet));
  if (stands === 0 && protocol !== IPPROTO_TCP) return 'absent';
  const pseudo = pseudoHeaderSum(packet);
  if (stands === pseudo) return 'partial';
  return onesSum(bytes, transport, bytes.length, pseudo) === 0xffff ? 'complete' : 'wrong';
}
