/**
 * ctnetlink (linux/netfilter/nfnetlink_conntrack.h): the few attributes of a connection that we need, and the requests that
 * list and delete connections by what the kernel itself can select.
 *
 * In and out are payloads without the netlink header: `struct nfgenmsg` (family u8 | version u8 | res_id u16), attributes.
 * Numbers in attributes are in network order. There may be hundreds of thousands of events a second: the decoder walks the
 * bytes once and makes one object. IPv4 only.
 *
 *   CTA_TUPLE_ORIG 1, CTA_TUPLE_REPLY 2:  CTA_TUPLE_IP 1 { CTA_IP_V4_SRC 1, CTA_IP_V4_DST 2 }
 *                                         CTA_TUPLE_PROTO 2 { CTA_PROTO_NUM 1 u8, _SRC_PORT 2 u16, _DST_PORT 3 u16 }
 *   CTA_STATUS 3 u32 (IPS_*), CTA_PROTOINFO 4 { CTA_PROTOINFO_TCP 1 { CTA_PROTOINFO_TCP_STATE 1 u8 } }
 *   CTA_MARK 8 u32, CTA_ID 12 u32, CTA_MARK_MASK 21 u32, CTA_STATUS_MASK 26 u32
 */
import { DecodeError } from '../base/decode-error.ts';
import type { Ipv4 } from '../base/ipv4.ts';
import { align, LITTLE_ENDIAN, NetlinkWriter, NLA_HEADER, NLA_TYPE_MASK } from './attributes.ts';
import { AF_INET } from './codes.ts';
import {
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_MARK,
  CTA_MARK_MASK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_STATUS,
  CTA_STATUS_MASK,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
} from './conntrack-codes.ts';
import { NFGENMSG_BYTES } from './flow.ts';

export interface Tuple {
  /** Number of the transport protocol: 6 TCP, 17 UDP. */
  readonly protocol: number;
  readonly source: Ipv4;
  readonly destination: Ipv4;
  /** 0 for protocols without ports. */
  readonly sport: number;
  readonly dport: number;
}

/** A connection as one message tells of it. */
export interface Connection {
  readonly original: Tuple;
  readonly reply: Tuple;
  readonly mark: number;
  /** IPS_* bits. */
  readonly status: number;
  /** The kernel's own number of the entry: another one for each entry at a time, all but for chance. */
  readonly id: number;
  /** TCP_CONNTRACK_*; undefined when the message does not say. */
  readonly tcpState: number | undefined;
}

interface Open {
  protocol: number;
  source: Ipv4;
  destination: Ipv4;
  sport: number;
  dport: number;
}

const blank = (): Open => ({ protocol: 0, source: 0, destination: 0, sport: 0, dport: 0 });

/** Where the attribute at `at` ends; its value begins after the header. */
function endOf(view: DataView, at: number, limit: number): number {
  const length = at + NLA_HEADER <= limit ? view.getUint16(at, LITTLE_ENDIAN) : 0;
  if (length < NLA_HEADER || at + length > limit) throw new DecodeError('length', at, `attribute of ${length} bytes`);
  return at + length;
}

const typeOf = (view: DataView, at: number): number => view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;

function word(view: DataView, at: number, end: number): number {
  if (at + NLA_HEADER + 4 > end) throw new DecodeError('short', at, 'wanted 4 bytes');
  return view.getUint32(at + NLA_HEADER, false);
}

function half(view: DataView, at: number, end: number): number {
  if (at + NLA_HEADER + 2 > end) throw new DecodeError('short', at, 'wanted 2 bytes');
  return view.getUint16(at + NLA_HEADER, false);
}

function byte(view: DataView, at: number, end: number): number {
  if (at + NLA_HEADER + 1 > end) throw new DecodeError('short', at, 'wanted 1 byte');
  return view.getUint8(at + NLA_HEADER);
}

function readAddresses(view: DataView, from: number, to: number, tuple: Open): void {
  for (let at = from, end: number; at < to; at = align(end)) {
    end = endOf(view, at, to);
    const type = typeOf(view, at);
    if (type === CTA_IP_V4_SRC) tuple.source = word(view, at, end);
    else if (type === CTA_IP_V4_DST) tuple.destination = word(view, at, end);
  }
}

