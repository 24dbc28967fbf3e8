/**
 * One connection: a socket around a conversation. It opens from a given address and port (so that each flow can be told
 * from all others anywhere on its way), speaks when the conversation has a turn, and ends exactly once: `done`, `broken`
 * (it was established) or `failed` (it never was).
 */
import { connect, type Socket } from 'node:net';
import type { Conversation } from './conversation.ts';
import type { BrokenClass, FlowRow } from './protocol.ts';
import { errorClass, SLOW_OPEN, STALL } from './window.ts';

export interface FlowEvents {
  established(flow: Flow): void;
  /** Opening it takes too long; it may still succeed. Once. */
  slow(flow: Flow): void;
  /** A wait for the server ended after that many milliseconds. */
  waited(flow: Flow, milliseconds: number): void;
  /** A wait for the server passed `STALL`; once per wait. */
  stalled(flow: Flow): void;
  ended(flow: Flow, end: FlowEnd): void;
}

export type FlowEnd =
  | { readonly kind: 'done' }
  | { readonly kind: 'broken' | 'failed'; readonly class: BrokenClass; readonly detail: string };

export interface FlowPath {
  readonly address: string;
  readonly port: number;
  readonly localAddress: string;
  readonly localPort: number;
}

const OPEN_LIMIT = 5000;

export class Flow {
  readonly name: string;
  readonly conversation: Conversation;
  readonly attempted: number;
  established: number | undefined;
  longestStall = 0;
  readonly #socket: Socket;
  readonly #events: FlowEvents;
  readonly #now: () => number;
  #slow = false;
  #stalledSince: number | undefined;
  #ended = false;

  /** `now`: milliseconds on the client's clock. */
  constructor(path: FlowPath, conversation: Conversation, events: FlowEvents, now: () => number) {
    this.name = `${path.localAddress}:${path.localPort}`;
    this.conversation = conversation;
    this.attempted = now();
    this.#events = events;
    this.#now = now;
    this.#socket = connect({ host: path.address, ...path, noDelay: true });
    this.#socket.on('connect', () => this.#opened());
    this.#socket.on('data', (chunk: Buffer) => this.#received(chunk));
    this.#socket.on('end', () => this.#lost('closed', 'the server closed'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(errorClass(error.code), error.message));
  }

  /** Whether it waits for the server for longer than `STALL`. */
  get stalling(): boolean {
    return this.#stalledSince !== undefined;
  }

  /**
   * Called a few times a second: speaks if it is this side's turn, and gives up after `patience` milliseconds without
   * any progress.
   */
  visit(now: number, patience: number): void {
    if (this.#ended) return;
    if (this.established === undefined) this.#visitOpening(now);
    else this.#visitEstablished(now, patience);
  }

  /** The end of the run: closed by us, reported to nobody. */
  abandon(): void {
    this.#ended = true;
    this.#socket.destroy();
  }

  row(now: number): FlowRow {
    return {
      flow: this.name,
      load: this.conversation.load,
      server: this.conversation.server ?? null,
      started: Math.round(this.established ?? this.attempted),
      longestStall: Math.round(Math.max(this.longestStall, this.#waiting(now))),
      waiting: Math.round(this.#waiting(now)),
    };
  }

  #waiting(now: number): number {
    return now - (this.conversation.waitingSince ?? now);
  }

  #opened(): void {
    const now = this.#now();
    this.established = now;
    if (now - this.attempted >= SLOW_OPEN) this.#noteSlow();
    this.#events.established(this);
    this.#speak(now);
  }

  #received(chunk: Buffer): void {
    if (this.#ended) return;
    const now = this.#now();
    const waited = this.#waiting(now);
    const complaint = this.conversation.receive(chunk, now);
    if (complaint !== undefined) {
      this.#lost('wrong', complaint);
      return;
    }
    this.#progressed(waited);
    if (this.conversation.done) this.#end({ kind: 'done' });
    else this.#speak(now);
  }

  #progressed(waited: number): void {
    if (waited >= STALL && this.#stalledSince === undefined) this.#events.stalled(this);
    this.#stalledSince = undefined;
    this.longestStall = Math.max(this.longestStall, waited);
    this.#events.waited(this, waited);
  }

  #speak(now: number): void {
    const text = this.conversation.turn(now);
    if (text !== undefined) this.#socket.write(text, 'latin1');
  }

  #visitOpening(now: number): void {
    const took = now - this.attempted;
    if (took >= SLOW_OPEN) this.#noteSlow();
    if (took >= OPEN_LIMIT) this.#lost('timeout', `not open after ${OPEN_LIMIT} ms`);
  }

  #noteSlow(): void {
    if (this.#slow) return;
    this.#slow = true;
    this.#events.slow(this);
  }

  #visitEstablished(now: number, patience: number): void {
    this.#speak(now);
    const waiting = this.#waiting(now);
    if (waiting < STALL) return;
    if (this.#stalledSince === undefined) {
      this.#stalledSince = now - waiting;
      this.#events.stalled(this);
    }
    if (waiting < patience) return;
    this.longestStall = Math.max(this.longestStall, waiting);
    this.#events.waited(this, waiting);
    this.#lost('stalled', `nothing for ${Math.round(waiting)} ms`);
  }

  #lost(cause: BrokenClass, detail: string): void {
    this.#end({ kind: this.established === undefined ? 'failed' : 'broken', class: cause, detail });
  }

  #end(end: FlowEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#socket.destroy();
    this.#events.ended(this, end);
  }
}
