/**
 * RTM_NEWADDR, RTM_DELADDR and RTM_NEWLINK (linux/if_addr.h, linux/if_link.h) as inside addresses need them; the layouts are in
 * core/netlink/link.ts. IFA_PROTO, by which our addresses are known, is of Linux 5.18.
 */
import { NetlinkReader, NetlinkWriter } from '../netlink/attributes.ts';
import {
  AF_INET,
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_LOCAL,
  IFA_PROTO,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  RT_SCOPE_LINK,
} from '../netlink/codes.ts';
import type { HeldAddress, InsideLink } from './inside.ts';

const IFINFOMSG_BYTES = 16;
const IFADDRMSG_BYTES = 8;
const ARPHRD_ETHER = 1;

/** The number that our routes carry, too. */
export const ADDRESS_PROTOCOL = 217;

/** The payload of RTM_NEWADDR and RTM_DELADDR. */
export function encodeHeldAddress({ ifindex, address }: HeldAddress): Uint8Array {
  const w = new NetlinkWriter();
  w.u8(AF_INET).u8(32).u8(0).u8(RT_SCOPE_LINK).u32(ifindex);
  w.attribute(IFA_LOCAL, () => w.ipv4(address));
  w.attribute(IFA_ADDRESS, () => w.ipv4(address));
  return w.attribute(IFA_PROTO, () => w.u8(ADDRESS_PROTOCOL)).finish();
}

/** One part of a dump of addresses; undefined for what is not ours. @throws DecodeError */
export function decodeHeldAddress(part: Uint8Array): HeldAddress | undefined {
  const r = new NetlinkReader(part);
  if (r.u8(0) !== AF_INET) return undefined;
  const attributes = r.attributes(IFADDRMSG_BYTES);
  if (attributes.get(IFA_PROTO)?.u8(0) !== ADDRESS_PROTOCOL) return undefined;
  const address = attributes.get(IFA_LOCAL)?.ipv4(0);
  return address === undefined ? undefined : { ifindex: r.u32(4), address };
}

/** One part of a dump of links; undefined for what is no Ethernet. @throws DecodeError */
export function decodeEthernet(part: Uint8Array): Omit<InsideLink, 'networks'> | undefined {
  const r = new NetlinkReader(part);
  const isEthernet = r.u8(0) === AF_UNSPEC && r.u16(2) === ARPHRD_ETHER;
  const attributes = r.attributes(IFINFOMSG_BYTES);
  const mac = attributes.get(IFLA_ADDRESS);
  if (!isEthernet || mac?.length !== 6) return undefined;
  const bytes = Uint8Array.from({ length: 6 }, (_, at) => mac.u8(at));
  return { ifindex: r.u32(4), name: attributes.get(IFLA_IFNAME)?.text() ?? '', mac: bytes };
}
