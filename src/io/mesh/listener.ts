/** The listening end: connections come in, are proved or refused, and are handed on when they are proved. */
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type Server as TlsServer } from 'node:tls';
import { KernelError } from '../kernel-error.ts';
import { Gate } from './gate.ts';
import { type Identity, isByKey, KEEP_ALIVE, parseIdentity, TLS } from './tls.ts';

export const REFUSALS = [
  /** More wait for their handshake than may. */
  'no-place',
  /** The handshake took too long. */
  'too-late',
  /** It went away before the end of the handshake. */
  'left',
  /** Something else than TLS 1.3. */
  'not-tls',
  /** TLS without a key, with an identity that no director has, or with an error. */
  'handshake',
  'unknown-key',
  'unknown-director',
  /** The director is known and is to be dialed from here: the cluster files differ. */
  'wrong-direction',
  /** The key's id is known, and its secret is another one. */
  'wrong-key',
] as const;

export type RefusalReason = (typeof REFUSALS)[number];

/** A connection that was not accepted. */
export interface Refusal {
  readonly reason: RefusalReason;
  /** Where it came from; undefined when it was gone already. */
  readonly address: string | undefined;
  /** What it claimed to be, unproved; only well-formed claims. */
  readonly claim: Identity | undefined;
}

export interface ListenerEvents {
  /** The key of a handshake, or why there is none. */
  keyOf(claim: Identity): Buffer | RefusalReason;
  /** The addresses that directors dial from. */
  directors(): ReadonlySet<string>;
  accepted(socket: TLSSocket, identity: Identity): void;
  refused(refusal: Refusal): void;
  listening(port: number): void;
  /** It is tried again every second. */
  failed(error: KernelError): void;
}

export interface Listen {
  readonly address: string;
  /** 0: the kernel chooses. */
  readonly port: number;
}

/** Milliseconds between two attempts to listen: the address may be one that appears later. */
const AGAIN = 1000;

export class MeshListener {
  readonly #events: ListenerEvents;
  readonly #gate: Gate;
  readonly #tls: TlsServer;
  /** What a socket's handshake claims, or why it is refused. */
  readonly #claims = new WeakMap<
    TLSSocket,
    { readonly claim: Identity | undefined; readonly refusal?: RefusalReason }
  >();
  #server: Server | undefined;
  #retry: NodeJS.Timeout | undefined;

  constructor(events: ListenerEvents) {
    this.#events = events;
    this.#gate = new Gate((reason) => events.refused({ reason, address: undefined, claim: undefined }));
    this.#tls = createTlsServer(
      { ...TLS, pskCallback: (socket, identity) => this.#keyFor(socket, identity) },
      (socket: TLSSocket) => this.#proved(socket),
    );
    this.#tls.on('tlsClientError', (error, socket) => this.#failed(error, socket));
  }

  /** Listens there, and no longer where it did; streams live on. */
  listen(where: Listen): void {
    this.#stop();
    const server = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE });
    this.#server = server;
    server.on('connection', (socket) => this.#connected(socket));
    server.on('listening', () => this.#events.listening(portOf(server)));
    server.on('error', (error: NodeJS.ErrnoException) => {
      // While it listens: no room for one more connection (EMFILE), which Node goes on from.
      if (this.#server !== server) return;
      const { address, port } = where;
      const errno = error.code === undefined ? {} : { errno: error.code };
      this.#events.failed(new KernelError('mesh-listen', { address, port, ...errno }, { cause: error }));
      if (!server.listening) this.#retry = setTimeout(() => this.listen(where), AGAIN);
    });
    server.listen({ host: where.address, port: where.port });
  }

  close(): void {
    this.#stop();
    this.#gate.close();
  }

  #stop(): void {
    clearTimeout(this.#retry);
    const server = this.#server;
    this.#server = undefined;
    if (server?.listening === true) server.close();
  }

  #connected(socket: Socket): void {
    if (this.#gate.admit(socket, this.#events.directors())) {
      this.#tls.emit('connection', socket);
      return;
    }
    this.#refuse('no-place', socket);
    socket.resetAndDestroy();
  }

  #keyFor(socket: TLSSocket, text: string): Buffer | null {
    const claim = parseIdentity(text);
    const key = claim === undefined ? 'handshake' : this.#events.keyOf(claim);
    this.#claims.set(socket, typeof key === 'string' ? { claim, refusal: key } : { claim });
    return typeof key === 'string' ? null : key;
  }

  #failed(error: NodeJS.ErrnoException, socket: TLSSocket): void {
    const refusal = this.#claims.get(socket)?.refusal ?? REFUSED_BY[error.code ?? ''] ?? 'handshake';
    // Not waiting any more: it has left, and that was told.
    if (error.code !== 'ECONNRESET' && this.#gate.done(socket)) this.#refuse(refusal, socket);
    socket.destroy();
  }

  #proved(socket: TLSSocket): void {
    const claim = this.#claims.get(socket)?.claim;
    if (!this.#gate.done(socket)) {
      socket.destroy();
      return;
    }
    // The ring and the directors may have changed since the handshake began.
    const key = claim === undefined || !isByKey(socket) ? 'handshake' : this.#events.keyOf(claim);
    if (typeof key !== 'string') {
      this.#events.accepted(socket, claim!);
      return;
    }
    this.#refuse(key, socket);
    socket.on('error', () => {}).destroy();
  }

  #refuse(reason: RefusalReason, socket: Socket): void {
    const claim = this.#claims.get(socket as TLSSocket)?.claim;
    this.#events.refused({ reason, address: socket.remoteAddress, claim });
  }
}

const REFUSED_BY: Readonly<Record<string, RefusalReason>> = {
  ERR_SSL_BINDER_DOES_NOT_VERIFY: 'wrong-key',
  ERR_SSL_WRONG_VERSION_NUMBER: 'not-tls',
  ERR_SSL_HTTP_REQUEST: 'not-tls',
  ERR_SSL_HTTPS_PROXY_REQUEST: 'not-tls',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'not-tls',
  ERR_SSL_UNKNOWN_PROTOCOL: 'not-tls',
};

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
