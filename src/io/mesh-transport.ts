/**
 * The transport of the sync mesh: one TLS 1.3 stream between any two directors, authenticated by the cluster's keys.
 *
 * In: where to listen, the ring of keys, the own name, and the directors of the cluster file. Out: streams of bytes, each with
 * the name that its key proves. Nothing of a connection is seen by anybody before that. It dials until it has a stream with
 * everyone whom it is to dial; the others dial. A newer stream with a director takes the place of the older one.
 *
 * It does not know what the bytes mean, does not judge who is silent, and keeps nothing for a peer without a stream.
 */
import type { TLSSocket } from 'node:tls';
import { activeKey, type SyncKey, type SyncKeyRing } from '../core/model/sync-keys.ts';
import type { Clock } from './clock.ts';
import type { KernelError } from './kernel-error.ts';
import { Dialer } from './mesh/dialer.ts';
import { type Listen, MeshListener, type Refusal, type RefusalReason } from './mesh/listener.ts';
import { MeshStream } from './mesh/stream.ts';
import { handshakeKey, type Identity, identityText } from './mesh/tls.ts';

export interface MeshPeer {
  readonly name: string;
  /** Where it listens; it dials from this address, too. */
  readonly address: string;
  readonly port: number;
  /** Whether we dial it; otherwise it dials us. */
  readonly dial: boolean;
}

export interface MeshOptions {
  readonly listen: Listen;
  readonly ring: SyncKeyRing;
  /** This director's name. */
  readonly self: string;
  /** Every other director of the cluster file. */
  readonly peers: readonly MeshPeer[];
}

/** What the owner hears. Nothing is called within a call of his own, and nothing after `close`. */
export interface MeshEvents {
  /** A stream with this director; `stream` differs from all before. */
  opened(peer: string, stream: number): void;
  /** The receiver may keep them. */
  bytes(peer: string, stream: number, bytes: Uint8Array): void;
  /** Once for every stream that was opened. */
  closed(peer: string, stream: number, reason: string): void;
  /** After a `send` that was answered with false. */
  writable(peer: string, stream: number): void;
  refused(refusal: Refusal): void;
  /** An attempt to dial has failed; the next one follows. */
  unreachable(peer: string, reason: string): void;
  listening(port: number): void;
  /** It cannot listen; it tries again every second. */
  failed(error: KernelError): void;
}

export interface MeshTransport {
  /**
   * Sends on the stream with the peer; the bytes must not change afterwards.
   *
   * @returns false: taken all the same, and no more is wanted until `writable`; or there is no stream, and nothing was taken
   */
  send(peer: string, bytes: Uint8Array): boolean;
  /** Ends the stream after what was sent; who dials goes on dialing. */
  disconnect(peer: string, reason: string): void;
  /** Streams whose director and key are still there live on. */
  configure(options: MeshOptions): void;
  /** Bytes that wait to be sent to the peer. */
  waiting(peer: string): number;
  /** Ends everything; what was sent is written within a second. */
  close(): void;
}

export function openMesh(options: MeshOptions, events: MeshEvents, clock: Clock): MeshTransport {
  return new Transport(options, events, clock);
}

class Transport implements MeshTransport {
  #options: MeshOptions;
  readonly #events: MeshEvents;
  readonly #clock: Clock;
  readonly #listener: MeshListener;
  #peers: ReadonlyMap<string, MeshPeer> = new Map();
  #addresses: ReadonlySet<string> = new Set();
  readonly #dialers = new Map<string, Dialer>();
  readonly #streams = new Map<string, MeshStream>();
  #nextId = 1;
  #closed = false;

