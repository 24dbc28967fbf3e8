/**
 * IPVS_CMD_*_SERVICE: a virtual service, known by protocol, address and port, or by the mark of its packets.
 *
 *   SERVICE { AF u16 | PROTOCOL u16, ADDR 16 bytes, PORT be16; or FWMARK u32 | SCHED_NAME string | FLAGS { flags u32, mask u32 }
 *     | TIMEOUT u32, seconds of persistence | NETMASK: IPv4 a mask, IPv6 the length of a prefix as u32 | PE_NAME | STATS64 }
 *
 * The kernel knows a service by its key alone; to make or change one it wants all the rest, but for PE_NAME.
 */
import { DecodeError } from '../../base/decode-error.ts';
import { lengthOfMask, maskOf } from '../../base/ipv4.ts';
import { NetlinkReader, type NetlinkWriter } from '../attributes.ts';
import { AF_INET, AF_INET6 } from '../codes.ts';
import { GENL_HEADER_BYTES } from '../generic.ts';
import {
  IP_VS_SVC_F_HASHED,
  IPVS_CMD_ATTR_SERVICE,
  IPVS_SVC_ATTR_ADDR,
  IPVS_SVC_ATTR_AF,
  IPVS_SVC_ATTR_FLAGS,
  IPVS_SVC_ATTR_FWMARK,
  IPVS_SVC_ATTR_NETMASK,
  IPVS_SVC_ATTR_PE_NAME,
  IPVS_SVC_ATTR_PORT,
  IPVS_SVC_ATTR_PROTOCOL,
  IPVS_SVC_ATTR_SCHED_NAME,
  IPVS_SVC_ATTR_STATS64,
  IPVS_SVC_ATTR_TIMEOUT,
} from './codes.ts';
import { familyOf, formatEndpoint, type InetAddress, readInetAddress, writeInetAddress } from './inet-address.ts';
import { type IpvsStatistics, NO_STATISTICS, readStatistics, writeStatistics } from './statistics.ts';

export type IpvsServiceKey =
  /** `protocol` as in IP: 6 TCP, 17 UDP, 132 SCTP. */
  | { readonly protocol: number; readonly address: InetAddress; readonly port: number }
  | { readonly fwmark: number; readonly family: 'ipv4' | 'ipv6' };

export interface IpvsService {
  readonly key: IpvsServiceKey;
  readonly scheduler: string;
  /** IP_VS_SVC_F_*, without HASHED. */
  readonly flags: number;
  /** Seconds of persistence; counts with the flag only. */
  readonly timeout: number;
  /** Clients that share so many first bits of their addresses are one to persistence. */
  readonly maskBits: number;
  /** A persistence engine, such as `sip`; empty text without. */
  readonly engine: string;
}

export interface CountedService extends IpvsService {
  readonly statistics: IpvsStatistics;
}

const ALL_FLAGS = 0xffffffff;
const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp', 132: 'sctp' };

/** `tcp 203.0.113.10:80`, `fwmark 7`, `fwmark 7 ipv6`. */
export function serviceKeyText(key: IpvsServiceKey): string {
  if ('fwmark' in key) return `fwmark ${key.fwmark}${key.family === 'ipv4' ? '' : ' ipv6'}`;
  return `${PROTOCOLS[key.protocol] ?? key.protocol} ${formatEndpoint(key.address, key.port)}`;
}

/** Do they read the same? Told without their texts. */
export function sameKey(a: IpvsServiceKey, b: IpvsServiceKey): boolean {
  if ('fwmark' in a) return 'fwmark' in b && a.fwmark === b.fwmark && a.family === b.family;
  return 'address' in b && a.port === b.port && a.address === b.address && a.protocol === b.protocol;
}

function familyOfKey(key: IpvsServiceKey): number {
  if ('address' in key) return familyOf(key.address);
  return key.family === 'ipv4' ? AF_INET : AF_INET6;
}

function writeKey(w: NetlinkWriter, key: IpvsServiceKey): void {
  w.attribute(IPVS_SVC_ATTR_AF, () => w.u16(familyOfKey(key)));
  if ('fwmark' in key) {
    w.attribute(IPVS_SVC_ATTR_FWMARK, () => w.u32(key.fwmark));
    return;
  }
  w.attribute(IPVS_SVC_ATTR_PROTOCOL, () => w.u16(key.protocol));
  w.attribute(IPVS_SVC_ATTR_ADDR, () => writeInetAddress(w, key.address));
  w.attribute(IPVS_SVC_ATTR_PORT, () => w.be16(key.port));
}

/** The attribute that says which service a command is about: all that DEL_SERVICE and a dump of its destinations (GET_DEST) have. */
export function encodeServiceKey(w: NetlinkWriter, key: IpvsServiceKey): void {
  w.attribute(IPVS_CMD_ATTR_SERVICE, () => writeKey(w, key));
}

