/**
 * The record of an IPv6 connection, 96 bytes: the fields of `record.ts` in their order, with addresses of 16 bytes. The form
 * is laid down so that it need not be invented under way; no frame carries it yet, because no data plane speaks IPv6.
 *
 *      0 client (16 bytes) | 16 VIP (16)
 *     32 client port u16 | 34 VIP port u16 | 36 protocol u8         bytes 0 to 36 are the key
 *     37 op u8 | 38 TCP state u8 | 39 flags u8
 *     40 server (16) | 56 local (16)
 *     72 server port u16 | 74 local port u16
 *     76 service u32 | 80 owner u32 | 84 epoch u32
 *     88 timeout u32 (s) | 92 window scales u8 | 93 birth (3 bytes)
 */
import { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import type { ConnectionRecord } from './record.ts';

export const IPV6_RECORD_BYTES = 96;

/** 16 bytes in network order. */
type Ipv6 = Uint8Array;

/** As `ConnectionRecord`; only what is an address of the connection differs. */
export interface Ipv6ConnectionRecord extends Omit<ConnectionRecord, 'client' | 'vip' | 'server' | 'local'> {
  readonly client: Ipv6;
  readonly vip: Ipv6;
  readonly server: Ipv6;
  readonly local: Ipv6;
}

/**
 * The addresses are views of `bytes`.
 *
 * @throws DecodeError 'short'
 */
export function decodeIpv6Record(bytes: Uint8Array, at = 0): Ipv6ConnectionRecord {
  const r = new Reader(bytes, at);
  const outside = { client: r.take(16), vip: r.take(16), clientPort: r.u16(), vipPort: r.u16(), protocol: r.u8() };
  const kind = { op: r.u8(), state: r.u8(), flags: r.u8() };
  const inside = { server: r.take(16), local: r.take(16), serverPort: r.u16(), localPort: r.u16() };
  const whose = { service: r.u32(), owner: r.u32(), epoch: r.u32(), timeout: r.u32(), windowScale: r.u8() };
  const birth = r.u8() * 0x1_0000 + r.u16();
  return { ...outside, ...kind, ...inside, ...whose, birth };
}

/** @throws RangeError when an address is not of 16 bytes */
export function encodeIpv6Record(w: Writer, record: Ipv6ConnectionRecord): void {
  const { client, vip, server, local } = record;
  for (const address of [client, vip, server, local]) {
    if (address.length !== 16) throw new RangeError(`an address of ${address.length} bytes`);
  }
  w.raw(client).raw(vip).u16(record.clientPort).u16(record.vipPort).u8(record.protocol);
  w.u8(record.op).u8(record.state).u8(record.flags);
  w.raw(server).raw(local).u16(record.serverPort).u16(record.localPort);
  w.u32(record.service).u32(record.owner).u32(record.epoch).u32(record.timeout).u8(record.windowScale);
  w.u8(record.birth >>> 16).u16(record.birth & 0xffff);
}
