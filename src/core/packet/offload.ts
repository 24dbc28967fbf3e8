/**
 * How a packet is handed to the kernel: as it is, with the rest left to it. Behind `struct virtio_net_hdr` (linux/virtio_net.h) the
 * kernel takes packets of any length, cuts TCP into segments where it leaves by a wire, and completes checksums.
 *
 *   0 flags u8 | 1 kind of segmentation u8 | 2 bytes of all headers u16 | 4 payload bytes of a segment u16
 *   | 6 where the checksum begins u16 | 8 and stands, from there u16                      numbers in the machine's byte order
 */
import { putU16 } from '../base/big-endian.ts';
import { IPPROTO_TCP } from '../base/ip-protocol.ts';
import { type ChecksumState, checksumOffset, pseudoHeaderSum } from './checksum.ts';
import type { Packet } from './packet.ts';

export const OFFLOAD_HEADER_BYTES = 10;

const NEEDS_CHECKSUM = 1;
const DATA_VALID = 2;
const GSO_NONE = 0;
const GSO_TCPV4 = 1;

/**
 * The header for a packet. One of TCP that is longer than `mtu` is to be cut; how long the segments were that it was joined from
 * nobody knows any more. Its checksum then is only begun, in place.
 *
 * @param checksum of the packet; never `wrong`
 * @param littleEndian is the machine's byte order that?
 */
export function offloadHeader(
  packet: Packet,
  checksum: Exclude<ChecksumState, 'wrong'>,
  mtu: number,
  littleEndian: boolean,
): Uint8Array {
  const { bytes, protocol, transport, payload } = packet;
  const isCut = protocol === IPPROTO_TCP && bytes.length > mtu;
  if (isCut && checksum === 'complete') putU16(bytes, transport + checksumOffset(packet), pseudoHeaderSum(packet));
  const needsChecksum = checksum === 'partial' || isCut;
  const header = new Uint8Array(OFFLOAD_HEADER_BYTES);
  const view = new DataView(header.buffer);
  header[0] = needsChecksum ? NEEDS_CHECKSUM : DATA_VALID;
  header[1] = isCut ? GSO_TCPV4 : GSO_NONE;
  view.setUint16(2, isCut ? payload : 0, littleEndian);
  view.setUint16(4, isCut ? mtu - payload : 0, littleEndian);
  if (needsChecksum) {
    view.setUint16(6, transport, littleEndian);
    view.setUint16(8, checksumOffset(packet), littleEndian);
  }
  return header;
}