function writeService(w: NetlinkWriter, service: IpvsService): void {
  writeKey(w, service.key);
  w.attribute(IPVS_SVC_ATTR_SCHED_NAME, () => w.text(service.scheduler));
  w.attribute(IPVS_SVC_ATTR_FLAGS, () => w.u32(service.flags).u32(ALL_FLAGS));
  w.attribute(IPVS_SVC_ATTR_TIMEOUT, () => w.u32(service.timeout));
  const isIpv4 = familyOfKey(service.key) === AF_INET;
  w.attribute(IPVS_SVC_ATTR_NETMASK, () => {
    if (isIpv4) w.ipv4(maskOf(service.maskBits));
    else w.u32(service.maskBits);
  });
  if (service.engine !== '') w.attribute(IPVS_SVC_ATTR_PE_NAME, () => w.text(service.engine));
}

/** The attributes of NEW_SERVICE and SET_SERVICE. */
export function encodeService(w: NetlinkWriter, service: IpvsService): void {
  w.attribute(IPVS_CMD_ATTR_SERVICE, () => writeService(w, service));
}

/** The attributes of an answer of GET_SERVICE, for whoever stands for the kernel. */
export function encodeCountedService(w: NetlinkWriter, service: CountedService): void {
  w.attribute(IPVS_CMD_ATTR_SERVICE, () => {
    writeService(w, { ...service, flags: service.flags | IP_VS_SVC_F_HASHED });
    writeStatistics(w, IPVS_SVC_ATTR_STATS64, service.statistics);
  });
}

/** Where values of attributes begin, by type; of a type that is not there, nowhere. */
type Places = readonly (number | undefined)[];

function required(places: Places, type: number): number {
  const at = places[type];
  if (at === undefined) throw new DecodeError('short', 0, `no attribute ${type}`);
  return at;
}

function readKey(r: NetlinkReader, places: Places): IpvsServiceKey {
  const family = r.u16(required(places, IPVS_SVC_ATTR_AF));
  if (family !== AF_INET && family !== AF_INET6) throw new DecodeError('value', 0, `address family ${family}`);
  const markAt = places[IPVS_SVC_ATTR_FWMARK];
  const fwmark = markAt === undefined ? 0 : r.u32(markAt);
  if (fwmark !== 0) return { fwmark, family: family === AF_INET ? 'ipv4' : 'ipv6' };
  const addressAt = required(places, IPVS_SVC_ATTR_ADDR);
  return {
    protocol: r.u16(required(places, IPVS_SVC_ATTR_PROTOCOL)),
    address: family === AF_INET ? r.ipv4(addressAt) : readInetAddress(r.slice(addressAt, 16), family),
    port: r.be16(required(places, IPVS_SVC_ATTR_PORT)),
  };
}

/** IPv4 has a mask, of which only those with all bits in front are masks of ours; any other is told as none. */
function readMaskBits(key: IpvsServiceKey, r: NetlinkReader, at: number | undefined): number {
  if (at === undefined) return 0;
  return familyOfKey(key) === AF_INET ? (lengthOfMask(r.ipv4(at)) ?? 0) : r.u32(at);
}

function readService(r: NetlinkReader, counted: boolean): CountedService {
  const places: number[] = [];
  let [scheduler, engine, statistics] = ['', '', NO_STATISTICS];
  r.eachAttribute(0, (type, at, length) => {
    if (type === IPVS_SVC_ATTR_SCHED_NAME) scheduler = r.slice(at, length).text();
    else if (type === IPVS_SVC_ATTR_PE_NAME) engine = r.slice(at, length).text();
    else if (type === IPVS_SVC_ATTR_STATS64) statistics = counted ? readStatistics(r.slice(at, length)) : NO_STATISTICS;
    else if (type <= IPVS_SVC_ATTR_NETMASK) places[type] = at;
  });
  const key = readKey(r, places);
  const word = (type: number) => (places[type] === undefined ? 0 : r.u32(places[type]));
  return {
    key,
    scheduler,
    flags: (word(IPVS_SVC_ATTR_FLAGS) & ~IP_VS_SVC_F_HASHED) >>> 0,
    timeout: word(IPVS_SVC_ATTR_TIMEOUT),
    maskBits: readMaskBits(key, r, places[IPVS_SVC_ATTR_NETMASK]),
    engine,
    statistics,
  };
}

/**
 * The service in the payload of an answer of GET_SERVICE, or of a request of NEW_SERVICE; generic header included.
 *
 * @param counted without it nothing is read of what it has counted: there are a thousand services, every second
 * @throws DecodeError when it is no whole service
 */
export function decodeService(payload: Uint8Array, counted = true): CountedService {
  const r = new NetlinkReader(payload);
  let found: CountedService | undefined;
  r.eachAttribute(GENL_HEADER_BYTES, (type, at, length) => {
    if (type === IPVS_CMD_ATTR_SERVICE) found = readService(r.slice(at, length), counted);
  });
  if (found === undefined) throw new DecodeError('short', 0, 'no service');
  return found;
}
