/**
 * IPVS_CMD_*_DEST: a real server of a service, known by address and port.
 *
 *   SERVICE { key } | DEST { ADDR 16 bytes | PORT be16 | FWD_METHOD u32 | WEIGHT u32 | U_THRESH u32 | L_THRESH u32 | ADDR_FAMILY u16
 *     | TUN_TYPE u8 | TUN_PORT be16 | TUN_FLAGS u16; in answers ACTIVE, INACT, PERSIST_CONNS u32 and STATS64 besides }
 */
import { DecodeError } from '../../base/decode-error.ts';
import { NetlinkReader, type NetlinkWriter } from '../attributes.ts';
import { AF_INET } from '../codes.ts';
import { GENL_HEADER_BYTES } from '../generic.ts';
import {
  IPVS_CMD_ATTR_DEST,
  IPVS_DEST_ATTR_ACTIVE_CONNS,
  IPVS_DEST_ATTR_ADDR,
  IPVS_DEST_ATTR_ADDR_FAMILY,
  IPVS_DEST_ATTR_FWD_METHOD,
  IPVS_DEST_ATTR_INACT_CONNS,
  IPVS_DEST_ATTR_L_THRESH,
  IPVS_DEST_ATTR_PERSIST_CONNS,
  IPVS_DEST_ATTR_PORT,
  IPVS_DEST_ATTR_STATS64,
  IPVS_DEST_ATTR_TUN_FLAGS,
  IPVS_DEST_ATTR_TUN_PORT,
  IPVS_DEST_ATTR_TUN_TYPE,
  IPVS_DEST_ATTR_U_THRESH,
  IPVS_DEST_ATTR_WEIGHT,
} from './codes.ts';
import { familyOf, formatEndpoint, type InetAddress, readInetAddress, writeInetAddress } from './inet-address.ts';
import { encodeServiceKey, type IpvsServiceKey } from './service.ts';
import { type IpvsStatistics, NO_STATISTICS, readStatistics, writeStatistics } from './statistics.ts';

export interface IpvsTunnel {
  /** IP_VS_CONN_F_TUNNEL_TYPE_* */
  readonly type: number;
  /** UDP port, of GUE only, else 0. */
  readonly port: number;
  /** IP_VS_TUNNEL_ENCAP_FLAG_* */
  readonly flags: number;
}

export const NO_TUNNEL: IpvsTunnel = { type: 0, port: 0, flags: 0 };

export interface IpvsDestinationKey {
  readonly address: InetAddress;
  /** 0 with a service known by mark: the packet's own. */
  readonly port: number;
}

export interface IpvsDestination extends IpvsDestinationKey {
  /** IP_VS_CONN_F_*: how packets get there. */
  readonly method: number;
  readonly weight: number;
  /** New connections are refused from so many on, until fewer than `lower` are left; 0 = no bound. */
  readonly upper: number;
  readonly lower: number;
  readonly tunnel: IpvsTunnel;
}

export interface CountedDestination extends IpvsDestination {
  /** Connections that it has now, among them those that other directors have told of. */
  readonly active: number;
  readonly inactive: number;
  /** Templates of persistence. */
  readonly persistent: number;
  readonly statistics: IpvsStatistics;
}

/** `10.2.0.21:80` */
export function destinationKeyText({ address, port }: IpvsDestinationKey): string {
  return formatEndpoint(address, port);
}

function writeKey(w: NetlinkWriter, { address, port }: IpvsDestinationKey): void {
  w.attribute(IPVS_DEST_ATTR_ADDR, () => writeInetAddress(w, address));
  w.attribute(IPVS_DEST_ATTR_PORT, () => w.be16(port));
  w.attribute(IPVS_DEST_ATTR_ADDR_FAMILY, () => w.u16(familyOf(address)));
}

function writeDestination(w: NetlinkWriter, destination: IpvsDestination): void {
  const word = (type: number, value: number) => w.attribute(type, () => w.u32(value));
  const { tunnel } = destination;
  writeKey(w, destination);
  word(IPVS_DEST_ATTR_FWD_METHOD, destination.method);
  word(IPVS_DEST_ATTR_WEIGHT, destination.weight);
  word(IPVS_DEST_ATTR_U_THRESH, destination.upper);
  word(IPVS_DEST_ATTR_L_THRESH, destination.lower);
  w.attribute(IPVS_DEST_ATTR_TUN_TYPE, () => w.u8(tunnel.type));
  w.attribute(IPVS_DEST_ATTR_TUN_PORT, () => w.be16(tunnel.port));
  w.attribute(IPVS_DEST_ATTR_TUN_FLAGS, () => w.u16(tunnel.flags));
}

