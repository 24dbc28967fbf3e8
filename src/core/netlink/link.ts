/**
 * RTM_NEWLINK, RTM_DELLINK (struct ifinfomsg) and RTM_NEWADDR, RTM_DELADDR (struct ifaddrmsg): decoded, and of what can be
 * requested only that a link be up or down.
 *
 *   ifinfomsg: family u8 | pad u8 | type u16 | index u32 | flags u32 | change u32 | attributes
 *   ifaddrmsg: family u8 | prefixlen u8 | flags u8 | scope u8 | index u32 | attributes
 */
import { DecodeError } from '../base/decode-error.ts';
import type { Ipv4 } from '../base/ipv4.ts';
import { encodeDump, NetlinkReader, NetlinkWriter } from './attributes.ts';
import {
  AF_INET,
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_F_SECONDARY,
  IFA_LOCAL,
  IFF_LOWER_UP,
  IFF_UP,
  IFLA_IFNAME,
  IFLA_MTU,
} from './codes.ts';

const IFINFOMSG_BYTES = 16;
const IFADDRMSG_BYTES = 8;

export interface LinkMessage {
  readonly ifindex: number;
  readonly name: string;
  /** Administratively up and with a carrier. */
  readonly up: boolean;
  /** Administratively up. */
  readonly enabled: boolean;
  readonly mtu: number;
}

export interface AddressMessage {
  readonly ifindex: number;
  readonly address: Ipv4;
  readonly prefixLength: number;
  /** Another address of the same subnet was there first. */
  readonly secondary: boolean;
}

/** A dump request for all links. */
export function encodeLinkDump(): Uint8Array {
  return encodeDump(AF_UNSPEC, IFINFOMSG_BYTES);
}

/** The payload of RTM_NEWLINK that sets a link up or down and leaves all else as it is. */
export function encodeLinkFlags(ifindex: number, up: boolean): Uint8Array {
  const w = new NetlinkWriter();
  w.u8(AF_UNSPEC).u8(0).u16(0).u32(ifindex);
  return w
    .u32(up ? IFF_UP : 0)
    .u32(IFF_UP)
    .finish();
}

/** A dump request for all IPv4 addresses. */
export function encodeAddressDump(): Uint8Array {
  return encodeDump(AF_INET, IFADDRMSG_BYTES);
}

/** `undefined` for what a bridge says about its ports (family AF_BRIDGE): no link comes or goes by that. */
export function decodeLink(bytes: Uint8Array): LinkMessage | undefined {
  const r = new NetlinkReader(bytes);
  if (r.u8(0) !== AF_UNSPEC) return undefined;
  const flags = r.u32(8);
  const attributes = r.attributes(IFINFOMSG_BYTES);
  return {
    ifindex: r.u32(4),
    name: attributes.get(IFLA_IFNAME)?.text() ?? '',
    up: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
    enabled: (flags & IFF_UP) !== 0,
    mtu: attributes.get(IFLA_MTU)?.u32(0) ?? 0,
  };
}

/** `undefined` for other families. On a peer address (`ip addr add A peer B`) it is A, our own, that counts. */
export function decodeAddress(bytes: Uint8Array): AddressMessage | undefined {
  const r = new NetlinkReader(bytes);
  if (r.u8(0) !== AF_INET) return undefined;
  const attributes = r.attributes(IFADDRMSG_BYTES);
  const address = attributes.get(IFA_LOCAL) ?? attributes.get(IFA_ADDRESS);
  if (address === undefined) throw new DecodeError('value', 0, 'address message without an address');
  return {
    ifindex: r.u32(4),
    address: address.ipv4(0),
    prefixLength: r.u8(1),
    secondary: (r.u8(2) & IFA_F_SECONDARY) !== 0,
  };
}
