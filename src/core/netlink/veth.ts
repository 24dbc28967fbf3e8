/**
 * A pair of veth devices as RTM_NEWLINK makes and shows it (struct ifinfomsg; linux/if_link.h, IFLA_LINKINFO; linux/veth.h,
 * VETH_INFO_PEER: an ifinfomsg and the attributes of the other end).
 */
import { NetlinkReader, NetlinkWriter } from './attributes.ts';
import {
  AF_UNSPEC,
  IFF_LOWER_UP,
  IFF_UP,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
} from './codes.ts';

const IFINFOMSG_BYTES = 16;
const KIND = 'veth';
const VETH_INFO_PEER = 1;

export interface FoundDevice {
  readonly name: string;
  readonly ifindex: number;
  readonly isVeth: boolean;
  /** Up, and so is the other end. */
  readonly up: boolean;
}

function head(w: NetlinkWriter): void {
  w.u8(AF_UNSPEC).u8(0).u16(0).u32(0).u32(0).u32(0);
}

function text(w: NetlinkWriter, value: string): void {
  for (const character of value) w.u8(character.charCodeAt(0));
  w.u8(0);
}

/** The payload of RTM_NEWLINK that makes the pair, both ends down: one is not taken up before the other is there. */
export function encodeVeth(name: string, peer: string): Uint8Array {
  const w = new NetlinkWriter();
  head(w);
  w.attribute(IFLA_IFNAME, () => text(w, name));
  return w
    .attribute(IFLA_LINKINFO, () => {
      w.attribute(IFLA_INFO_KIND, () => text(w, KIND));
      w.attribute(IFLA_INFO_DATA, () => {
        w.attribute(VETH_INFO_PEER, () => {
          head(w);
          w.attribute(IFLA_IFNAME, () => text(w, peer));
        });
      });
    })
    .finish();
}

/** One part of a dump of links; undefined for what a bridge says about its ports. @throws DecodeError */
export function decodeDevice(part: Uint8Array): FoundDevice | undefined {
  const r = new NetlinkReader(part);
  if (r.u8(0) !== AF_UNSPEC) return undefined;
  const attributes = r.attributes(IFINFOMSG_BYTES);
  const flags = r.u32(8);
  return {
    name: attributes.get(IFLA_IFNAME)?.text() ?? '',
    ifindex: r.u32(4),
    isVeth: attributes.get(IFLA_LINKINFO)?.attributes(0).get(IFLA_INFO_KIND)?.text() === KIND,
    up: (flags & IFF_UP) !== 0 && (flags & IFF_LOWER_UP) !== 0,
  };
}
