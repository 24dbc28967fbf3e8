/**
 * Requests about connections, many in one buffer: each is copied from a template, and the numbers are put into it at fixed
 * places. That is what makes an entry cost less here than in the kernel.
 *
 * Inputs: connections as the words of `flow.ts`. Outputs: the bytes of one datagram of netlink messages, numbered from a first
 * sequence number on; the last asks for an acknowledgement, so that somebody who hears none knows that answers were lost.
 *
 * What the kernel makes of them (measured on Linux 6.18):
 *   - A new entry needs the reply tuple as the plain inverse of the original one, and the translation beside it: a reply tuple as
 *     an event tells it gives an entry that looks right and translates nothing.
 *   - An update must not carry a translation (EOPNOTSUPP), nor a status that lacks a bit which the entry has (EBUSY).
 *   - The status must have IPS_CONFIRMED (EBUSY), and some other bits would be taken although they are not ours to give: only
 *     SEEN_REPLY and ASSURED are passed on.
 *   - Without window scales the entry must be liberal, or the connection stalls; with both it does no harm.
 */
import { IPPROTO_TCP } from '../base/ip-protocol.ts';
import { LITTLE_ENDIAN, NetlinkWriter, NLA_F_NESTED } from './attributes.ts';
import {
  AF_INET,
  NFGENMSG_BYTES,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REQUEST,
  NLMSG_HEADER_BYTES,
} from './codes.ts';
import {
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_MARK,
  CTA_MARK_MASK,
  CTA_NAT_DST,
  CTA_NAT_PROTO,
  CTA_NAT_SRC,
  CTA_NAT_V4_MAXIP,
  CTA_NAT_V4_MINIP,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_FLAGS_ORIGINAL,
  CTA_PROTOINFO_TCP_FLAGS_REPLY,
  CTA_PROTOINFO_TCP_STATE,
  CTA_PROTOINFO_TCP_WSCALE_ORIGINAL,
  CTA_PROTOINFO_TCP_WSCALE_REPLY,
  CTA_PROTONAT_PORT_MAX,
  CTA_PROTONAT_PORT_MIN,
  CTA_STATUS,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  IP_CT_TCP_FLAG_BE_LIBERAL,
  IP_CT_TCP_FLAG_WINDOW_SCALE,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
} from './conntrack-codes.ts';
import { Flow, isRedirected, NO_WINDOW_SCALE, TUPLE_BYTES } from './flow.ts';

const TUPLE_AT = NLMSG_HEADER_BYTES + NFGENMSG_BYTES;
/** Behind one tuple, and behind two. */
const SECOND_AT = TUPLE_AT + TUPLE_BYTES;
const THIRD_AT = SECOND_AT + TUPLE_BYTES;
/** An attribute of 32 bits, or of less, with its padding. */
const WORD = 8;
/** CTA_NAT_*: two addresses and a nest of two ports. */
const NAT_BYTES = 40;
/** CTA_PROTOINFO: nests, state, flags of both directions; and the scales of both where they are known. */
const STATE_BYTES = 8 + 3 * WORD;
const SCALES_BYTES = 2 * WORD;

const nested = (w: NetlinkWriter, type: number, write: () => void) => w.attribute(type | NLA_F_NESTED, write);
const byte = (w: NetlinkWriter, type: number, value = 0) => w.attribute(type, () => w.u8(value));
const half = (w: NetlinkWriter, type: number) => w.attribute(type, () => w.u16(0));
const word = (w: NetlinkWriter, type: number) => w.attribute(type, () => w.u32(0));

function tuple(w: NetlinkWriter, type: number): void {
  nested(w, type, () => {
    nested(w, CTA_TUPLE_IP, () => {
      word(w, CTA_IP_V4_SRC);
      word(w, CTA_IP_V4_DST);
    });
    nested(w, CTA_TUPLE_PROTO, () => {
      byte(w, CTA_PROTO_NUM);
      half(w, CTA_PROTO_SRC_PORT);
      half(w, CTA_PROTO_DST_PORT);
    });
  });
}

/** @param mask which flags of the entry are written */
function tcp(w: NetlinkWriter, flags: number, mask: number, withScales: boolean): void {
  nested(w, CTA_PROTOINFO, () =>
    nested(w, CTA_PROTOINFO_TCP, () => {
      byte(w, CTA_PROTOINFO_TCP_STATE);
      w.attribute(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, () => w.u8(flags).u8(mask));
      w.attribute(CTA_PROTOINFO_TCP_FLAGS_REPLY, () => w.u8(flags).u8(mask));
      if (!withScales) return;
      byte(w, CTA_PROTOINFO_TCP_WSCALE_ORIGINAL);
      byte(w, CTA_PROTOINFO_TCP_WSCALE_REPLY);
    }),
  );
}

