/**
 * Long dumps over our own addon, a few messages per turn of the event loop. The npm package `netlink` takes 32 in one turn, and
 * for each of them the kernel walks from its beginning what it has told already: of a map of 65,537 elements that is 30 ms.
 *
 * Duty: one dump at a time, refusals as `KernelError`. It moves payloads; the codecs are in the core.
 */
import { getSystemErrorName } from 'node:util';
import { NetlinkReader as Socket } from 'netlink-batch';
import { NetlinkReader, NetlinkWriter } from '../core/netlink/attributes.ts';
import { NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR } from '../core/netlink/codes.ts';
import { KernelError } from './kernel-error.ts';
import type { RequestValues } from './netlink-requests.ts';

/** The addon takes four batches in one turn. */
const BATCH = 1;

interface Waiting {
  readonly sequence: number;
  readonly parts: Uint8Array[];
  settle(errno: number): void;
}

type Details = Readonly<{ errno?: string; text?: string }>;

/** Opened with the first dump, which does not keep the process alive once it is answered. */
export class NetlinkDumps {
  readonly #protocol: number;
  readonly #timeout: number;
  #socket: Socket | undefined;
  #sequence = 0;
  #waiting: Waiting | undefined;
  /** Calls wait for those before them. */
  #last: Promise<unknown> = Promise.resolve();

  /** `protocol` is a NETLINK_* number; `timeout` in milliseconds bounds each dump. */
  constructor(protocol: number, timeout: number) {
    this.#protocol = protocol;
    this.#timeout = timeout;
  }

  /** The payloads of all answers; `request` and `values` name the dump in the `KernelError`. */
  dump(request: string, type: number, payload: Uint8Array, values: RequestValues): Promise<readonly Uint8Array[]> {
    const fault = (details: Details) => new KernelError(request, { ...values, ...details });
    const answer = this.#last.then(() => this.#exchange(type, payload, fault));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** A later dump opens it again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #exchange(
    type: number,
    payload: Uint8Array,
    fault: (details: Details) => KernelError,
  ): Promise<readonly Uint8Array[]> {
    this.#socket ??= this.#open();
    const socket = this.#socket;
    this.#sequence = (this.#sequence + 1) >>> 0;
    const sequence = this.#sequence;
    const parts: Uint8Array[] = [];
    let timer: NodeJS.Timeout | undefined;
    socket.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(fault({ text: `no answer within ${this.#timeout} ms` })), this.#timeout);
        const settle = (errno: number) => {
          if (errno === 0) resolve();
          else reject(fault({ errno: getSystemErrorName(-errno) }));
        };
        this.#waiting = { sequence, parts, settle };
        socket.send(dumpMessage(type, payload, sequence));
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
      socket.unref();
    }
    return parts;
  }

  #open(): Socket {
    const socket = new Socket({ protocol: this.#protocol, groups: [], batch: BATCH });
    socket.on('message', (type, _flags, payload, sequence) => this.#take(type, payload, sequence));
    // A dump that lost a part ends by its timeout.
    socket.on('error', () => {});
    return socket;
  }

  #take(type: number, payload: Uint8Array, sequence: number): void {
    const waiting = this.#waiting;
    if (waiting === undefined || waiting.sequence !== sequence) return;
    if (type === NLMSG_ERROR || type === NLMSG_DONE) {
      // Both begin with the negative errno, or 0.
      waiting.settle(payload.length < 4 ? 0 : -(new NetlinkReader(payload).u32(0) | 0));
      return;
    }
    // The memory is the socket's.
    waiting.parts.push(Uint8Array.from(payload));
  }
}

/** `struct nlmsghdr` and what follows it. */
function dumpMessage(type: number, payload: Uint8Array, sequence: number): Uint8Array {
  const w = new NetlinkWriter().u32(0).u16(type);
  w.u16(NLM_F_REQUEST | NLM_F_DUMP);
  return w.u32(sequence).u32(0).bytes(payload).endMessage(0).finish();
}
