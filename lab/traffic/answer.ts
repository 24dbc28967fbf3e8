/**
 * The real servers' answers, read and checked by hand. A general HTTP library would hide what this client exists to
 * see: bytes that belong to another connection. Pure: bytes in, answers or a complaint out.
 *
 * `/at/<offset>` answers `<server> <connection> <requests on this connection> <offset>\n`, so that a connection that was
 * taken over by another server, or by another connection of the same server, shows at the next answer.
 * `/stream` answers 16-byte records `%-4s:%010d\n` (server, byte offset), so that every byte names its place.
 */
const HEAD_LIMIT = 4096;
const BODY_LIMIT = 1024;

/** Head of an answer. `bodyLength` in bytes. */
export interface AnswerHead {
  readonly bodyLength: number;
}

/** Reads a head that ends in an empty line; returns what is wrong with it as text. */
export function readHead(head: string): AnswerHead | string {
  const lines = head.split('\r\n');
  const status = lines[0] ?? '';
  if (!status.startsWith('HTTP/1.1 200 ')) return `status line ${JSON.stringify(status.slice(0, 60))}`;
  const length = lines.map((line) => /^content-length: *(\d+)$/i.exec(line)?.[1]).find((value) => value !== undefined);
  if (length === undefined) return 'an answer without Content-Length';
  return { bodyLength: Number(length) };
}

/** Splits a byte stream into small answers and returns their bodies. */
export class AnswerReader {
  #pending = '';

  /**
   * Takes a chunk of bytes.
   * @returns the complete bodies in it, or a complaint. After a complaint the connection is of no use.
   */
  push(chunk: Uint8Array): readonly string[] | string {
    this.#pending += latin1(chunk);
    const bodies: string[] = [];
    for (;;) {
      const end = this.#pending.indexOf('\r\n\r\n');
      if (end < 0) return this.#pending.length > HEAD_LIMIT ? 'a head without an end' : bodies;
      const head = readHead(this.#pending.slice(0, end));
      if (typeof head === 'string') return head;
      if (head.bodyLength > BODY_LIMIT) return `an answer of ${head.bodyLength} bytes`;
      const next = end + 4 + head.bodyLength;
      if (this.#pending.length < next) return bodies;
      bodies.push(this.#pending.slice(end + 4, next));
      this.#pending = this.#pending.slice(next);
    }
  }
}

/** Follows one connection's answers to `/at/<offset>`: same server, same connection, requests counted by ones. */
export class AtCheck {
  server: string | undefined;
  #connection = '';
  #requests = 0;

  /** @returns a complaint, or undefined if `body` is exactly what this connection must say next. */
  accept(body: string, offset: number): string | undefined {
    const match = /^(\S+) (\d+) (\d+) (\d+)\n$/.exec(body);
    if (match === null) return `body ${JSON.stringify(body.slice(0, 60))}`;
    const [, server = '', connection = '', requests, answered] = match;
    if (this.server !== undefined && server !== this.server) return `server ${server} after ${this.server}`;
    if (this.server !== undefined && connection !== this.#connection) {
      return `connection ${connection} of ${server} after ${this.#connection}`;
    }
    if (Number(requests) !== this.#requests + 1) return `request count ${requests} after ${this.#requests}`;
    if (Number(answered) !== offset) return `offset ${answered} instead of ${offset}`;
    this.server = server;
    this.#connection = connection;
    this.#requests += 1;
    return undefined;
  }
}

const RECORD = 16;
const NAME = 4;
const COLON = 0x3a;
const NEWLINE = 0x0a;
const ZERO = 0x30;
const NINE = 0x39;

/** Follows the body of `/stream`: each byte must be the one that belongs there. */
export class RecordCheck {
  server: string | undefined;
  /** Bytes verified since the last `restart`. */
  offset = 0;
  readonly #name = new Uint8Array(NAME);
  readonly #expected = new Uint8Array(RECORD);

  constructor() {
    this.restart();
  }

  /** The file begins again on the same connection; the server must stay the same. */
  restart(): void {
    this.offset = 0;
    this.#expected.fill(ZERO);
    this.#expected.set(this.#name);
    this.#expected[NAME] = COLON;
    this.#expected[RECORD - 1] = NEWLINE;
  }

  /** @returns a complaint, or undefined if all of `chunk` continues the stream. */
  accept(chunk: Uint8Array): string | undefined {
    for (let at = 0; at < chunk.length; at += 1) {
      const place = this.offset % RECORD;
      const byte = chunk[at] ?? 0;
      if (this.server === undefined && place < NAME) this.#learn(place, byte);
      else if (byte !== this.#expected[place]) return this.#complain(chunk, at);
      this.offset += 1;
      if (place === RECORD - 1) this.#advance();
    }
    return undefined;
  }

  #learn(place: number, byte: number): void {
    this.#name[place] = byte;
    this.#expected[place] = byte;
    if (place === NAME - 1) this.server = latin1(this.#name).trimEnd();
  }

  /** Adds 16 to the decimal offset in the expected record: formatting a number 160,000 times a second costs too much. */
  #advance(): void {
    let carry = RECORD;
    for (let place = RECORD - 2; carry > 0 && place > NAME; place -= 1) {
      const sum = (this.#expected[place] ?? ZERO) - ZERO + (carry % 10);
      carry = Math.floor(carry / 10) + (sum > 9 ? 1 : 0);
      this.#expected[place] = ZERO + (sum % 10);
    }
  }

  #complain(chunk: Uint8Array, at: number): string {
    const place = this.offset % RECORD;
    const got = latin1(chunk.subarray(Math.max(0, at - place), at - place + RECORD)).trimEnd();
    const byte = chunk[at] ?? 0;
    const what = place < NAME ? 'server' : byte >= ZERO && byte <= NINE ? 'offset' : 'record';
    return `${what} ${JSON.stringify(got)} instead of ${JSON.stringify(latin1(this.#expected).trimEnd())}`;
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
