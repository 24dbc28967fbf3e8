/**
 * One authenticated stream of the mesh: bytes in both directions, what waits to be written bounded, and one end.
 *
 * What is sent within one callback of the event loop goes out as one TLS record (or few), since a record costs about as much as
 * a thousand bytes.
 */
import type { TLSSocket } from 'node:tls';
import type { Instant } from '../../core/base/machine.ts';
import type { SyncKey } from '../../core/model/sync-keys.ts';

/** Bytes that wait to be written: from here on `send` says so. */
const ENOUGH = 1 << 20;
/** Nobody who heeds `send` gets there. The stream is ended, so that memory stays bounded. */
const TOO_MUCH = 64 << 20;
/** For the last words of a stream that is ended. */
const LINGER = 1000;

export interface StreamEvents {
  bytes(stream: MeshStream, bytes: Uint8Array): void;
  writable(stream: MeshStream): void;
  /** Once, never within a call of the stream's own. */
  closed(stream: MeshStream, reason: string): void;
}

export interface StreamFacts {
  readonly id: number;
  readonly peer: string;
  /** The key that it was opened with. */
  readonly key: SyncKey;
  /** Whether it was this director that dialed. */
  readonly dialed: boolean;
  readonly since: Instant;
}

export class MeshStream {
  readonly facts: StreamFacts;
  readonly #socket: TLSSocket;
  readonly #events: StreamEvents;
  #corked = false;
  #full = false;
  /** Why it has ended, as soon as it has. */
  #reason: string | undefined;

  constructor(socket: TLSSocket, facts: StreamFacts, events: StreamEvents) {
    this.facts = facts;
    this.#socket = socket;
    this.#events = events;
    socket.on('data', (chunk: Buffer) => {
      if (this.#reason === undefined) events.bytes(this, chunk);
    });
    socket.on('drain', () => {
      if (!this.#full || this.#reason !== undefined) return;
      this.#full = false;
      events.writable(this);
    });
    socket.on('error', (error: NodeJS.ErrnoException) => this.#finish(error.code ?? error.message));
    socket.on('end', () => this.#finish('the peer has ended it'));
    socket.on('close', () => this.#finish('the connection is gone'));
  }

  /** Bytes that wait to be written. */
  get waiting(): number {
    return this.#socket.writableLength;
  }

  get ended(): boolean {
    return this.#reason !== undefined;
  }

  /** Takes the bytes in any case while the stream lives; false: `writable` will follow, send no more until then. */
  send(bytes: Uint8Array): boolean {
    if (this.#reason !== undefined) return false;
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(bytes);
    if (this.#socket.writableLength < ENOUGH) return true;
    this.#full = true;
    if (this.#socket.writableLength > TOO_MUCH) this.end('the peer reads too slowly');
    return false;
  }

  /** Writes what waits, within a second, and ends the stream. */
  end(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#finish(reason);
    this.#socket.destroySoon();
    const timer = setTimeout(() => this.#socket.destroy(), LINGER);
    this.#socket.once('close', () => clearTimeout(timer));
  }

  #finish(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    process.nextTick(() => this.#events.closed(this, reason));
  }
}
