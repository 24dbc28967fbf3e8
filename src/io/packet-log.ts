/**
 * Listens to a group of nfnetlink_log: packets that a rule has logged, whole, each at once. The codec is
 * src/core/netlink/nflog.ts.
 */
import { getSystemErrorName } from 'node:util';
import { NetlinkSocket } from 'netlink-batch';
import { align, NetlinkReader, NetlinkWriter } from '../core/netlink/attributes.ts';
import { NETLINK_NETFILTER, NLM_F_ACK, NLM_F_REQUEST, NLMSG_ERROR } from '../core/netlink/codes.ts';
import {
  decodeLogged,
  encodeLogBind,
  encodeLogMode,
  type LoggedPacket,
  NFULNL_MSG_CONFIG,
  NFULNL_MSG_PACKET,
} from '../core/netlink/nflog.ts';
import { KernelError } from './kernel-error.ts';
import { netlinkRefusal } from './netlink-requests.ts';

const HEADER_BYTES = 16;
/** Room for the longest packet and what is said of it. */
const SLOT_BYTES = 66 * 1024;
const BATCH = 16;
/** A thousand long packets, or ten thousand short ones: what comes in the moment in which this thread does something else. */
const RECEIVE_BYTES = 16 * 1024 * 1024;

export interface PacketLogListener {
  /** What is logged is borrowed for the call. */
  onPacket(packet: LoggedPacket): void;
  /** The kernel dropped messages. */
  onLost(): void;
  onError(error: KernelError): void;
}

export class PacketLog {
  readonly #group: number;
  readonly #listener: PacketLogListener;
  readonly #socket: NetlinkSocket;
  /** Of the request that is under way: the kernel's errno when it has answered. */
  #answer: number | undefined;

  /**
   * Keeps the process alive until it is closed.
   *
   * @throws KernelError `log-listen` (`EBUSY` when somebody else listens to the group, `EPERM`)
   */
  constructor(group: number, listener: PacketLogListener) {
    this.#group = group;
    this.#listener = listener;
    this.#socket = this.#open();
    try {
      this.#request(encodeLogBind(group));
      this.#request(encodeLogMode(group));
    } catch (error) {
      this.#socket.close();
      throw error;
    }
  }

  close(): void {
    this.#socket.close();
  }

  #open(): NetlinkSocket {
    try {
      return new NetlinkSocket({
        protocol: NETLINK_NETFILTER,
        recvBufferSize: RECEIVE_BYTES,
        slotBytes: SLOT_BYTES,
        batch: BATCH,
        onBatch: (datagrams) => this.#take(datagrams),
        onLost: () => this.#listener.onLost(),
        onError: (error) => this.#listener.onError(netlinkRefusal('log-receive', { group: this.#group }, error)),
      });
    } catch (cause) {
      throw cause instanceof Error && 'syscall' in cause
        ? netlinkRefusal('log-listen', { group: this.#group }, cause)
        : cause;
    }
  }

  #request(payload: Uint8Array): void {
    const w = new NetlinkWriter().u32(0).u16(NFULNL_MSG_CONFIG);
    w.u16(NLM_F_REQUEST | NLM_F_ACK).u32(1);
    const message = w.u32(0).bytes(payload).endMessage(0).finish();
    this.#answer = undefined;
    this.#socket.send(message);
    // The answer is there; packets may be, too.
    while (this.#answer === undefined) {
      const datagrams = this.#socket.receive();
      if (datagrams === 0) throw new KernelError('log-listen', { group: this.#group, text: 'no answer' });
      if (datagrams > 0) this.#take(datagrams);
    }
    if (this.#answer === 0) return;
    throw new KernelError('log-listen', { group: this.#group, errno: getSystemErrorName(this.#answer) });
  }

  #take(datagrams: number): void {
    const { bytes, table } = this.#socket;
    for (let row = 0; row < datagrams && this.#socket.isOpen; row++) {
      const start = table[2 * row]!;
      this.#walk(bytes.subarray(start, start + table[2 * row + 1]!));
    }
  }

  /** The messages of one datagram. */
  #walk(datagram: Uint8Array): void {
    const reader = new NetlinkReader(datagram);
    for (let at = 0; at + HEADER_BYTES <= reader.length; ) {
      const length = reader.u32(at);
      if (length < HEADER_BYTES || at + length > reader.length) {
        this.#listener.onLost();
        return;
      }
      const type = reader.u16(at + 4);
      if (type === NLMSG_ERROR) this.#answer = reader.u32(at + HEADER_BYTES) | 0;
      else if (type === NFULNL_MSG_PACKET) this.#packet(datagram.subarray(at + HEADER_BYTES, at + length));
      at += align(length);
    }
  }

  #packet(payload: Uint8Array): void {
    const packet = decodeLogged(payload);
    if (packet !== undefined) this.#listener.onPacket(packet);
  }
}
