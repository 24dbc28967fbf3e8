/**
 * Connections as ctnetlink tells of them, for whoever reads hundreds of thousands a second: the fixed places at which the kernel
 * puts both tuples of an IPv4 connection with ports, and what follows them, into one array of words that is used again.
 *
 *   struct nlmsghdr (16) | struct nfgenmsg (4) | CTA_TUPLE_ORIG (52) | CTA_TUPLE_REPLY (52) | other attributes, in any order
 *
 *   a tuple:  0 nest | 4 CTA_TUPLE_IP nest | 8 source (value at 12) | 16 destination (20)
 *             24 CTA_TUPLE_PROTO nest | 28 protocol u8 (32) | 36 source port u16 (40) | 44 destination port u16 (48)
 *
 * What is laid out in another way (IPv6, ICMP, zones per direction) is none of ours.
 */
import { align, LITTLE_ENDIAN, NLA_HEADER, NLA_TYPE_MASK } from './attributes.ts';
import { AF_INET, NFGENMSG_BYTES, NLMSG_HEADER_BYTES } from './codes.ts';
import {
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_MARK,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_PROTOINFO_TCP_WSCALE_ORIGINAL,
  CTA_PROTOINFO_TCP_WSCALE_REPLY,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
} from './conntrack-codes.ts';

const ORIGINAL_AT = NLMSG_HEADER_BYTES + NFGENMSG_BYTES;
export const TUPLE_BYTES = 52;
const REST_AT = ORIGINAL_AT + 2 * TUPLE_BYTES;

/** Places in the array of words. Addresses, ports and the rest as the numbers that they are. */
export const Flow = {
  protocol: 0,
  source: 1,
  destination: 2,
  sport: 3,
  dport: 4,
  replySource: 5,
  replyDestination: 6,
  replySport: 7,
  replyDport: 8,
  /** IPS_* bits. */
  status: 9,
  /** Seconds left; 0 when the message does not say. */
  timeout: 10,
  mark: 11,
  id: 12,
  /** TCP_CONNTRACK_*, or `NO_STATE`. */
  state: 13,
  /** Shift of the client << 4 | of the server, or `NO_WINDOW_SCALE`. */
  windowScale: 14,
} as const;

export const FLOW_WORDS = 15;
/** The message does not say, or the protocol has none. */
export const NO_STATE = 0xff;
export const NO_WINDOW_SCALE = 0xff;

/** The first four bytes of an attribute as one word in the machine's order, without the flags of its type. */
const headerWord = (type: number, length: number): number =>
  LITTLE_ENDIAN ? (type << 16) | length : (length << 16) | type;
const HEADER_MASK = LITTLE_ENDIAN ? (NLA_TYPE_MASK << 16) | 0xffff : 0xffff0000 | NLA_TYPE_MASK;

const SOURCE_ADDRESS = headerWord(CTA_IP_V4_SRC, 8);
const DESTINATION_ADDRESS = headerWord(CTA_IP_V4_DST, 8);
const ADDRESSES = headerWord(CTA_TUPLE_IP, 20);
const PORTS = headerWord(CTA_TUPLE_PROTO, 28);
const PROTOCOL = headerWord(CTA_PROTO_NUM, 5);
const SOURCE_PORT = headerWord(CTA_PROTO_SRC_PORT, 6);
const DESTINATION_PORT = headerWord(CTA_PROTO_DST_PORT, 6);
const ORIGINAL = headerWord(CTA_TUPLE_ORIG, TUPLE_BYTES);
const REPLY = headerWord(CTA_TUPLE_REPLY, TUPLE_BYTES);

const headerAt = (view: DataView, at: number): number => view.getUint32(at, LITTLE_ENDIAN) & HEADER_MASK;

function isTuple(view: DataView, at: number, header: number): boolean {
  return (
    headerAt(view, at) === header &&
    headerAt(view, at + 4) === ADDRESSES &&
    headerAt(view, at + 8) === SOURCE_ADDRESS &&
    headerAt(view, at + 16) === DESTINATION_ADDRESS &&
    headerAt(view, at + 24) === PORTS &&
    headerAt(view, at + 28) === PROTOCOL &&
    headerAt(view, at + 36) === SOURCE_PORT &&
    headerAt(view, at + 44) === DESTINATION_PORT
  );
}

