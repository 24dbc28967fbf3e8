/**
 * A kernel that speaks ctnetlink, in memory: sockets with filters on one side, a table of connections on the other, and between
 * them the kernel's own answers to what it cannot do. The driver on top of it is the real one.
 */
import { IPPROTO_TCP } from '../../core/base/ip-protocol.ts';
import { align, LITTLE_ENDIAN, NetlinkReader, NetlinkWriter, NLA_F_NESTED } from '../../core/netlink/attributes.ts';
import type { FilterInstruction } from '../../core/netlink/bpf.ts';
import {
  AF_INET,
  NLM_F_ACK,
  NLM_F_CREATE,
  NLM_F_DUMP,
  NLM_F_EXCL,
  NLM_F_MULTI,
  NLMSG_DONE,
  NLMSG_ERROR,
  NLMSG_HEADER_BYTES,
} from '../../core/netlink/codes.ts';
import type { Tuple } from '../../core/netlink/conntrack.ts';
import {
  CTA_ID,
  CTA_IP_V4_DST,
  CTA_IP_V4_SRC,
  CTA_MARK,
  CTA_MARK_MASK,
  CTA_NAT_DST,
  CTA_NAT_PROTO,
  CTA_NAT_SRC,
  CTA_NAT_V4_MINIP,
  CTA_PROTO_DST_PORT,
  CTA_PROTO_NUM,
  CTA_PROTO_SRC_PORT,
  CTA_PROTOINFO,
  CTA_PROTOINFO_TCP,
  CTA_PROTOINFO_TCP_STATE,
  CTA_PROTOINFO_TCP_WSCALE_ORIGINAL,
  CTA_PROTOINFO_TCP_WSCALE_REPLY,
  CTA_PROTONAT_PORT_MIN,
  CTA_STATUS,
  CTA_STATUS_MASK,
  CTA_TIMEOUT,
  CTA_TUPLE_IP,
  CTA_TUPLE_ORIG,
  CTA_TUPLE_PROTO,
  CTA_TUPLE_REPLY,
  IPCTNL_MSG_CT_DELETE,
  IPCTNL_MSG_CT_GET,
  IPCTNL_MSG_CT_NEW,
  IPS_ASSURED,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../../core/netlink/conntrack-codes.ts';
import { NO_STATE, NO_WINDOW_SCALE } from '../../core/netlink/flow.ts';
import type { CtnetlinkOptions, CtnetlinkSocket } from '../../io/ctnetlink.ts';
import { FakeEntries, type FakeEntry, type FakeEventKind, inverse, translationOf } from './fake-entries.ts';
import { passesFilter } from './fake-filter.ts';

const ENOENT = 2;
const ENOMEM = 12;
const EBUSY = 16;
const EEXIST = 17;
const EINVAL = 22;
const ERANGE = 34;
const EOPNOTSUPP = 95;
const TCP_STATES = 14;
/** IPS_EXPECTED and IPS_DYING: nobody may set them. */
const FORBIDDEN_STATUS = 0x1 | 0x200;
/** Once set, they stay. */
const LASTING_STATUS = IPS_SEEN_REPLY | IPS_ASSURED | IPS_CONFIRMED;

const GROUP_OF: Readonly<Record<FakeEventKind, number>> = {
  new: NFNLGRP_CONNTRACK_NEW,
  update: NFNLGRP_CONNTRACK_UPDATE,
  destroy: NFNLGRP_CONNTRACK_DESTROY,
};

type Attributes = ReadonlyMap<number, NetlinkReader>;

interface Request {
  readonly type: number;
  readonly flags: number;
  readonly attributes: Attributes;
}

export class FakeCtnetlink {
  readonly entries: FakeEntries;
  readonly #sockets = new Set<FakeSocket>();
  #nextPort = 1000;
  /** So many entries fit; a further one is refused. */
  room = Number.POSITIVE_INFINITY;

  constructor() {
    this.entries = new FakeEntries((kind, entry, withState, portId) => {
      const message = encodeEntry(kind, entry, withState, { sequence: 0, portId, flags: 0 });
      for (const socket of this.#sockets) socket.hear(GROUP_OF[kind], message);
    });
  }

  readonly open = (options: CtnetlinkOptions): CtnetlinkSocket => {
    const close = (socket: FakeSocket) => this.#sockets.delete(socket);
    const socket = new FakeSocket(options, this.#nextPort++, (sender, bytes) => this.#serve(sender, bytes), close);
    this.#sockets.add(socket);
    return socket;
  };

  /** What happens meanwhile is told to nobody; then each is told that something was lost. */
  async loseDuring(act: () => void | Promise<void>): Promise<void> {
    for (const socket of this.#sockets) socket.deaf = true;
    await act();
    for (const socket of this.#sockets) socket.hearAgain();
  }

  #serve(socket: FakeSocket, bytes: Uint8Array): void {
    const all = new NetlinkReader(bytes);
    for (let at = 0; at < bytes.length; ) {
      const length = all.u32(at);
      const message = all.slice(at, length);
      this.#answer(socket, message.u32(8), {
        type: message.u16(4),
        flags: message.u16(6),
        attributes: message.attributes(20),
      });
      at += align(length);
    }
  }

  #answer(socket: FakeSocket, sequence: number, request: Request): void {
    if (request.type === IPCTNL_MSG_CT_GET && (request.flags & NLM_F_DUMP) === NLM_F_DUMP) {
      for (const entry of this.entries.all().filter((one) => isSelected(one, request.attributes))) {
        socket.queue(encodeEntry('update', entry, true, { sequence, portId: socket.portId, flags: NLM_F_MULTI }));
      }
      socket.queue(encodeStatus(NLMSG_DONE, 0, sequence));
      return;
    }
    const done = this.#perform(socket, request);
    if (typeof done === 'object') {
      socket.queue(encodeEntry('update', done, true, { sequence, portId: socket.portId, flags: 0 }));
    }
    const errno = typeof done === 'number' ? done : 0;
    if (errno !== 0 || (request.flags & NLM_F_ACK) !== 0) socket.queue(encodeStatus(NLMSG_ERROR, errno, sequence));
  }

  /** Errno, or what was found. */
  #perform(socket: FakeSocket, { type, flags, attributes }: Request): number | FakeEntry {
    const original = tupleIn(attributes, CTA_TUPLE_ORIG);
    const reply = tupleIn(attributes, CTA_TUPLE_REPLY);
    const entry = original !== undefined ? this.entries.byOriginal(original) : reply && this.entries.byReply(reply);
    if (type === IPCTNL_MSG_CT_GET) return entry ?? ENOENT;
    if (type === IPCTNL_MSG_CT_DELETE) {
      const id = wordIn(attributes, CTA_ID);
      if (entry === undefined || (id !== undefined && id !== entry.id)) return ENOENT;
      this.entries.remove(entry, socket.portId);
      return 0;
    }
    if (type !== IPCTNL_MSG_CT_NEW || original === undefined) return EINVAL;
    if (entry === undefined) {
      return (flags & NLM_F_CREATE) === 0 ? ENOENT : this.#create(socket, original, reply, attributes);
    }
    return (flags & NLM_F_EXCL) !== 0 ? EEXIST : this.#update(socket, entry, attributes);
  }

  #create(socket: FakeSocket, original: Tuple, reply: Tuple | undefined, attributes: Attributes): number {
    const timeout = wordIn(attributes, CTA_TIMEOUT);
    const status = wordIn(attributes, CTA_STATUS) ?? IPS_CONFIRMED;
    const state = stateIn(attributes);
    if (timeout === undefined || reply === undefined) return EINVAL;
    if (this.entries.size >= this.room) return ENOMEM;
    if ((status & IPS_CONFIRMED) === 0 || (status & FORBIDDEN_STATUS) !== 0) return EBUSY;
    if (state !== undefined && state >= TCP_STATES) return ERANGE;
    const translated = translatedReply(original, attributes);
    if (this.entries.byReply(translated) !== undefined) return EEXIST;
    const isTcp = original.protocol === IPPROTO_TCP;
    const entry = this.entries.insert({
      original,
      reply: translated,
      mark: wordIn(attributes, CTA_MARK) ?? 0,
      status: (status & LASTING_STATUS) | translationOf(original, translated),
      timeout,
      state: isTcp ? (state ?? 0) : NO_STATE,
      windowScale: isTcp ? scaleIn(attributes) : NO_WINDOW_SCALE,
    });
    this.#tell('new', entry, socket);
    return 0;
  }

  #update(socket: FakeSocket, entry: FakeEntry, attributes: Attributes): number {
    if (attributes.has(CTA_NAT_SRC) || attributes.has(CTA_NAT_DST)) return EOPNOTSUPP;
    const status = wordIn(attributes, CTA_STATUS);
    if (status !== undefined) {
      if ((entry.status & LASTING_STATUS & ~status) !== 0 || (status & FORBIDDEN_STATUS) !== 0) return EBUSY;
      entry.status |= status & LASTING_STATUS;
    }
    const state = stateIn(attributes);
    if (state !== undefined && state >= TCP_STATES) return ERANGE;
    entry.state = state ?? entry.state;
    entry.timeout = wordIn(attributes, CTA_TIMEOUT) ?? entry.timeout;
    const mark = wordIn(attributes, CTA_MARK);
    if (mark !== undefined) {
      const mask = wordIn(attributes, CTA_MARK_MASK) ?? 0xffffffff;
      entry.mark = ((entry.mark & ~mask) ^ mark) >>> 0;
    }
    this.#tell('update', entry, socket);
    return 0;
  }

  #tell(kind: FakeEventKind, entry: FakeEntry, socket: FakeSocket): void {
    const message = encodeEntry(kind, entry, true, { sequence: 0, portId: socket.portId, flags: 0 });
    for (const other of this.#sockets) other.hear(GROUP_OF[kind], message);
  }
}

