/**
 * One family of generic netlink over our addon `netlink-batch`, in the network namespace that we run in.
 *
 * Duty: many requests in one datagram, each taken or refused by itself, and many small dumps one after the other; refusals with
 * their errno. It moves payloads; src/core/netlink has the codecs. The kernel answers a request before `send` returns, so nothing
 * is waited for but the event loop's other work, which has its turn between datagrams.
 *
 * Not over the npm package `netlink`: that makes one request at a time, with a turn of the event loop and a timer for each.
 */
import { setImmediate } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import { NetlinkSocket } from 'netlink-batch';
import { type AnswerListener, walkAnswers } from '../core/netlink/answers.ts';
import type { NetlinkWriter } from '../core/netlink/attributes.ts';
import { NLM_F_ACK, NLM_F_DUMP } from '../core/netlink/codes.ts';
import {
  CTRL_CMD_GETFAMILY,
  CTRL_VERSION,
  decodeFamily,
  encodeFamilyRequest,
  encodeGeneric,
  GENL_ID_CTRL,
  type GenericMessage,
  NETLINK_GENERIC,
} from '../core/netlink/generic.ts';
import { KernelError } from './kernel-error.ts';
import { netlinkRefusal, type RequestValues } from './netlink-requests.ts';

const NLMSG_HEADER_BYTES = 16;
/** In one datagram: some of them make the kernel compute for a millisecond. */
const MESSAGES = 32;
const RECEIVE_BYTES = 1 << 20;
/** How long others wait while dumps follow each other. */
const SLICE_MS = 2;
/** Turns of the event loop without an answer, until it is given up. */
const MAX_SILENCES = 1000;

/** What the kernel would not do. */
export interface GenericRefusal {
  /** Of the message among those given. */
  readonly index: number;
  /** Name of the errno, such as `EEXIST`. */
  readonly errno: string;
}

/** What a driver needs of a family; whoever stands for the kernel implements it, too. */
export interface GenericFamily {
  /** One after the other. @returns those that were refused; all others were done. @throws KernelError when none can be asked */
  perform(request: string, messages: readonly GenericMessage[]): Promise<readonly GenericRefusal[]>;
  /** What a request is answered by. @throws KernelError */
  get<T>(request: string, message: GenericMessage, decode: Decode<T>): Promise<T>;
  /** What dumps tell, one after the other; `undefined` for one that is refused, as it asks for what is not there. */
  dumps<T>(
    request: string,
    messages: readonly GenericMessage[],
    decode: Decode<T>,
  ): Promise<readonly (readonly T[] | undefined)[]>;
  close(): void;
}

/** Of a payload, generic header included, that is the socket's own memory: nothing of it may be kept. */
export type Decode<T> = (payload: Uint8Array) => T;

/** The answers to the requests of one datagram. */
class Answers<T> implements AnswerListener {
  readonly found: T[] = [];
  /** Positive, by index of the request; 0: done. Of the last one always, of others when they were refused. */
  readonly errnos = new Map<number, number>();
  readonly #view: DataView;
  readonly #first: number;
  readonly #count: number;
  readonly #decode: Decode<T>;

  /** `view` of what the socket receives; `first`: the first sequence number of `count`. */
  constructor(view: DataView, first: number, count: number, decode: Decode<T>) {
    this.#view = view;
    this.#first = first;
    this.#count = count;
    this.#decode = decode;
  }

