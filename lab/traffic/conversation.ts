/**
 * What a client says on one connection, and what it must hear. Pure: time comes in as an argument (milliseconds), text to
 * send and complaints go out. `flow.ts` puts a socket around it.
 *
 * - request/answer: `GET /at/<offset>` every `pause`; the load kinds `request` (200 ms), `idle` (10 s) and `short` (ends
 *   after a number of requests) differ only in these numbers.
 * - push: one `GET /stream`, then the client's application is silent and the server talks.
 * - bulk: both talk all the time; the server returns a record of its own for each of the client's (`mirror.ts`).
 */
import { AnswerReader, AtCheck, RecordCheck, readHead } from './answer.ts';
import { CLIENT, recordsText } from './mirror.ts';
import type { LoadKind } from './protocol.ts';

export interface Conversation {
  readonly load: LoadKind;
  readonly server: string | undefined;
  /** Since when bytes of the server are due; undefined while it is the client that is silent. */
  readonly waitingSince: number | undefined;
  /** True when the client has heard all it wanted and closes. */
  readonly done: boolean;
  /** Answers and stream bytes that were verified. */
  readonly answers: number;
  readonly streamed: number;
  /** What to send now, if anything is due. */
  turn(now: number): string | undefined;
  /** Takes bytes of the server; returns what is wrong with them, undefined if nothing is. */
  receive(chunk: Uint8Array, now: number): string | undefined;
}

export interface RequestPlan {
  readonly load: LoadKind;
  readonly host: string;
  /** Between an answer's request and the next request, milliseconds. */
  readonly pause: number;
  /** Requests before the client closes; undefined: never. */
  readonly limit?: number;
}

export class RequestConversation implements Conversation {
  readonly load: LoadKind;
  waitingSince: number | undefined;
  done = false;
  answers = 0;
  readonly streamed = 0;
  readonly #plan: RequestPlan;
  readonly #reader = new AnswerReader();
  readonly #check = new AtCheck();
  #offset = 0;
  #due = 0;

  constructor(plan: RequestPlan) {
    this.load = plan.load;
    this.#plan = plan;
  }

  get server(): string | undefined {
    return this.#check.server;
  }

  turn(now: number): string | undefined {
    if (this.done || this.waitingSince !== undefined || now < this.#due) return undefined;
    this.waitingSince = now;
    this.#due = now + this.#plan.pause;
    return request(`/at/${this.#offset}`, this.#plan.host);
  }

  receive(chunk: Uint8Array, now: number): string | undefined {
    const bodies = this.#reader.push(chunk);
    if (typeof bodies === 'string') return bodies;
    for (const body of bodies) {
      const complaint = this.#answer(body, now);
      if (complaint !== undefined) return complaint;
    }
    return undefined;
  }

  #answer(body: string, now: number): string | undefined {
    if (this.waitingSince === undefined) return 'an answer that nobody asked for';
    const complaint = this.#check.accept(body, this.#offset);
    if (complaint !== undefined) return complaint;
    this.waitingSince = undefined;
    this.answers += 1;
    this.#offset += body.length;
    // A late answer must not make the next requests come in a burst.
    this.#due = Math.max(this.#due, now);
    this.done = this.answers === this.#plan.limit;
    return undefined;
  }
}

/** The server talks; each gap between two pieces is a wait. At the end of the file it asks again. */
export class PushConversation implements Conversation {
  readonly load = 'push';
  waitingSince: number | undefined;
  readonly done = false;
  readonly answers = 0;
  streamed = 0;
  readonly #host: string;
  readonly #check = new RecordCheck();
  #head = '';
  #left: number | undefined;

  constructor(host: string) {
    this.#host = host;
  }

  get server(): string | undefined {
    return this.#check.server;
  }

  turn(now: number): string | undefined {
    if (this.waitingSince !== undefined) return undefined;
    this.waitingSince = now;
    return request('/stream', this.#host);
  }

  receive(chunk: Uint8Array, now: number): string | undefined {
    if (this.waitingSince === undefined) return 'bytes that nobody asked for';
    this.waitingSince = now;
    const body = this.#left === undefined ? this.#takeHead(chunk) : chunk;
    if (typeof body === 'string') return body;
    return this.#takeBody(body);
  }

  #takeHead(chunk: Uint8Array): Uint8Array | string {
    const before = this.#head.length;
    this.#head += Buffer.from(chunk).toString('latin1');
    const end = this.#head.indexOf('\r\n\r\n');
    if (end < 0) return this.#head.length > 4096 ? 'a head without an end' : new Uint8Array();
    const head = readHead(this.#head.slice(0, end));
    if (typeof head === 'string') return head;
    this.#head = '';
    this.#left = head.bodyLength;
    return chunk.subarray(end + 4 - before);
  }

  #takeBody(body: Uint8Array): string | undefined {
    if (body.length === 0) return undefined;
    const left = this.#left ?? 0;
    if (body.length > left) return 'bytes after the end of the stream';
    const complaint = this.#check.accept(body);
    if (complaint !== undefined) return complaint;
    this.streamed += body.length;
    this.#left = left - body.length;
    if (this.#left === 0) this.#begin();
    return undefined;
  }

  #begin(): void {
    this.#left = undefined;
    this.#check.restart();
    this.waitingSince = undefined;
  }
}

/** Sent at once: so much every pause, as long as the server keeps up. */
const PIECE = 8192;
const UNANSWERED = 4 * PIECE;

/** The client sends its own records; for each of them one of the server is due. */
export class BulkConversation implements Conversation {
  readonly load = 'bulk';
  waitingSince: number | undefined;
  readonly done = false;
  readonly answers = 0;
  readonly #check = new RecordCheck();
  readonly #pause: number;
  #sent = 0;
  #due = 0;

  /** `pause`: between two pieces, milliseconds. */
  constructor(pause: number) {
    this.#pause = pause;
  }

  get server(): string | undefined {
    return this.#check.server;
  }

  get streamed(): number {
    return this.#check.offset;
  }

  turn(now: number): string | undefined {
    if (now < this.#due || this.#sent - this.#check.offset >= UNANSWERED) return undefined;
    this.#due = now + this.#pause;
    this.waitingSince ??= now;
    const text = recordsText(CLIENT, this.#sent, PIECE);
    this.#sent += PIECE;
    return text;
  }

  receive(chunk: Uint8Array, now: number): string | undefined {
    const complaint = this.#check.accept(chunk);
    if (complaint !== undefined) return complaint;
    if (this.#check.offset > this.#sent) return 'more than was sent';
    this.waitingSince = this.#check.offset === this.#sent ? undefined : now;
    return undefined;
  }
}

function request(path: string, host: string): string {
  return `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`;
}