class FakeSocket implements CtnetlinkSocket {
  readonly bytes: Uint8Array;
  readonly table: Uint32Array;
  readonly portId: number;
  readonly #options: CtnetlinkOptions;
  readonly #groups: Set<number>;
  readonly #serve: (socket: FakeSocket, bytes: Uint8Array) => void;
  readonly #closed: (socket: FakeSocket) => void;
  #filter: readonly FilterInstruction[] | undefined;
  #queue: Uint8Array[] = [];
  #isDelivering = false;
  deaf = false;
  #missed = false;

  constructor(
    options: CtnetlinkOptions,
    portId: number,
    serve: (socket: FakeSocket, bytes: Uint8Array) => void,
    closed: (socket: FakeSocket) => void,
  ) {
    this.#options = options;
    this.portId = portId;
    this.bytes = new Uint8Array(options.batch * options.slotBytes);
    this.table = new Uint32Array(options.batch * 2);
    this.#groups = new Set(options.groups ?? []);
    this.#filter = options.filter;
    this.#serve = serve;
    this.#closed = closed;
  }

  filter(program: readonly FilterInstruction[]): void {
    this.#filter = program;
  }

  join(group: number): void {
    this.#groups.add(group);
  }

  send(bytes: Uint8Array): void {
    this.#serve(this, bytes.slice());
  }

