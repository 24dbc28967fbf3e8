/** The dialing end for one peer: tries until it has a stream, fast at first, and again when the stream has ended. */
import { connect, type TLSSocket } from 'node:tls';
import { HANDSHAKE_TIMEOUT, isByKey, KEEP_ALIVE, TLS } from './tls.ts';

/**
 * Milliseconds before the next attempt: doubled with every one that failed. One that was away is found, by these and by the next,
 * before it takes itself for alone (`SETTLE` of core/sync/mesh/membership.ts) and announces without our connections.
 */
const FIRST = 50;
const LONGEST = 400;
/** How long the other end may take to answer a SYN: the kernel's own next one would be a second later. */
const CONNECT_TIMEOUT = 700;

export interface Target {
  readonly address: string;
  readonly port: number;
  /** The address that we dial from; undefined = any. */
  readonly from: string | undefined;
}

export interface DialerEvents {
  /** What to say who we are; asked for every attempt. */
  identity(): { readonly identity: string; readonly psk: Buffer };
  connected(socket: TLSSocket, identity: string): void;
  unreachable(reason: string): void;
}

export class Dialer {
  readonly target: Target;
  readonly #events: DialerEvents;
  #timer: NodeJS.Timeout | undefined;
  #socket: TLSSocket | undefined;
  #delay = FIRST;
  #stopped = false;

  constructor(target: Target, events: DialerEvents) {
    this.target = target;
    this.#events = events;
    this.#dial();
  }

  /** The stream has ended; `lived`: milliseconds. One that lived shorter than the longest delay counts as a failure. */
  again(lived: number): void {
    if (lived > LONGEST) this.#delay = FIRST;
    // A new target is dialed while the stream to the old one lives.
    if (this.#socket === undefined) this.#later();
  }

  /** No attempt any more; a stream that was handed out is not ours. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#socket?.destroy();
  }

  #later(): void {
    if (this.#stopped) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#dial(), this.#delay);
    this.#delay = Math.min(LONGEST, this.#delay * 2);
  }

  #dial(): void {
    const { address, port, from } = this.target;
    const { identity, psk } = this.#events.identity();
    const socket = connect({
      ...TLS,
      host: address,
      port,
      ...(from === undefined ? {} : { localAddress: from }),
      pskCallback: () => ({ psk, identity }),
      // Asked only when the other end shows a certificate instead of knowing the key.
      checkServerIdentity: () => new Error('a certificate instead of a key'),
      ca: [],
    });
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE);
    const timer = setTimeout(
      () => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })),
      HANDSHAKE_TIMEOUT,
    );
    const answer = setTimeout(() => socket.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), CONNECT_TIMEOUT);
    socket.once('connect', () => clearTimeout(answer));
    let reason = 'the peer has hung up';
    const failed = (error: NodeJS.ErrnoException) => {
      reason = reasonOf(error);
    };
    const gone = () => {
      clearTimeout(timer);
      clearTimeout(answer);
      this.#socket = undefined;
      if (this.#stopped) return;
      this.#events.unreachable(reason);
      this.#later();
    };
    socket.once('error', failed);
    socket.once('close', gone);
    socket.once('secureConnect', () => {
      if (this.#stopped || !isByKey(socket)) {
        reason = 'it has shown a certificate';
        socket.destroy();
        return;
      }
      clearTimeout(timer);
      socket.off('error', failed).off('close', gone);
      this.#socket = undefined;
      this.#events.connected(socket, identity);
    });
  }
}

/** What an alert of the other end means: all that it says. OpenSSL 3.5 has other alerts and other names for them than 3.0. */
function reasonOf({ code, message }: NodeJS.ErrnoException): string {
  if (code !== undefined && /ALERT_(ILLEGAL_PARAMETER|DECRYPT_ERROR)$/.test(code)) {
    return 'the peer has another secret for this key, or is another director';
  }
  if (code?.endsWith('ALERT_HANDSHAKE_FAILURE') === true) return 'the peer does not know this key or this director';
  return code ?? message;
}
