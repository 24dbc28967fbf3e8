/**
 * OSPF packets out of a classic pcap file, little-endian as tcpdump writes it on this kind of machine, with Ethernet or
 * Linux cooked frames (see the "link-layer header types" and "pcap savefile" pages of tcpdump.org). A record that is cut
 * off at the end, because the capture still runs, is left out.
 */

export interface CapturedPacket {
  /** Number of the frame in the file, from 1, as tshark counts. */
  readonly frame: number;
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** IPv4 addresses as numbers. */
  readonly source: number;
  readonly destination: number;
  /** All that the IP packet carried: bytes beyond the OSPF length (an LLS block, RFC 5613) included. */
  readonly bytes: Uint8Array;
}

const MAGIC = 0xa1b2c3d4;
const FILE_HEADER = 24;
const RECORD_HEADER = 16;
const OSPF = 89;
const IPV4 = 0x0800;

/** Length of the frame's header, and where in it the protocol is named. */
const FRAMES: Readonly<Record<number, { readonly length: number; readonly protocolAt: number }>> = {
  1: { length: 14, protocolAt: 12 },
  113: { length: 16, protocolAt: 14 },
};

/** Throws an Error for another format or another kind of frame. */
export function ospfPackets(file: Uint8Array): CapturedPacket[] {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  if (file.length < FILE_HEADER) return [];
  const linkType = view.getUint32(20, true);
  const frame = FRAMES[linkType];
  if (view.getUint32(0, true) !== MAGIC || frame === undefined) throw new Error(`not a pcap of link type ${linkType}`);
  const packets: CapturedPacket[] = [];
  let number = 0;
  for (let at = FILE_HEADER; at + RECORD_HEADER <= file.length; ) {
    const start = at + RECORD_HEADER;
    const end = start + view.getUint32(at + 8, true);
    if (end > file.length) break;
    number += 1;
    const time = view.getUint32(at, true) * 1000 + view.getUint32(at + 4, true) / 1000;
    if (view.getUint16(start + frame.protocolAt) === IPV4) {
      const ip = new DataView(file.buffer, file.byteOffset + start + frame.length, end - start - frame.length);
      packets.push(...ospfInside(ip, number, time));
    }
    at = end;
  }
  return packets;
}

/** The length that IP states counts: Ethernet pads short frames. */
function ospfInside(ip: DataView, frame: number, at: number): CapturedPacket[] {
  if (ip.getUint8(9) !== OSPF) return [];
  const header = (ip.getUint8(0) & 0x0f) * 4;
  const bytes = new Uint8Array(ip.buffer, ip.byteOffset + header, ip.getUint16(2) - header);
  return [{ frame, at, source: ip.getUint32(12), destination: ip.getUint32(16), bytes }];
}