  constructor(options: MeshOptions, events: MeshEvents, clock: Clock) {
    this.#options = options;
    this.#events = events;
    this.#clock = clock;
    this.#listener = new MeshListener({
      keyOf: (claim) => this.#keyOf(claim),
      directors: () => this.#addresses,
      accepted: (socket, { name, keyId }) => this.#open(socket, name, this.#key(keyId)!, false),
      refused: (refusal) => this.#tell(() => events.refused(refusal)),
      listening: (port) => this.#tell(() => events.listening(port)),
      failed: (error) => this.#tell(() => events.failed(error)),
    });
    this.#listener.listen(options.listen);
    this.#setPeers();
  }

  send(peer: string, bytes: Uint8Array): boolean {
    return this.#streams.get(peer)?.send(bytes) ?? false;
  }

  waiting(peer: string): number {
    return this.#streams.get(peer)?.waiting ?? 0;
  }

  disconnect(peer: string, reason: string): void {
    this.#streams.get(peer)?.end(reason);
  }

  configure(options: MeshOptions): void {
    const before = this.#options;
    this.#options = options;
    if (before.listen.address !== options.listen.address || before.listen.port !== options.listen.port) {
      this.#listener.listen(options.listen);
    }
    this.#setPeers();
    for (const stream of this.#streams.values()) {
      const reason = before.self === options.self ? this.#outdated(stream) : 'this director has another name';
      if (reason !== undefined) stream.end(reason);
    }
  }

  close(): void {
    this.#closed = true;
    this.#listener.close();
    for (const dialer of this.#dialers.values()) dialer.stop();
    for (const stream of this.#streams.values()) stream.end('the mesh is closed');
    this.#streams.clear();
  }

  #tell(call: () => void): void {
    if (!this.#closed) call();
  }

  #key(id: string): SyncKey | undefined {
    return this.#options.ring.find((key) => key.id === id);
  }

  /** The key of a handshake that a director begins, or why it gets none. */
  #keyOf({ keyId, name }: Identity): Buffer | RefusalReason {
    const key = this.#key(keyId);
    if (key === undefined) return 'unknown-key';
    const peer = this.#peers.get(name);
    if (peer === undefined) return 'unknown-director';
    return peer.dial ? 'wrong-direction' : handshakeKey(key, name, this.#options.self);
  }

  /** Peers, their addresses, and a dialer for each that is to be dialed. */
  #setPeers(): void {
    const { peers } = this.#options;
    this.#peers = new Map(peers.map((peer) => [peer.name, peer]));
    this.#addresses = new Set(peers.map(({ address }) => address));
    for (const [name, dialer] of this.#dialers) {
      const peer = this.#peers.get(name);
      if (peer?.dial === true && this.#sameTarget(dialer, peer)) continue;
      dialer.stop();
      this.#dialers.delete(name);
    }
    for (const peer of peers) {
      if (peer.dial && !this.#dialers.has(peer.name)) this.#dialers.set(peer.name, this.#dialerFor(peer));
    }
  }

  #sameTarget({ target }: Dialer, { address, port }: MeshPeer): boolean {
    return target.address === address && target.port === port && target.from === this.#source();
  }

  /** The address that the others know us by. */
  #source(): string | undefined {
    const { address } = this.#options.listen;
    return address === '0.0.0.0' || address === '::' ? undefined : address;
  }

  #dialerFor({ name, address, port }: MeshPeer): Dialer {
    let key = activeKey(this.#options.ring);
    return new Dialer(
      { address, port, from: this.#source() },
      {
        identity: () => {
          key = activeKey(this.#options.ring);
          const { self } = this.#options;
          return { identity: identityText({ keyId: key.id, name: self }), psk: handshakeKey(key, self, name) };
        },
        connected: (socket) => this.#open(socket, name, key, true),
        unreachable: (reason) => this.#tell(() => this.#events.unreachable(name, reason)),
      },
    );
  }

  #open(socket: TLSSocket, peer: string, key: SyncKey, dialed: boolean): void {
    this.#retire(this.#streams.get(peer), 'a newer stream has taken its place');
    const facts = { id: this.#nextId++, peer, key, dialed, since: this.#clock.now() };
    const stream = new MeshStream(socket, facts, {
      bytes: ({ facts: { id } }, bytes) => this.#tell(() => this.#events.bytes(peer, id, bytes)),
      writable: ({ facts: { id } }) => this.#tell(() => this.#events.writable(peer, id)),
      closed: (ended, reason) => this.#ended(ended, reason),
    });
    this.#streams.set(peer, stream);
    this.#tell(() => this.#events.opened(peer, facts.id));
  }

  /** Ends a stream and says so at once, before there is another one with this peer. */
  #retire(stream: MeshStream | undefined, reason: string): void {
    if (stream === undefined) return;
    stream.end(reason);
    this.#forget(stream, reason);
  }

  #ended(stream: MeshStream, reason: string): void {
    const { peer, since, dialed } = stream.facts;
    if (this.#streams.get(peer) !== stream) return;
    if (dialed) this.#dialers.get(peer)?.again(this.#clock.now() - since);
    this.#forget(stream, reason);
  }

  #forget(stream: MeshStream, reason: string): void {
    const { peer, id } = stream.facts;
    this.#streams.delete(peer);
    this.#tell(() => this.#events.closed(peer, id, reason));
  }

  /** Why a stream does not agree with the options any more; undefined when it does. */
  #outdated({ facts: { peer: name, key, dialed } }: MeshStream): string | undefined {
    const peer = this.#peers.get(name);
    if (peer === undefined) return 'the director is not in the cluster file any more';
    if (peer.dial !== dialed) return 'the other director dials now';
    const now = this.#key(key.id);
    return now?.secret.equals(key.secret) === true ? undefined : 'its key is not in the ring any more';
  }
}