function translation(w: NetlinkWriter, type: number): void {
  nested(w, type, () => {
    word(w, CTA_NAT_V4_MINIP);
    word(w, CTA_NAT_V4_MAXIP);
    nested(w, CTA_NAT_PROTO, () => {
      half(w, CTA_PROTONAT_PORT_MIN);
      half(w, CTA_PROTONAT_PORT_MAX);
    });
  });
}

function message(type: number, flags: number, write: (w: NetlinkWriter) => void): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(type);
  w.u16(flags | NLM_F_REQUEST);
  w.u32(0).u32(0).u8(AF_INET).u8(0).u16(0);
  write(w);
  return w.endMessage(0).finish();
}

/** Bits that choose among templates of a new entry. */
const IS_TCP = 1;
const HAS_SCALES = 2;
const TO_SERVER = 4;
const FROM_LOCAL = 8;

const CREATE = Array.from({ length: 16 }, (_, kind) =>
  message(IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL, (w) => {
    tuple(w, CTA_TUPLE_ORIG);
    tuple(w, CTA_TUPLE_REPLY);
    for (const type of [CTA_STATUS, CTA_TIMEOUT, CTA_MARK]) word(w, type);
    const scales = (kind & HAS_SCALES) !== 0;
    const flags = IP_CT_TCP_FLAG_BE_LIBERAL | (scales ? IP_CT_TCP_FLAG_WINDOW_SCALE : 0);
    if ((kind & IS_TCP) !== 0) tcp(w, flags, 0xff, scales);
    if ((kind & TO_SERVER) !== 0) translation(w, CTA_NAT_DST);
    if ((kind & FROM_LOCAL) !== 0) translation(w, CTA_NAT_SRC);
  }),
);

const UPDATE = [false, true].map((isTcp) =>
  message(IPCTNL_MSG_CT_NEW, 0, (w) => {
    tuple(w, CTA_TUPLE_ORIG);
    for (const type of [CTA_STATUS, CTA_TIMEOUT]) word(w, type);
    if (isTcp) tcp(w, IP_CT_TCP_FLAG_BE_LIBERAL, IP_CT_TCP_FLAG_BE_LIBERAL, false);
  }),
);

const REFRESH = message(IPCTNL_MSG_CT_NEW, 0, (w) => {
  tuple(w, CTA_TUPLE_ORIG);
  word(w, CTA_TIMEOUT);
});

const REMARK = message(IPCTNL_MSG_CT_NEW, 0, (w) => {
  tuple(w, CTA_TUPLE_ORIG);
  word(w, CTA_MARK);
  word(w, CTA_MARK_MASK);
});

const DELETE = message(IPCTNL_MSG_CT_DELETE, 0, (w) => {
  tuple(w, CTA_TUPLE_ORIG);
  word(w, CTA_ID);
});

const GET_BY_ORIGINAL = message(IPCTNL_MSG_CT_GET, 0, (w) => tuple(w, CTA_TUPLE_ORIG));
const GET_BY_REPLY = message(IPCTNL_MSG_CT_GET, 0, (w) => tuple(w, CTA_TUPLE_REPLY));

/** The longest of them. */
const LONGEST = Math.max(...CREATE.map(({ length }) => length));

export class FlowRequests {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #capacity: number;
  #length = 0;
  #last = 0;
  #first = 0;
  #count = 0;

