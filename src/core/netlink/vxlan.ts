/**
 * A VXLAN device as RTM_NEWLINK makes and shows it (struct ifinfomsg; linux/if_link.h, IFLA_VXLAN_*), and its addresses.
 *
 *   ifinfomsg: family u8 | pad u8 | type u16 | index u32 | flags u32 | change u32 | attributes
 *   ifaddrmsg: family u8 | prefixlen u8 | flags u8 | scope u8 | index u32 | attributes
 */
import type { Ipv4 } from '../base/ipv4.ts';
import { NetlinkReader, NetlinkWriter } from './attributes.ts';
import {
  AF_INET,
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_LOCAL,
  IFF_UP,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  IFLA_VXLAN_ID,
  IFLA_VXLAN_LEARNING,
  IFLA_VXLAN_LOCAL,
  IFLA_VXLAN_PORT,
  RT_SCOPE_LINK,
} from './codes.ts';

const IFINFOMSG_BYTES = 16;
const KIND = 'vxlan';

/** Six bytes. */
export type Mac = readonly number[];

export interface VxlanDevice {
  readonly name: string;
  readonly mac: Mac;
  readonly mtu: number;
  readonly id: number;
  readonly port: number;
  /** Source of the tunnels. */
  readonly local: Ipv4;
}

export interface FoundVxlan extends VxlanDevice {
  readonly ifindex: number;
  readonly enabled: boolean;
  /** Would it send to where a MAC was seen to come from? */
  readonly learning: boolean;
}

function head(w: NetlinkWriter, ifindex: number): void {
  w.u8(AF_UNSPEC).u8(0).u16(0).u32(ifindex).u32(IFF_UP).u32(IFF_UP);
}

function text(w: NetlinkWriter, value: string): void {
  for (const character of value) w.u8(character.charCodeAt(0));
  w.u8(0);
}

function bytes(w: NetlinkWriter, values: readonly number[]): void {
  for (const value of values) w.u8(value);
}

/** The payload of RTM_NEWLINK that makes the device, up, which learns nothing from what it receives. */
export function encodeVxlan({ name, mac, mtu, id, port, local }: VxlanDevice): Uint8Array {
  const w = new NetlinkWriter();
  head(w, 0);
  w.attribute(IFLA_IFNAME, () => text(w, name));
  w.attribute(IFLA_ADDRESS, () => bytes(w, mac));
  w.attribute(IFLA_MTU, () => w.u32(mtu));
  w.attribute(IFLA_LINKINFO, () => {
    w.attribute(IFLA_INFO_KIND, () => text(w, KIND));
    w.attribute(IFLA_INFO_DATA, () => {
      w.attribute(IFLA_VXLAN_ID, () => w.u32(id));
      w.attribute(IFLA_VXLAN_LOCAL, () => w.ipv4(local));
      w.attribute(IFLA_VXLAN_LEARNING, () => w.u8(0));
      w.attribute(IFLA_VXLAN_PORT, () => w.u8(port >> 8).u8(port & 0xff));
    });
  });
  return w.finish();
}

/** The payload of RTM_NEWLINK that brings the device up, with this MTU. */
export function encodeMtu(ifindex: number, mtu: number): Uint8Array {
  const w = new NetlinkWriter();
  head(w, ifindex);
  return w.attribute(IFLA_MTU, () => w.u32(mtu)).finish();
}

/** The payload of RTM_DELLINK. */
export function encodeLinkDelete(ifindex: number): Uint8Array {
  return new NetlinkWriter().u8(AF_UNSPEC).u8(0).u16(0).u32(ifindex).u32(0).u32(0).finish();
}

/** The payload of RTM_NEWADDR: an address that is good for this link alone. */
export function encodeLinkAddress(ifindex: number, address: Ipv4, prefixLength: number): Uint8Array {
  const w = new NetlinkWriter();
  w.u8(AF_INET).u8(prefixLength).u8(0).u8(RT_SCOPE_LINK).u32(ifindex);
  w.attribute(IFA_LOCAL, () => w.ipv4(address));
  return w.attribute(IFA_ADDRESS, () => w.ipv4(address)).finish();
}

/** One part of a dump of links; undefined for links of other kinds. @throws DecodeError */
export function decodeVxlan(part: Uint8Array): FoundVxlan | undefined {
  const r = new NetlinkReader(part);
  if (r.u8(0) !== AF_UNSPEC) return undefined;
  const attributes = r.attributes(IFINFOMSG_BYTES);
  const info = attributes.get(IFLA_LINKINFO)?.attributes(0);
  const data = info?.get(IFLA_INFO_DATA)?.attributes(0);
  if (info?.get(IFLA_INFO_KIND)?.text() !== KIND || data === undefined) return undefined;
  const mac = attributes.get(IFLA_ADDRESS);
  const port = data.get(IFLA_VXLAN_PORT);
  return {
    ifindex: r.u32(4),
    enabled: (r.u32(8) & IFF_UP) !== 0,
    name: attributes.get(IFLA_IFNAME)?.text() ?? '',
    mac: mac === undefined ? [] : Array.from({ length: mac.length }, (_, at) => mac.u8(at)),
    mtu: attributes.get(IFLA_MTU)?.u32(0) ?? 0,
    id: data.get(IFLA_VXLAN_ID)?.u32(0) ?? 0,
    port: port === undefined ? 0 : port.u8(0) * 256 + port.u8(1),
    local: data.get(IFLA_VXLAN_LOCAL)?.ipv4(0) ?? 0,
    learning: data.get(IFLA_VXLAN_LEARNING)?.u8(0) !== 0,
  };
}
