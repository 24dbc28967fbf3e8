/**
 * Batches of nfnetlink messages (linux/netfilter/nfnetlink.h): several requests in one datagram, of which the kernel takes
 * all or none.
 *
 *   BATCH_BEGIN | message | ... | message | BATCH_END        each: struct nlmsghdr (16 bytes), struct nfgenmsg (4), attributes
 *
 * In: messages and, where the state that they were made from matters, the generation of it. Out: the bytes of one datagram;
 * from the answers, what the kernel said of each message. Every message asks for an acknowledgement, and gets one also when
 * another one is refused; answers that name the beginning are about the batch as a whole (another generation, no permission,
 * a commit that failed).
 *
 * Not here: sockets and their sequence numbers, what is in the messages.
 */
import { DecodeError } from '../base/decode-error.ts';
import { align, NetlinkReader, NetlinkWriter } from './attributes.ts';
import { NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR, NLMSG_HEADER_BYTES } from './codes.ts';

const NFNL_MSG_BATCH_BEGIN = 0x10;
const NFNL_MSG_BATCH_END = 0x11;
const NFNL_BATCH_GENID = 1;

/** In an answer: there are attributes behind it; only the header of the request is in it. */
const NLM_F_ACK_TLVS = 0x200;
const NLM_F_CAPPED = 0x100;
const NLMSGERR_ATTR_MSG = 1;

/** Each answer takes its share of the socket's buffer, and one that does not fit is lost. */
export const MAX_BATCH_MESSAGES = 100;

export interface BatchMessage {
  readonly type: number;
  /** Beside NLM_F_REQUEST and NLM_F_ACK, which all of them have. */
  readonly flags: number;
  /** `struct nfgenmsg` and attributes. */
  readonly payload: Uint8Array;
}

export interface Batch {
  /** NFNL_SUBSYS_*: one batch is about one subsystem. */
  readonly subsystem: number;
  readonly messages: readonly BatchMessage[];
  /** Refused with ERESTART unless this is still the ruleset's generation. */
  readonly generation?: number | undefined;
}

/**
 * One datagram. BATCH_BEGIN has the sequence number `first`, each message the next one.
 *
 * @throws RangeError for more than MAX_BATCH_MESSAGES
 */
export function encodeBatch({ subsystem, messages, generation }: Batch, first: number): Uint8Array {
  if (messages.length > MAX_BATCH_MESSAGES) throw new RangeError(`${messages.length} messages in one batch`);
  const w = new NetlinkWriter();
  header(w, NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, first, () => {
    edge(w, subsystem);
    if (generation !== undefined) w.attribute(NFNL_BATCH_GENID, () => w.be32(generation));
  });
  messages.forEach(({ type, flags, payload }, index) => {
    header(w, type, flags | NLM_F_REQUEST | NLM_F_ACK, first + 1 + index, () => w.bytes(payload));
  });
  header(w, NFNL_MSG_BATCH_END, NLM_F_REQUEST, first + 1 + messages.length, () => edge(w, subsystem));
  return w.finish();
}

/** `struct nfgenmsg` of the beginning and the end: the subsystem, in network order, is what the batch is about. */
function edge(w: NetlinkWriter, subsystem: number): void {
  w.u8(0)
    .u8(0)
    .u8(subsystem >>> 8)
    .u8(subsystem & 0xff);
}

/** The port is left to the socket: the kernel fills nothing in, and compares nothing. */
function header(w: NetlinkWriter, type: number, flags: number, sequence: number, write: () => void): void {
  const start = w.position;
  w.u32(0).u16(type).u16(flags).u32(sequence).u32(0);
  write();
  w.endMessage(start);
}

/** What the kernel said of one message, or of all of them. */
export interface BatchRefusal {
  /** Of the message among those given; `undefined`: the batch as a whole. */
  readonly index: number | undefined;
  /** Positive. */
  readonly errno: number;
  /** The kernel's own words, where it has any. */
  readonly text: string | undefined;
}

/** Collects the answers to one batch. */
export class BatchAnswers {
  readonly #first: number;
  readonly #waiting: Set<number>;
  readonly #refusals: BatchRefusal[] = [];

  /** `first` as given to `encodeBatch`, for a batch of `count` messages. */
  constructor(first: number, count: number) {
    this.#first = first;
    this.#waiting = new Set(Array.from({ length: count }, (_, index) => first + 1 + index));
  }

  /** Every message was answered, or the batch as a whole was refused. */
  get isComplete(): boolean {
    return this.#waiting.size === 0 || this.#refusals.some(({ index }) => index === undefined);
  }

  /** In the order in which they came; empty: the kernel took everything, once the answers are complete. */
  get refusals(): readonly BatchRefusal[] {
    return this.#refusals;
  }

  /**
   * One datagram from the kernel. What answers another batch is passed over.
   *
   * @throws DecodeError when the messages do not fit into it
   */
  take(datagram: Uint8Array): void {
    const reader = new NetlinkReader(datagram);
    for (let at = 0; at < reader.length; ) {
      const length = reader.u32(at);
      if (length < NLMSG_HEADER_BYTES) throw new DecodeError('length', at, `message of ${length} bytes`);
      const message = reader.slice(at, length);
      if (message.u16(4) === NLMSG_ERROR) this.#note(message);
      at += align(length);
    }
  }

  /** `struct nlmsgerr`: the negative errno, the header of the request and, unless capped, the request; then attributes. */
  #note(message: NetlinkReader): void {
    const flags = message.u16(6);
    const errno = -(message.u32(NLMSG_HEADER_BYTES) | 0);
    const request = NLMSG_HEADER_BYTES + 4;
    const sequence = message.u32(request + 8);
    if (sequence !== this.#first && !this.#waiting.delete(sequence)) return;
    if (errno === 0) return;
    const repeated = (flags & NLM_F_CAPPED) === 0 ? message.u32(request) : NLMSG_HEADER_BYTES;
    const words = (flags & NLM_F_ACK_TLVS) === 0 ? undefined : message.attributes(request + align(repeated));
    const index = sequence === this.#first ? undefined : sequence - this.#first - 1;
    this.#refusals.push({ index, errno, text: words?.get(NLMSGERR_ATTR_MSG)?.text() });
  }
}