  /** For so many requests at once. */
  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#bytes = new Uint8Array(capacity * LONGEST);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get count(): number {
    return this.#count;
  }

  /** Of the first request; the others follow. */
  get first(): number {
    return this.#first;
  }

  /** Starts anew. @param first sequence number, 32 bits */
  begin(first: number): void {
    this.#length = 0;
    this.#count = 0;
    this.#first = first;
  }

  /** A translated entry: all of `flow` but its id. @returns the number of the request, from 0 on */
  create(flow: Uint32Array): number {
    const isTcp = flow[Flow.protocol] === IPPROTO_TCP;
    const hasScales = isTcp && flow[Flow.windowScale] !== NO_WINDOW_SCALE;
    const toServer = isRedirected(flow);
    const fromLocal = flow[Flow.replyDestination] !== flow[Flow.source] || flow[Flow.replyDport] !== flow[Flow.sport];
    const kind =
      (isTcp ? IS_TCP : 0) | (hasScales ? HAS_SCALES : 0) | (toServer ? TO_SERVER : 0) | (fromLocal ? FROM_LOCAL : 0);
    const at = this.#add(CREATE[kind]!);
    this.#original(at + TUPLE_AT, flow);
    this.#inverse(at + SECOND_AT, flow);
    this.#status(at + THIRD_AT, flow);
    this.#word(at + THIRD_AT + WORD, flow[Flow.timeout]!);
    this.#word(at + THIRD_AT + 2 * WORD, flow[Flow.mark]!);
    let next = at + THIRD_AT + 3 * WORD;
    if (isTcp) next = this.#tcp(next, flow, hasScales);
    if (toServer) next = this.#translation(next, flow[Flow.replySource]!, flow[Flow.replySport]!);
    if (fromLocal) this.#translation(next, flow[Flow.replyDestination]!, flow[Flow.replyDport]!);
    return this.#count - 1;
  }

  /** State, status and timeout of an entry; its status has to have all bits that the entry has. */
  update(flow: Uint32Array): number {
    const isTcp = flow[Flow.protocol] === IPPROTO_TCP;
    const at = this.#add(UPDATE[isTcp ? 1 : 0]!);
    this.#original(at + TUPLE_AT, flow);
    this.#status(at + SECOND_AT, flow);
    this.#word(at + SECOND_AT + WORD, flow[Flow.timeout]!);
    if (isTcp) this.#tcp(at + SECOND_AT + 2 * WORD, flow, false);
    return this.#count - 1;
  }

  /** The timeout of an entry, and nothing else. */
  refresh(flow: Uint32Array): number {
    const at = this.#add(REFRESH);
    this.#original(at + TUPLE_AT, flow);
    this.#word(at + SECOND_AT, flow[Flow.timeout]!);
    return this.#count - 1;
  }

  /** The bits of an entry's mark that `mask` selects, and nothing else. */
  remark(flow: Uint32Array, value: number, mask: number): number {
    const at = this.#add(REMARK);
    this.#original(at + TUPLE_AT, flow);
    this.#word(at + SECOND_AT, value);
    this.#word(at + SECOND_AT + WORD, mask);
    return this.#count - 1;
  }

  /** An entry, unless another one has taken its place: the kernel compares `id`. */
  delete(flow: Uint32Array, id: number): number {
    const at = this.#add(DELETE);
    this.#original(at + TUPLE_AT, flow);
    this.#word(at + SECOND_AT, id);
    return this.#count - 1;
  }

  /** The entry with the original tuple of `flow`. */
  get(flow: Uint32Array): number {
    const at = this.#add(GET_BY_ORIGINAL);
    this.#original(at + TUPLE_AT, flow);
    return this.#count - 1;
  }

  /** The entry with the reply tuple of `flow`: what the server sends. */
  getByReply(flow: Uint32Array): number {
    const at = this.#add(GET_BY_REPLY);
    const { replySource, replyDestination, replySport, replyDport } = Flow;
    this.#tuple(at + TUPLE_AT, flow, replySource, replyDestination, replySport, replyDport);
    return this.#count - 1;
  }

  /** The datagram, until the next `begin`. */
  finish(): Uint8Array {
    const flags = this.#view.getUint16(this.#last + 6, LITTLE_ENDIAN);
    this.#view.setUint16(this.#last + 6, flags | NLM_F_ACK, LITTLE_ENDIAN);
    return this.#bytes.subarray(0, this.#length);
  }

  #add(template: Uint8Array): number {
    if (this.#count === this.#capacity) throw new RangeError(`more than ${this.#capacity} requests`);
    const at = this.#length;
    this.#bytes.set(template, at);
    this.#view.setUint32(at + 8, this.#first + this.#count, LITTLE_ENDIAN);
    this.#last = at;
    this.#length += template.length;
    this.#count += 1;
    return at;
  }

  #word(at: number, value: number): void {
    this.#view.setUint32(at + 4, value);
  }

  #status(at: number, flow: Uint32Array): void {
    this.#word(at, (flow[Flow.status]! & (IPS_SEEN_REPLY | IPS_ASSURED)) | IPS_CONFIRMED);
  }

  #original(at: number, flow: Uint32Array): void {
    this.#tuple(at, flow, Flow.source, Flow.destination, Flow.sport, Flow.dport);
  }

  #inverse(at: number, flow: Uint32Array): void {
    this.#tuple(at, flow, Flow.destination, Flow.source, Flow.dport, Flow.sport);
  }

  /** The last four say where in `flow` the addresses and ports are. */
  #tuple(at: number, flow: Uint32Array, source: number, destination: number, sport: number, dport: number): void {
    this.#view.setUint32(at + 12, flow[source]!);
    this.#view.setUint32(at + 20, flow[destination]!);
    this.#bytes[at + 32] = flow[Flow.protocol]!;
    this.#view.setUint16(at + 40, flow[sport]!);
    this.#view.setUint16(at + 48, flow[dport]!);
  }

  #tcp(at: number, flow: Uint32Array, withScales: boolean): number {
    this.#bytes[at + 12] = flow[Flow.state]!;
    if (!withScales) return at + STATE_BYTES;
    this.#bytes[at + STATE_BYTES + 4] = flow[Flow.windowScale]! >>> 4;
    this.#bytes[at + STATE_BYTES + WORD + 4] = flow[Flow.windowScale]! & 15;
    return at + STATE_BYTES + SCALES_BYTES;
  }

  #translation(at: number, address: number, port: number): number {
    this.#view.setUint32(at + 8, address);
    this.#view.setUint32(at + 16, address);
    this.#view.setUint16(at + 28, port);
    this.#view.setUint16(at + 36, port);
    return at + NAT_BYTES;
  }
}
