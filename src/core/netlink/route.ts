/**
 * RTM_NEWROUTE, RTM_DELROUTE, RTM_GETROUTE for IPv4 (linux/rtnetlink.h, struct rtmsg).
 *
 *   family u8 | dst_len u8 | src_len u8 | tos u8 | table u8 | protocol u8 | scope u8 | type u8 | flags u32 | attributes
 */
import { DecodeError } from '../base/decode-error.ts';
import type { Ipv4, Prefix } from '../base/ipv4.ts';
import { align, encodeDump, NetlinkReader, NetlinkWriter } from './attributes.ts';
import {
  AF_INET,
  RT_SCOPE_NOWHERE,
  RTA_DST,
  RTA_GATEWAY,
  RTA_MULTIPATH,
  RTA_OIF,
  RTA_PRIORITY,
  RTA_TABLE,
  RTM_F_CLONED,
  RTNH_F_ONLINK,
} from './codes.ts';

const RTMSG_BYTES = 12;
const RTNEXTHOP_BYTES = 8;

export interface RouteNextHop {
  readonly ifindex: number;
  readonly gateway: Ipv4 | undefined;
}

export interface RouteMessage {
  readonly table: number;
  readonly protocol: number;
  readonly scope: number;
  readonly type: number;
  readonly prefix: Prefix;
  /** RTA_PRIORITY; 0 when absent. */
  readonly metric: number;
  /** Empty for routes without a device, such as blackholes, and for those that use next-hop objects of another owner. */
  readonly nextHops: readonly RouteNextHop[];
}

/** A dump request for all IPv4 routes of all tables. */
export function encodeRouteDump(): Uint8Array {
  return encodeDump(AF_INET, RTMSG_BYTES);
}

/** The payload of RTM_NEWROUTE. Gateways are given as on-link: they are OSPF neighbors on that very interface. */
export function encodeRoute(route: RouteMessage): Uint8Array {
  return encode(route, route.scope);
}

/** The payload of RTM_DELROUTE: matches prefix, table, metric, type, protocol and next hops, whatever the scope. */
export function encodeRouteDelete(route: RouteMessage): Uint8Array {
  return encode(route, RT_SCOPE_NOWHERE);
}

function encode(route: RouteMessage, scope: number): Uint8Array {
  const w = new NetlinkWriter();
  const [only, ...more] = route.nextHops;
  const single = more.length === 0 ? only : undefined;
  w.u8(AF_INET).u8(route.prefix.length).u8(0).u8(0);
  w.u8(route.table < 256 ? route.table : 0)
    .u8(route.protocol)
    .u8(scope)
    .u8(route.type);
  w.u32(single?.gateway === undefined ? 0 : RTNH_F_ONLINK);
  w.attribute(RTA_DST, () => w.ipv4(route.prefix.address));
  w.attribute(RTA_TABLE, () => w.u32(route.table));
  if (route.metric !== 0) w.attribute(RTA_PRIORITY, () => w.u32(route.metric));
  if (single !== undefined) {
    w.attribute(RTA_OIF, () => w.u32(single.ifindex));
    writeGateway(w, single.gateway);
  } else if (more.length > 0) {
    w.attribute(RTA_MULTIPATH, () => {
      for (const hop of route.nextHops) writeNextHop(w, hop);
    });
  }
  return w.finish();
}

function writeGateway(w: NetlinkWriter, gateway: Ipv4 | undefined): void {
  if (gateway !== undefined) w.attribute(RTA_GATEWAY, () => w.ipv4(gateway));
}

/** struct rtnexthop: length u16 | flags u8 | hops (weight - 1) u8 | ifindex u32 | attributes. */
function writeNextHop(w: NetlinkWriter, hop: RouteNextHop): void {
  const start = w.position;
  w.u16(0)
    .u8(hop.gateway === undefined ? 0 : RTNH_F_ONLINK)
    .u8(0)
    .u32(hop.ifindex);
  writeGateway(w, hop.gateway);
  w.endStructure(start);
}

/**
 * One part of a route dump; `undefined` for what is no IPv4 route of a table (other families, cached exceptions).
 * Throws `DecodeError` when the bytes are not a route message.
 */
export function decodeRoute(bytes: Uint8Array): RouteMessage | undefined {
  const r = new NetlinkReader(bytes);
  if (r.u8(0) !== AF_INET || (r.u32(8) & RTM_F_CLONED) !== 0) return undefined;
  const attributes = r.attributes(RTMSG_BYTES);
  const length = r.u8(1);
  if (length > 32) throw new DecodeError('value', 1, `prefix length ${length}`);
  return {
    table: attributes.get(RTA_TABLE)?.u32(0) ?? r.u8(4),
    protocol: r.u8(5),
    scope: r.u8(6),
    type: r.u8(7),
    prefix: { address: attributes.get(RTA_DST)?.ipv4(0) ?? 0, length },
    metric: attributes.get(RTA_PRIORITY)?.u32(0) ?? 0,
    nextHops: decodeNextHops(attributes),
  };
}

function decodeNextHops(attributes: ReadonlyMap<number, NetlinkReader>): RouteNextHop[] {
  const multipath = attributes.get(RTA_MULTIPATH);
  if (multipath === undefined) {
    const ifindex = attributes.get(RTA_OIF)?.u32(0);
    return ifindex === undefined ? [] : [{ ifindex, gateway: attributes.get(RTA_GATEWAY)?.ipv4(0) }];
  }
  const hops: RouteNextHop[] = [];
  for (let at = 0; at < multipath.length; ) {
    const length = multipath.u16(at);
    if (length < RTNEXTHOP_BYTES) throw new DecodeError('length', at, `next hop of ${length} bytes`);
    const gateway = multipath.slice(at, length).attributes(RTNEXTHOP_BYTES).get(RTA_GATEWAY)?.ipv4(0);
    hops.push({ ifindex: multipath.u32(at + 4), gateway });
    at += align(length);
  }
  return hops;
}
