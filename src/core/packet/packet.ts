/**
 * IPv4 packets with TCP or UDP in them, as the kernel hands them to us and takes them back.
 *
 * Duty: to say which flow a packet belongs to (this file), whether its checksum can be believed (`checksum.ts`), and how it is
 * put before the kernel again, whatever its length (`offload.ts`). In and out: bytes from the IP header on. A packet that makes no
 * sense is a `DecodeError`.
 *
 * Not here: fragments (conntrack has joined them before anybody logs a packet), IP options, IPv6.
 *
 *   IPv4 (RFC 791 3.1)   0 version, header words | 2 total length | 6 flags, fragment offset | 9 protocol | 12 source
 *                        | 16 destination
 *   TCP (RFC 9293 3.1)   0 ports | 4 sequence | 8 acknowledgment | 12 header words | 13 flags | 16 checksum
 *   UDP (RFC 768)        0 ports | 4 length | 6 checksum
 */
import { u16At, u32At } from '../base/big-endian.ts';
import { DecodeError } from '../base/decode-error.ts';
import { IPPROTO_TCP, IPPROTO_UDP } from '../base/ip-protocol.ts';
import type { Ipv4 } from '../base/ipv4.ts';

const IP_HEADER_BYTES = 20;
const TCP_HEADER_BYTES = 20;
const UDP_HEADER_BYTES = 8;
const MORE_FRAGMENTS_AND_OFFSET = 0x3fff;

export interface Packet {
  /** From the IP header to the end of the payload: a view of what was given. */
  readonly bytes: Uint8Array;
  readonly protocol: typeof IPPROTO_TCP | typeof IPPROTO_UDP;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly sport: number;
  readonly dport: number;
  /** Of TCP, as in its header: FIN 1, SYN 2, RST 4, PSH 8, ACK 16; 0 for UDP. */
  readonly flags: number;
  /** Where the transport header begins, and where the payload does. */
  readonly transport: number;
  readonly payload: number;
}

/** @throws DecodeError for anything but a whole IPv4 packet of TCP or UDP; what is behind its end is left out */
export function parsePacket(given: Uint8Array): Packet {
  if (given.length < IP_HEADER_BYTES) throw new DecodeError('short', 0, `${given.length} bytes`);
  if (given[0]! >> 4 !== 4) throw new DecodeError('version', 0);
  const transport = (given[0]! & 15) * 4;
  const length = u16At(given, 2);
  if (transport < IP_HEADER_BYTES || length < transport) throw new DecodeError('length', 0);
  if (length > given.length) throw new DecodeError('short', 2, `${given.length} of ${length} bytes`);
  if ((u16At(given, 6) & MORE_FRAGMENTS_AND_OFFSET) !== 0) throw new DecodeError('value', 6, 'a fragment');
  const bytes = given.subarray(0, length);
  const protocol = bytes[9]!;
  if (protocol !== IPPROTO_TCP && protocol !== IPPROTO_UDP) throw new DecodeError('type', 9, `protocol ${protocol}`);
  const payload = transport + transportBytes(bytes, transport, protocol);
  return {
    bytes,
    protocol,
    source: u32At(bytes, 12),
    destination: u32At(bytes, 16),
    sport: u16At(bytes, transport),
    dport: u16At(bytes, transport + 2),
    flags: protocol === IPPROTO_TCP ? bytes[transport + 13]! : 0,
    transport,
    payload,
  };
}

/** Of the header of TCP or UDP that begins at `at`. */
function transportBytes(bytes: Uint8Array, at: number, protocol: number): number {
  const left = bytes.length - at;
  const least = protocol === IPPROTO_TCP ? TCP_HEADER_BYTES : UDP_HEADER_BYTES;
  if (left < least) throw new DecodeError('short', at, `${left} bytes of a transport header`);
  if (protocol === IPPROTO_UDP) {
    if (u16At(bytes, at + 4) !== left) throw new DecodeError('length', at + 4);
    return UDP_HEADER_BYTES;
  }
  const header = (bytes[at + 12]! >> 4) * 4;
  if (header < TCP_HEADER_BYTES || header > left) throw new DecodeError('length', at + 12);
  return header;
}
