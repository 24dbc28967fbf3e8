/**
 * RTM_NEWNEIGH, RTM_DELNEIGH, RTM_GETNEIGH (linux/neighbour.h, struct ndmsg): which MAC an address has on a link, and, of
 * family AF_BRIDGE, to which address a tunnel device sends what is for a MAC.
 *
 *   family u8 | pad u8 | pad u16 | ifindex u32 | state u16 | flags u8 | type u8 | attributes
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { encodeDump, NetlinkReader, NetlinkWriter } from './attributes.ts';
import { AF_BRIDGE, AF_INET, NDA_DST, NDA_LLADDR, NTF_SELF, NTF_USE, NUD_PERMANENT } from './codes.ts';
import type { Mac } from './vxlan.ts';

const NDMSG_BYTES = 12;

/** `arp`: the MAC of an address. `forwarding`: the tunnel's far end of a MAC. */
export type NeighbourKind = 'arp' | 'forwarding';

export interface Neighbour {
  readonly kind: NeighbourKind;
  readonly address: Ipv4;
  readonly mac: Mac;
}

export interface FoundNeighbour extends Neighbour {
  readonly ifindex: number;
  readonly permanent: boolean;
}

const familyOf = (kind: NeighbourKind): number => (kind === 'arp' ? AF_INET : AF_BRIDGE);

/** A dump request for all of a kind, of all links. */
export function encodeNeighbourDump(kind: NeighbourKind): Uint8Array {
  return encodeDump(familyOf(kind), NDMSG_BYTES);
}

/** The payload of RTM_NEWNEIGH, of an entry that stays until it is deleted, and of RTM_DELNEIGH. */
export function encodeNeighbour(ifindex: number, { kind, address, mac }: Neighbour): Uint8Array {
  const w = new NetlinkWriter();
  w.u8(familyOf(kind)).u8(0).u16(0).u32(ifindex).u16(NUD_PERMANENT);
  w.u8(kind === 'forwarding' ? NTF_SELF : 0).u8(0);
  w.attribute(NDA_DST, () => w.ipv4(address));
  w.attribute(NDA_LLADDR, () => {
    for (const byte of mac) w.u8(byte);
  });
  return w.finish();
}

/**
 * The payload of RTM_NEWNEIGH (NLM_F_CREATE) that makes the kernel ask for the MAC of an address at once, without a packet to send
 * there, and of RTM_DELNEIGH that forgets the answer. The question's sender is the link's own address in that network.
 */
export function encodeArpQuestion(ifindex: number, address: Ipv4): Uint8Array {
  const w = new NetlinkWriter();
  w.u8(AF_INET).u8(0).u16(0).u32(ifindex).u16(0).u8(NTF_USE).u8(0);
  return w.attribute(NDA_DST, () => w.ipv4(address)).finish();
}

/** One part of a dump; undefined for entries of other families, and for those that lack an IPv4 address or a MAC. @throws DecodeError */
export function decodeNeighbour(part: Uint8Array): FoundNeighbour | undefined {
  const r = new NetlinkReader(part);
  const family = r.u8(0);
  if (family !== AF_INET && family !== AF_BRIDGE) return undefined;
  const attributes = r.attributes(NDMSG_BYTES);
  const [destination, mac] = [attributes.get(NDA_DST), attributes.get(NDA_LLADDR)];
  if (destination?.length !== 4 || mac?.length !== 6) return undefined;
  return {
    ifindex: r.u32(4),
    kind: family === AF_INET ? 'arp' : 'forwarding',
    address: destination.ipv4(0),
    mac: Array.from({ length: 6 }, (_, at) => mac.u8(at)),
    permanent: (r.u16(8) & NUD_PERMANENT) !== 0,
  };
}