/** The attributes of DEL_DEST. */
export function encodeDestinationKey(w: NetlinkWriter, service: IpvsServiceKey, key: IpvsDestinationKey): void {
  encodeServiceKey(w, service);
  w.attribute(IPVS_CMD_ATTR_DEST, () => writeKey(w, key));
}

/** The attributes of NEW_DEST and SET_DEST. */
export function encodeDestination(w: NetlinkWriter, service: IpvsServiceKey, destination: IpvsDestination): void {
  encodeServiceKey(w, service);
  w.attribute(IPVS_CMD_ATTR_DEST, () => writeDestination(w, destination));
}

/** The attributes of an answer of GET_DEST, for whoever stands for the kernel. */
export function encodeCountedDestination(w: NetlinkWriter, destination: CountedDestination): void {
  const word = (type: number, value: number) => w.attribute(type, () => w.u32(value));
  w.attribute(IPVS_CMD_ATTR_DEST, () => {
    writeDestination(w, destination);
    word(IPVS_DEST_ATTR_ACTIVE_CONNS, destination.active);
    word(IPVS_DEST_ATTR_INACT_CONNS, destination.inactive);
    word(IPVS_DEST_ATTR_PERSIST_CONNS, destination.persistent);
    writeStatistics(w, IPVS_DEST_ATTR_STATS64, destination.statistics);
  });
}

type Mutable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Attributes of one number each; those of a tunnel are apart. */
const WORDS = new Map<number, 'method' | 'weight' | 'upper' | 'lower' | 'active' | 'inactive' | 'persistent'>([
  [IPVS_DEST_ATTR_FWD_METHOD, 'method'],
  [IPVS_DEST_ATTR_WEIGHT, 'weight'],
  [IPVS_DEST_ATTR_U_THRESH, 'upper'],
  [IPVS_DEST_ATTR_L_THRESH, 'lower'],
  [IPVS_DEST_ATTR_ACTIVE_CONNS, 'active'],
  [IPVS_DEST_ATTR_INACT_CONNS, 'inactive'],
  [IPVS_DEST_ATTR_PERSIST_CONNS, 'persistent'],
]);

/** What is said of a destination; `undefined` where its address or port is missing. */
function readDestination(r: NetlinkReader, counted: boolean): CountedDestination | undefined {
  const found: Mutable<CountedDestination> = { ...EMPTY };
  const tunnel: Mutable<IpvsTunnel> = { ...NO_TUNNEL };
  let [addressAt, family, hasPort] = [-1, AF_INET, false];
  r.eachAttribute(0, (type, at, length) => {
    const word = WORDS.get(type);
    if (word !== undefined) found[word] = r.u32(at);
    else if (type === IPVS_DEST_ATTR_ADDR) addressAt = at;
    else if (type === IPVS_DEST_ATTR_ADDR_FAMILY) family = r.u16(at);
    else if (type === IPVS_DEST_ATTR_PORT) {
      found.port = r.be16(at);
      hasPort = true;
    } else if (type === IPVS_DEST_ATTR_TUN_TYPE) tunnel.type = r.u8(at);
    else if (type === IPVS_DEST_ATTR_TUN_PORT) tunnel.port = r.be16(at);
    else if (type === IPVS_DEST_ATTR_TUN_FLAGS) tunnel.flags = r.u16(at);
    else if (type === IPVS_DEST_ATTR_STATS64 && counted) found.statistics = readStatistics(r.slice(at, length));
  });
  if (addressAt < 0 || !hasPort) return undefined;
  found.address =
    family === AF_INET ? r.ipv4(addressAt) : readInetAddress(r.slice(addressAt, r.length - addressAt), family);
  found.tunnel = tunnel;
  return found;
}

const EMPTY: CountedDestination = {
  address: 0,
  port: 0,
  method: 0,
  weight: 0,
  upper: 0,
  lower: 0,
  tunnel: NO_TUNNEL,
  active: 0,
  inactive: 0,
  persistent: 0,
  statistics: NO_STATISTICS,
};

/**
 * The destination in the payload of an answer of GET_DEST, or of a request; generic header included.
 *
 * @param counted without it nothing is read of what it has counted: there are ten thousands of destinations
 * @throws DecodeError when there is none in it, or what is there is cut short
 */
export function decodeDestination(payload: Uint8Array, counted = true): CountedDestination {
  const r = new NetlinkReader(payload);
  let found: CountedDestination | undefined;
  r.eachAttribute(GENL_HEADER_BYTES, (type, at, length) => {
    if (type === IPVS_CMD_ATTR_DEST) found = readDestination(r.slice(at, length), counted);
  });
  if (found === undefined) throw new DecodeError('short', 0, 'no destination');
  return found;
}