  receive(): number {
    const rows = Math.min(this.#queue.length, this.#options.batch);
    for (const [row, message] of this.#queue.splice(0, rows).entries()) {
      this.bytes.set(message, row * this.#options.slotBytes);
      this.table[2 * row] = row * this.#options.slotBytes;
      this.table[2 * row + 1] = message.length;
    }
    return rows;
  }

  close(): void {
    this.#closed(this);
  }

  queue(message: Uint8Array): void {
    this.#queue.push(message);
  }

  hear(group: number, message: Uint8Array): void {
    if (!this.#groups.has(group)) return;
    if (this.#filter !== undefined && !passesFilter(this.#filter, message)) return;
    if (this.deaf) this.#missed = true;
    else this.#queue.push(message);
    this.#deliver();
  }

  hearAgain(): void {
    this.deaf = false;
    const missed = this.#missed;
    this.#missed = false;
    if (missed) this.#options.listener?.lost();
  }

  #deliver(): void {
    const { listener } = this.#options;
    if (listener === undefined || this.#isDelivering) return;
    this.#isDelivering = true;
    for (let rows = this.receive(); rows > 0; rows = this.receive()) listener.batch(rows);
    this.#isDelivering = false;
  }
}

// ---- messages -------------------------------------------------------------------------------------------------------

const wordIn = (attributes: Attributes, type: number): number | undefined => attributes.get(type)?.ipv4(0);
const swapped = (value: number): number => (LITTLE_ENDIAN ? ((value & 0xff) << 8) | (value >>> 8) : value);

function tupleIn(attributes: Attributes, type: number): Tuple | undefined {
  const tuple = attributes.get(type)?.attributes(0);
  const addresses = tuple?.get(CTA_TUPLE_IP)?.attributes(0);
  const ports = tuple?.get(CTA_TUPLE_PROTO)?.attributes(0);
  if (addresses === undefined || ports === undefined) return undefined;
  return {
    protocol: ports.get(CTA_PROTO_NUM)!.u8(0),
    source: addresses.get(CTA_IP_V4_SRC)!.ipv4(0),
    destination: addresses.get(CTA_IP_V4_DST)!.ipv4(0),
    sport: swapped(ports.get(CTA_PROTO_SRC_PORT)!.u16(0)),
    dport: swapped(ports.get(CTA_PROTO_DST_PORT)!.u16(0)),
  };
}

const tcpIn = (attributes: Attributes): Attributes | undefined =>
  attributes.get(CTA_PROTOINFO)?.attributes(0).get(CTA_PROTOINFO_TCP)?.attributes(0);

const stateIn = (attributes: Attributes): number | undefined => tcpIn(attributes)?.get(CTA_PROTOINFO_TCP_STATE)?.u8(0);

function scaleIn(attributes: Attributes): number {
  const tcp = tcpIn(attributes);
  const [original, reply] = [CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, CTA_PROTOINFO_TCP_WSCALE_REPLY].map(
    (type) => tcp?.get(type)?.u8(0) ?? 0,
  );
  return (original! << 4) | reply!;
}

/** What the other end answers to, after the translations that are asked for. */
function translatedReply(original: Tuple, attributes: Attributes): Tuple {
  const plain = inverse(original);
  const [to, from] = [CTA_NAT_DST, CTA_NAT_SRC].map((type) => {
    const nat = attributes.get(type)?.attributes(0);
    const port = nat?.get(CTA_NAT_PROTO)?.attributes(0).get(CTA_PROTONAT_PORT_MIN)?.u16(0);
    return nat && { address: nat.get(CTA_NAT_V4_MINIP)!.ipv4(0), port: swapped(port ?? 0) };
  });
  return {
    ...plain,
    ...(to && { source: to.address, sport: to.port }),
    ...(from && { destination: from.address, dport: from.port }),
  };
}

function isSelected(entry: FakeEntry, attributes: Attributes): boolean {
  const matches = (value: number, type: number, maskType: number) => {
    const wanted = wordIn(attributes, type);
    const mask = wordIn(attributes, maskType) ?? 0xffffffff;
    return wanted === undefined || (value & mask) >>> 0 === wanted;
  };
  return matches(entry.mark, CTA_MARK, CTA_MARK_MASK) && matches(entry.status, CTA_STATUS, CTA_STATUS_MASK);
}

const nested = (w: NetlinkWriter, type: number, write: () => void) => w.attribute(type | NLA_F_NESTED, write);
const word = (w: NetlinkWriter, type: number, value: number) => w.attribute(type, () => w.be32(value));

function writeTuple(w: NetlinkWriter, type: number, { protocol, source, destination, sport, dport }: Tuple): void {
  nested(w, type, () => {
    nested(w, CTA_TUPLE_IP, () => {
      word(w, CTA_IP_V4_SRC, source);
      word(w, CTA_IP_V4_DST, destination);
    });
    nested(w, CTA_TUPLE_PROTO, () => {
      w.attribute(CTA_PROTO_NUM, () => w.u8(protocol));
      w.attribute(CTA_PROTO_SRC_PORT, () => w.u16(swapped(sport)));
      w.attribute(CTA_PROTO_DST_PORT, () => w.u16(swapped(dport)));
    });
  });
}

interface Header {
  readonly sequence: number;
  readonly portId: number;
  readonly flags: number;
}

function encodeEntry(kind: FakeEventKind, entry: FakeEntry, withState: boolean, header: Header): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(kind === 'destroy' ? IPCTNL_MSG_CT_DELETE : IPCTNL_MSG_CT_NEW);
  w.u16(header.flags | (kind === 'new' ? NLM_F_CREATE | NLM_F_EXCL : 0));
  w.u32(header.sequence).u32(header.portId).u8(AF_INET).u8(0).u16(0);
  writeTuple(w, CTA_TUPLE_ORIG, entry.original);
  writeTuple(w, CTA_TUPLE_REPLY, entry.reply);
  word(w, CTA_ID, entry.id);
  word(w, CTA_STATUS, entry.status);
  word(w, CTA_TIMEOUT, entry.timeout);
  if (withState && entry.state !== NO_STATE) {
    nested(w, CTA_PROTOINFO, () =>
      nested(w, CTA_PROTOINFO_TCP, () => {
        w.attribute(CTA_PROTOINFO_TCP_STATE, () => w.u8(entry.state));
        if (kind === 'destroy') return;
        w.attribute(CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, () => w.u8(entry.windowScale >>> 4));
        w.attribute(CTA_PROTOINFO_TCP_WSCALE_REPLY, () => w.u8(entry.windowScale & 15));
      }),
    );
  }
  if (entry.mark !== 0) word(w, CTA_MARK, entry.mark);
  return w.endMessage(0).finish();
}

function encodeStatus(type: number, errno: number, sequence: number): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(type).u16(0).u32(sequence).u32(0);
  w.u32(-errno >>> 0);
  if (type === NLMSG_ERROR) w.u32(NLMSG_HEADER_BYTES).u16(0).u16(0).u32(sequence).u32(0);
  return w.endMessage(0).finish();
}