  get isComplete(): boolean {
    return this.errnos.has(this.#count - 1);
  }

  walk(at: number, length: number): void {
    walkAnswers(this.#view, at, length, this.#first, this.#count, this);
  }

  message(_index: number, _type: number, at: number, end: number): void {
    const from = at + NLMSG_HEADER_BYTES;
    this.found.push(this.#decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + from, end - from)));
  }

  settled(index: number, errno: number): void {
    this.errnos.set(index, errno);
  }
}

/** Opened with the first request. The family's number is asked for then, too, which makes the kernel load its module. */
export class GenericNetlink implements GenericFamily {
  readonly #family: string;
  readonly #version: number;
  #socket: NetlinkSocket | undefined;
  #type: number | undefined;
  #view: DataView | undefined;
  #sequence = 1;
  /** Calls wait for those before them. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(family: string, version: number) {
    this.#family = family;
    this.#version = version;
  }

  perform(request: string, messages: readonly GenericMessage[]): Promise<readonly GenericRefusal[]> {
    return this.#inTurn(request, async (type) => {
      const refusals: GenericRefusal[] = [];
      for (let first = 0; first < messages.length; first += MESSAGES) {
        if (first > 0) await setImmediate();
        const part = messages.slice(first, first + MESSAGES);
        const { errnos } = await this.#exchange(request, type, this.#version, part, () => {});
        for (const [index, errno] of errnos) {
          if (errno !== 0) refusals.push({ index: first + index, errno: getSystemErrorName(-errno) });
        }
      }
      return refusals;
    });
  }

  get<T>(request: string, message: GenericMessage, decode: Decode<T>): Promise<T> {
    return this.#inTurn(request, (type) => this.#one(request, type, this.#version, message, decode));
  }

  dumps<T>(request: string, messages: readonly GenericMessage[], decode: Decode<T>) {
    return this.#inTurn(request, async (type) => {
      const all: (readonly T[] | undefined)[] = [];
      let begin = performance.now();
      for (const message of messages) {
        if (performance.now() - begin >= SLICE_MS) {
          await setImmediate();
          begin = performance.now();
        }
        const asked = { ...message, flags: message.flags | NLM_F_DUMP };
        const answers = this.#ask(type, this.#version, [asked], decode);
        // Nearly always all of them are there: a promise for each of a thousand dumps would cost as much as the dump.
        if (!this.#take(request, answers)) await this.#rest(request, answers);
        const { found, errnos } = answers;
        all.push((errnos.get(0) ?? 0) === 0 ? found : undefined);
      }
      return all;
    });
  }

  /** A later request opens it again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
    this.#type = undefined;
    this.#view = undefined;
  }

  #inTurn<T>(request: string, work: (type: number) => Promise<T>): Promise<T> {
    const result = this.#last.then(async () => {
      try {
        this.#type ??= await this.#findType();
        return await work(this.#type);
      } catch (cause) {
        // What is left of its answers, or of a dump, is not the next one's.
        this.close();
        throw cause instanceof Error && 'syscall' in cause ? netlinkRefusal(request, {}, cause) : cause;
      }
    });
    this.#last = result.catch(() => {});
    return result;
  }

  async #findType(): Promise<number> {
    const family = this.#family;
    const attributes = (w: NetlinkWriter) => encodeFamilyRequest(w, family);
    const message = { command: CTRL_CMD_GETFAMILY, flags: 0, attributes };
    const type = await this.#one('genl-family', GENL_ID_CTRL, CTRL_VERSION, message, decodeFamily, { family });
    if (type === undefined) throw new KernelError('genl-family', { family, text: 'the kernel told no number' });
    return type;
  }

  async #one<T>(
    request: string,
    type: number,
    version: number,
    message: GenericMessage,
    decode: Decode<T>,
    values: RequestValues = {},
  ): Promise<T> {
    const { found, errnos } = await this.#exchange(request, type, version, [message], decode);
    const errno = errnos.get(0) ?? 0;
    if (errno !== 0) throw new KernelError(request, { ...values, errno: getSystemErrorName(-errno) });
    if (found.length === 0) throw new KernelError(request, { ...values, text: 'the kernel told nothing' });
    return found[0]!;
  }

  /**
   * One datagram, and all answers to it. The kernel works through it in order and answers every refusal: so it is asked to
   * acknowledge the last request alone.
   */
  async #exchange<T>(
    request: string,
    type: number,
    version: number,
    messages: readonly GenericMessage[],
    decode: Decode<T>,
  ): Promise<Answers<T>> {
    const last = messages.length - 1;
    const asked = messages.map((one, at) => (at < last ? one : { ...one, flags: one.flags | NLM_F_ACK }));
    const answers = this.#ask(type, version, asked, decode);
    if (!this.#take(request, answers)) await this.#rest(request, answers);
    return answers;
  }

  #ask<T>(type: number, version: number, messages: readonly GenericMessage[], decode: Decode<T>): Answers<T> {
    this.#socket ??= new NetlinkSocket({ protocol: NETLINK_GENERIC, recvBufferSize: RECEIVE_BYTES });
    const { bytes } = this.#socket;
    this.#view ??= new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const first = this.#sequence;
    this.#sequence = (first + messages.length) >>> 0;
    this.#socket.send(encodeGeneric(type, version, messages, first));
    return new Answers(this.#view, first, messages.length, decode);
  }

  /** Takes what is there. @returns true when that is all */
  #take(request: string, answers: Answers<unknown>): boolean {
    const { table } = this.#socket!;
    while (!answers.isComplete) {
      const rows = this.#socket!.receive();
      if (rows < 0) throw new KernelError(request, { errno: 'ENOBUFS', text: 'answers were lost' });
      if (rows === 0) return false;
      for (let row = 0; row < rows; row++) answers.walk(table[2 * row]!, table[2 * row + 1]!);
    }
    return true;
  }

  async #rest(request: string, answers: Answers<unknown>): Promise<void> {
    for (let silences = 0; !this.#take(request, answers); silences++) {
      if (silences === MAX_SILENCES) throw new KernelError(request, { text: 'no answer' });
      await setImmediate();
    }
  }
}
