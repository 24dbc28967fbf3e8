/** Packets for tests, built from what their headers say. */
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { Writer } from '../../../src/core/base/writer.ts';

export interface BuiltPacket {
  readonly source?: string;
  readonly destination?: string;
  readonly sport?: number;
  readonly dport?: number;
  readonly protocol?: 6 | 17;
  readonly flags?: number;
  /** TCP options, in bytes of zeros. */
  readonly options?: number;
  readonly payload?: Uint8Array;
  /** What is written there; without it, the right one. */
  readonly checksum?: number;
}

/** RFC 1071, the slow way. */
function sum(bytes: Uint8Array, start = 0): number {
  let total = start;
  for (let at = 0; at < bytes.length; at += 2) {
    total += bytes[at]! * 256 + (bytes[at + 1] ?? 0);
    total = (total % 65536) + Math.floor(total / 65536);
  }
  return total;
}

const EMPTY = new Uint8Array(0);

export function pseudoSum(
  { source = '10.1.0.2', destination = '10.9.9.1', protocol = 6 }: BuiltPacket,
  length: number,
) {
  const w = new Writer().u32(ipv4(source)).u32(ipv4(destination)).u8(0).u8(protocol).u16(length);
  return sum(w.view());
}

export function buildPacket(packet: BuiltPacket = {}): Uint8Array {
  const { source = '10.1.0.2', destination = '10.9.9.1', sport = 40000, dport = 80, protocol = 6 } = packet;
  const { flags = 0x10, options = 0, payload = EMPTY } = packet;
  const transport = new Writer().u16(sport).u16(dport);
  const checksumAt = protocol === 6 ? 16 : 6;
  if (protocol === 6) {
    transport.u32(1000).u32(2000);
    transport
      .u8(((20 + options) / 4) << 4)
      .u8(flags)
      .u16(500)
      .u16(0)
      .u16(0)
      .zeros(options);
  } else transport.u16(8 + payload.length).u16(0);
  transport.raw(payload);
  const right = ~sum(transport.view(), pseudoSum(packet, transport.length)) & 0xffff;
  transport.patchU16(checksumAt, packet.checksum ?? right);
  const ip = new Writer()
    .u8(0x45)
    .u8(0)
    .u16(20 + transport.length)
    .u16(1)
    .u16(0x4000)
    .u8(64)
    .u8(protocol)
    .u16(0);
  ip.u32(ipv4(source)).u32(ipv4(destination));
  ip.patchU16(10, ~sum(ip.view()) & 0xffff);
  return ip.raw(transport.view()).view().slice();
}
