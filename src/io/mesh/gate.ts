/**
 * Connections that have not said yet who they are: how many there may be, and for how long.
 *
 * Directors dial from their address of the cluster file. Each such address has places of its own, so that strangers, who share
 * theirs, can keep no director out.
 */
import type { Socket } from 'node:net';
import { HANDSHAKE_TIMEOUT } from './tls.ts';

const PLACES = { director: 8, strangers: 32 };

interface Waiting {
  readonly place: string;
  readonly socket: Socket;
  readonly timer: NodeJS.Timeout;
}

const STRANGERS = 'strangers';

export class Gate {
  readonly #waiting = new Map<string, Waiting>();
  readonly #taken = new Map<string, number>();
  readonly #gone: (outcome: 'too-late' | 'left') => void;

  /** `gone`: a connection that was let in has ended unauthenticated, by the clock or by itself. */
  constructor(gone: (outcome: 'too-late' | 'left') => void) {
    this.#gone = gone;
  }

  /** False when there is no place; the caller closes it. */
  admit(socket: Socket, directors: ReadonlySet<string>): boolean {
    const address = plain(socket.remoteAddress ?? '');
    const place = directors.has(address) ? address : STRANGERS;
    const taken = this.#taken.get(place) ?? 0;
    if (taken >= (place === STRANGERS ? PLACES.strangers : PLACES.director)) return false;
    this.#taken.set(place, taken + 1);
    const name = endpoint(socket);
    const timer = setTimeout(() => this.#leave(name, socket, 'too-late'), HANDSHAKE_TIMEOUT);
    this.#waiting.set(name, { place, socket, timer });
    socket.once('close', () => this.#leave(name, socket, 'left'));
    return true;
  }

  /** It has proved who it is, or was refused for a reason that has been told. False when it was not waiting any more. */
  done(socket: Socket): boolean {
    return this.#remove(endpoint(socket)) !== undefined;
  }

  /** Ends all that wait. */
  close(): void {
    for (const name of [...this.#waiting.keys()]) this.#remove(name)?.socket.destroy();
  }

  #leave(name: string, socket: Socket, outcome: 'too-late' | 'left'): void {
    if (this.#waiting.get(name)?.socket !== socket) return;
    this.#remove(name);
    socket.destroy();
    this.#gone(outcome);
  }

  #remove(name: string): Waiting | undefined {
    const waiting = this.#waiting.get(name);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(name);
    clearTimeout(waiting.timer);
    const left = this.#taken.get(waiting.place)! - 1;
    if (left > 0) this.#taken.set(waiting.place, left);
    else this.#taken.delete(waiting.place);
    return waiting;
  }
}

/** Both ends, since a TLS socket and the connection under it have nothing else in common. */
function endpoint(socket: Socket): string {
  return `${socket.remoteAddress} ${socket.remotePort} ${socket.localAddress} ${socket.localPort}`;
}

/** IPv4 as such, also from a listener of both families. */
function plain(address: string): string {
  return address.startsWith('::ffff:') ? address.slice(7) : address;
}