function readPorts(view: DataView, from: number, to: number, tuple: Open): void {
  for (let at = from, end: number; at < to; at = align(end)) {
    end = endOf(view, at, to);
    const type = typeOf(view, at);
    if (type === CTA_PROTO_NUM) tuple.protocol = byte(view, at, end);
    else if (type === CTA_PROTO_SRC_PORT) tuple.sport = half(view, at, end);
    else if (type === CTA_PROTO_DST_PORT) tuple.dport = half(view, at, end);
  }
}

function readTuple(view: DataView, from: number, to: number): Tuple {
  const tuple = blank();
  for (let at = from, end: number; at < to; at = align(end)) {
    end = endOf(view, at, to);
    const type = typeOf(view, at);
    if (type === CTA_TUPLE_IP) readAddresses(view, at + NLA_HEADER, end, tuple);
    else if (type === CTA_TUPLE_PROTO) readPorts(view, at + NLA_HEADER, end, tuple);
  }
  return tuple;
}

/** Inside CTA_PROTOINFO, and inside CTA_PROTOINFO_TCP: both have what is looked for as their number 1. */
function readTcpState(view: DataView, from: number, to: number): number | undefined {
  for (let at = from, end: number; at < to; at = align(end)) {
    end = endOf(view, at, to);
    if (typeOf(view, at) !== CTA_PROTOINFO_TCP) continue;
    for (let inner = at + NLA_HEADER, next: number; inner < end; inner = align(next)) {
      next = endOf(view, inner, end);
      if (typeOf(view, inner) === CTA_PROTOINFO_TCP_STATE) return byte(view, inner, next);
    }
  }
  return undefined;
}

/**
 * A message of an event or of a dump. `undefined` for another family than IPv4, and without both tuples.
 *
 * @throws DecodeError when the attributes do not fit into each other
 */
export function decodeConnection(payload: Uint8Array): Connection | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength);
  const to = payload.length;
  if (to < NFGENMSG_BYTES || view.getUint8(0) !== AF_INET) return undefined;
  let original: Tuple | undefined;
  let reply: Tuple | undefined;
  let [mark, status, id] = [0, 0, 0];
  let tcpState: number | undefined;
  for (let at = NFGENMSG_BYTES, end: number; at < to; at = align(end)) {
    end = endOf(view, at, to);
    const type = typeOf(view, at);
    if (type === CTA_TUPLE_ORIG) original = readTuple(view, at + NLA_HEADER, end);
    else if (type === CTA_TUPLE_REPLY) reply = readTuple(view, at + NLA_HEADER, end);
    else if (type === CTA_STATUS) status = word(view, at, end);
    else if (type === CTA_PROTOINFO) tcpState = readTcpState(view, at + NLA_HEADER, end);
    else if (type === CTA_MARK) mark = word(view, at, end);
    else if (type === CTA_ID) id = word(view, at, end);
  }
  if (original === undefined || reply === undefined) return undefined;
  return { original, reply, mark, status, id, tcpState };
}

/** What the kernel can select connections by: bits under a mask, of the connection's mark and of its status. */
export interface ConnectionFilter {
  readonly mark?: { readonly value: number; readonly mask: number };
  readonly status?: { readonly value: number; readonly mask: number };
}

/**
 * For IPCTNL_MSG_CT_GET as a dump, and for IPCTNL_MSG_CT_DELETE, which deletes all that are selected in one go.
 *
 * @throws RangeError when nothing is selected: that would be every connection of the network namespace
 */
export function encodeConnectionFilter({ mark, status }: ConnectionFilter): Uint8Array {
  if (mark === undefined && status === undefined) throw new RangeError('selects everything');
  const w = new NetlinkWriter().u8(AF_INET).u8(0).u16(0);
  if (mark !== undefined) pair(w, CTA_MARK, CTA_MARK_MASK, mark);
  if (status !== undefined) pair(w, CTA_STATUS, CTA_STATUS_MASK, status);
  return w.finish();
}

function pair(w: NetlinkWriter, valueType: number, maskType: number, bits: { value: number; mask: number }): void {
  w.attribute(valueType, () => w.ipv4(bits.value));
  w.attribute(maskType, () => w.ipv4(bits.mask));
}