/**
 * Does another address or port answer than the client asked? By the tuples: IPVS translates, too, and gives no IPS_DST_NAT for it
 * (`conntrack -L` on a director of either plane shows both tuples alike).
 */
export function isRedirected(flow: Uint32Array): boolean {
  return flow[Flow.replySource] !== flow[Flow.destination] || flow[Flow.replySport] !== flow[Flow.dport];
}

/** IPCTNL_MSG_CT_* of the message that begins there. */
export const messageType = (view: DataView, at: number): number => view.getUint16(at + 4, LITTLE_ENDIAN);

/**
 * Reads one message of an event, of a dump, or the answer to a question.
 *
 * @param view what the message is in
 * @param at where its netlink header begins
 * @param end behind its last byte, inside the view
 * @param flow `FLOW_WORDS` words, all of which are written when the answer is true
 * @returns false when it is no IPv4 connection with ports, or its attributes do not fit into it
 */
export function readFlow(view: DataView, at: number, end: number, flow: Uint32Array): boolean {
  if (at + REST_AT > end || view.getUint8(at + NLMSG_HEADER_BYTES) !== AF_INET) return false;
  const original = at + ORIGINAL_AT;
  const reply = original + TUPLE_BYTES;
  if (!isTuple(view, original, ORIGINAL) || !isTuple(view, reply, REPLY)) return false;
  flow[Flow.protocol] = view.getUint8(original + 32);
  flow[Flow.source] = view.getUint32(original + 12);
  flow[Flow.destination] = view.getUint32(original + 20);
  flow[Flow.sport] = view.getUint16(original + 40);
  flow[Flow.dport] = view.getUint16(original + 48);
  flow[Flow.replySource] = view.getUint32(reply + 12);
  flow[Flow.replyDestination] = view.getUint32(reply + 20);
  flow[Flow.replySport] = view.getUint16(reply + 40);
  flow[Flow.replyDport] = view.getUint16(reply + 48);
  flow[Flow.status] = 0;
  flow[Flow.timeout] = 0;
  flow[Flow.mark] = 0;
  flow[Flow.id] = 0;
  flow[Flow.state] = NO_STATE;
  flow[Flow.windowScale] = NO_WINDOW_SCALE;
  return readRest(view, at + REST_AT, end, flow);
}

function readRest(view: DataView, from: number, end: number, flow: Uint32Array): boolean {
  for (let at = from; at < end; ) {
    const length = at + NLA_HEADER <= end ? view.getUint16(at, LITTLE_ENDIAN) : 0;
    if (length < NLA_HEADER || at + length > end) return false;
    const type = view.getUint16(at + 2, LITTLE_ENDIAN) & NLA_TYPE_MASK;
    if (type === CTA_PROTOINFO) readProtocolState(view, at, at + length, flow);
    else if (length === 8) {
      const value = view.getUint32(at + NLA_HEADER);
      if (type === CTA_STATUS) flow[Flow.status] = value;
      else if (type === CTA_TIMEOUT) flow[Flow.timeout] = value;
      else if (type === CTA_MARK) flow[Flow.mark] = value;
      else if (type === CTA_ID) flow[Flow.id] = value;
    }
    at += align(length);
  }
  return true;
}

/** A byte takes up eight: attribute header, value, padding. */
const STATE = headerWord(CTA_PROTOINFO_TCP_STATE, 5);
const SCALE_ORIGINAL = headerWord(CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, 5);
const SCALE_REPLY = headerWord(CTA_PROTOINFO_TCP_WSCALE_REPLY, 5);

/** CTA_PROTOINFO { CTA_PROTOINFO_TCP { state, window scales, flags } }; of an entry that is gone, the state alone. */
function readProtocolState(view: DataView, at: number, end: number, flow: Uint32Array): void {
  if (at + 16 > end || (view.getUint16(at + 6, LITTLE_ENDIAN) & NLA_TYPE_MASK) !== CTA_PROTOINFO_TCP) return;
  if (headerAt(view, at + 8) !== STATE) return;
  flow[Flow.state] = view.getUint8(at + 12);
  if (at + 32 > end || headerAt(view, at + 16) !== SCALE_ORIGINAL || headerAt(view, at + 24) !== SCALE_REPLY) return;
  flow[Flow.windowScale] = ((view.getUint8(at + 20) & 15) << 4) | (view.getUint8(at + 28) & 15);
}
