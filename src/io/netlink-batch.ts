/**
 * Batches over the npm package `netlink`: one `sendmsg` each, in the network namespace that we run in.
 *
 * Duty: one batch at a time, its answers awaited, a refusal as `KernelError` that says which message of the batch it is about
 * (`message`, counted from 0; absent when it is about the whole). It moves bytes; src/core/netlink/batch.ts has the codec.
 * The package's socket is used raw: its own requests are one message each. It cannot be asked to ask for the kernel's
 * explanations (NETLINK_EXT_ACK), so a refusal has an errno and seldom words.
 */
import { createRequire } from 'node:module';
import { getSystemErrorName } from 'node:util';
import { type Batch, BatchAnswers, type BatchRefusal, encodeBatch } from '../core/netlink/batch.ts';
import { KernelError } from './kernel-error.ts';
import type { RequestValues } from './netlink-requests.ts';

/** What we use of the package's RawNetlinkSocket; its own types are those of Node 12. */
interface RawSocket {
  send(bytes: Uint8Array, options: object, done: (error?: Error) => void): void;
  on(event: 'message', listener: (bytes: Uint8Array, from: { readonly port: number }) => void): this;
  on(event: 'error', listener: (error: Error) => void): this;
  ref(): void;
  unref(): void;
  close(): void;
}

interface Waiting {
  readonly answers: BatchAnswers;
  settle(error?: unknown): void;
}

const require = createRequire(import.meta.url);
const LAST_SEQUENCE = 0x7fffffff;

/** Opened with the first batch, which does not keep the process alive once it is answered. */
export class NetlinkBatches {
  readonly #protocol: number;
  readonly #timeout: number;
  #socket: RawSocket | undefined;
  #sequence = 1;
  #waiting: Waiting | undefined;
  /** Calls wait for those before them. */
  #last: Promise<unknown> = Promise.resolve();

  /** `protocol` is a NETLINK_* number; `timeout` in milliseconds bounds each answer. */
  constructor(protocol: number, timeout: number) {
    this.#protocol = protocol;
    this.#timeout = timeout;
  }

  /** Sends a batch and waits for all of its answers. @throws KernelError; the kernel then took nothing of it */
  send(request: string, batch: Batch, values: RequestValues = {}): Promise<void> {
    const answer = this.#last.then(async () => {
      const refusals = await this.#exchange(batch, (text) => new KernelError(request, { ...values, text }));
      const refusal = refusals.find(({ index }) => index === undefined) ?? refusals[0];
      if (refusal !== undefined) throw batchRefusal(request, refusal, values);
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** A later batch opens it again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  async #exchange(batch: Batch, fault: (text: string) => KernelError): Promise<readonly BatchRefusal[]> {
    this.#socket ??= this.#open();
    const socket = this.#socket;
    const first = this.#take(batch.messages.length + 2);
    const answers = new BatchAnswers(first, batch.messages.length);
    let timer: NodeJS.Timeout | undefined;
    socket.ref();
    try {
      await new Promise<void>((resolve, reject) => {
        timer = setTimeout(() => reject(fault(`no answer within ${this.#timeout} ms`)), this.#timeout);
        this.#waiting = { answers, settle: (error) => (error === undefined ? resolve() : reject(error as Error)) };
        socket.send(encodeBatch(batch, first), {}, (error) => {
          if (error !== undefined) reject(fault(error.message));
        });
      });
    } finally {
      clearTimeout(timer);
      this.#waiting = undefined;
      if (this.#socket === socket) socket.unref();
    }
    return answers.refusals;
  }

  /** The first of as many sequence numbers. */
  #take(count: number): number {
    if (this.#sequence + count > LAST_SEQUENCE) this.#sequence = 1;
    const first = this.#sequence;
    this.#sequence += count;
    return first;
  }

  #open(): RawSocket {
    const { RawNetlinkSocket } = require('netlink') as { RawNetlinkSocket: new (protocol: number) => RawSocket };
    const socket = new RawNetlinkSocket(this.#protocol);
    socket.on('message', (bytes, { port }) => {
      if (port === 0) this.#receive(bytes);
    });
    // The package has closed the socket by then.
    socket.on('error', (error) => {
      if (this.#socket === socket) this.#socket = undefined;
      this.#waiting?.settle(error);
    });
    return socket;
  }

  #receive(bytes: Uint8Array): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    try {
      waiting.answers.take(bytes);
      if (waiting.answers.isComplete) waiting.settle();
    } catch (error) {
      waiting.settle(error);
    }
  }
}

/** The kernel's, of a batch for another generation of the ruleset; libuv, whose names Node knows, does not have it. */
const ERESTART = 85;

/** `index` and `errno` as the kernel gave them. */
function batchRefusal(request: string, { index, errno, text }: BatchRefusal, values: RequestValues): KernelError {
  const about = index === undefined ? {} : { message: index };
  const words = text === undefined ? {} : { text };
  const name = errno === ERESTART ? 'ERESTART' : getSystemErrorName(-errno);
  return new KernelError(request, { ...values, ...about, errno: name, ...words });
}
