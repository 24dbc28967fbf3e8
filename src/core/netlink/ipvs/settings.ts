/**
 * What concerns all services: GET_INFO (the version, the size of the connection table) and GET_CONFIG, SET_CONFIG (how long
 * connections live that send nothing).
 *
 *   CONFIG: TIMEOUT_TCP u32 | TIMEOUT_TCP_FIN u32 | TIMEOUT_UDP u32, seconds; in a request each may be left out
 *   INFO:   VERSION u32, a byte for each of its three parts | CONN_TAB_SIZE u32
 */
import { DecodeError } from '../../base/decode-error.ts';
import { NetlinkReader, type NetlinkWriter } from '../attributes.ts';
import { GENL_HEADER_BYTES } from '../generic.ts';
import {
  IPVS_CMD_ATTR_TIMEOUT_TCP,
  IPVS_CMD_ATTR_TIMEOUT_TCP_FIN,
  IPVS_CMD_ATTR_TIMEOUT_UDP,
  IPVS_INFO_ATTR_CONN_TAB_SIZE,
  IPVS_INFO_ATTR_VERSION,
} from './codes.ts';

/** Seconds: established TCP, TCP after a FIN, UDP. */
export interface IpvsTimeouts {
  readonly tcp: number;
  readonly tcpFin: number;
  readonly udp: number;
}

export interface IpvsInfo {
  /** `1.2.1` */
  readonly version: string;
  /** Lists of the table of connections. */
  readonly connectionTable: number;
}

/** The attributes of SET_CONFIG. */
export function encodeTimeouts(w: NetlinkWriter, { tcp, tcpFin, udp }: IpvsTimeouts): void {
  w.attribute(IPVS_CMD_ATTR_TIMEOUT_TCP, () => w.u32(tcp));
  w.attribute(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, () => w.u32(tcpFin));
  w.attribute(IPVS_CMD_ATTR_TIMEOUT_UDP, () => w.u32(udp));
}

/** The answer of GET_CONFIG, generic header included. @throws DecodeError when one of them is missing */
export function decodeTimeouts(payload: Uint8Array): IpvsTimeouts {
  const attributes = new NetlinkReader(payload).attributes(GENL_HEADER_BYTES);
  const seconds = (type: number) => {
    const found = attributes.get(type);
    if (found === undefined) throw new DecodeError('short', 0, `no timeout ${type}`);
    return found.u32(0);
  };
  return {
    tcp: seconds(IPVS_CMD_ATTR_TIMEOUT_TCP),
    tcpFin: seconds(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN),
    udp: seconds(IPVS_CMD_ATTR_TIMEOUT_UDP),
  };
}

/** The attributes of an answer of GET_INFO, for whoever stands for the kernel. */
export function encodeInfo(w: NetlinkWriter, { version, connectionTable }: IpvsInfo): void {
  const number = version.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  w.attribute(IPVS_INFO_ATTR_VERSION, () => w.u32(number));
  w.attribute(IPVS_INFO_ATTR_CONN_TAB_SIZE, () => w.u32(connectionTable));
}

/** The answer of GET_INFO, generic header included. @throws DecodeError when what is there is cut short */
export function decodeInfo(payload: Uint8Array): IpvsInfo {
  const attributes = new NetlinkReader(payload).attributes(GENL_HEADER_BYTES);
  const version = attributes.get(IPVS_INFO_ATTR_VERSION)?.u32(0) ?? 0;
  return {
    version: [16, 8, 0].map((shift) => (version >>> shift) & 0xff).join('.'),
    connectionTable: attributes.get(IPVS_INFO_ATTR_CONN_TAB_SIZE)?.u32(0) ?? 0,
  };
}
