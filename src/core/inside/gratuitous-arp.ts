/**
 * Gratuitous ARP (RFC 826, RFC 5227 section 3): an address tells all neighbours of a link where it is now.
 *
 *   Ethernet: destination (6) | source (6) | type 0x0806
 *   ARP: hardware type 1 | protocol type 0x0800 | lengths 6, 4 | operation
 *        sender's MAC (6) | sender's address (4) | target's MAC (6) | target's address (4)
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { Writer } from '../base/writer.ts';

const FRAME_BYTES = 42;
const ETHERTYPE_ARP = 0x0806;
const ETHERTYPE_IPV4 = 0x0800;
const HARDWARE_ETHERNET = 1;
const OPERATIONS = { request: 1, reply: 2 } as const;
const BROADCAST = new Uint8Array(6).fill(0xff);
const NOBODY = new Uint8Array(6);

/** Both forms: there are neighbours that heed only one of them. Linux takes a reply only if both its MACs are the sender's. */
export function gratuitousArp(address: Ipv4, mac: Uint8Array): readonly [request: Uint8Array, reply: Uint8Array] {
  return [frame('request', address, mac, NOBODY), frame('reply', address, mac, mac)];
}

function frame(form: keyof typeof OPERATIONS, address: Ipv4, mac: Uint8Array, target: Uint8Array): Uint8Array {
  const w = new Writer(FRAME_BYTES);
  w.raw(BROADCAST).raw(mac).u16(ETHERTYPE_ARP);
  w.u16(HARDWARE_ETHERNET).u16(ETHERTYPE_IPV4).u8(6).u8(4).u16(OPERATIONS[form]);
  w.raw(mac).u32(address).raw(target).u32(address);
  return w.view();
}
