/**
 * rtnetlink sockets: requests and dumps over the npm package `netlink`, notifications over our `netlink-reader`.
 *
 * Duty: moves payloads (src/core/netlink has the codecs) and turns refusals into `KernelError`.
 * Why two packages: `netlink` 0.3.0 ends the whole process (C++ `terminate`) when the kernel reports lost notifications
 * (ENOBUFS), and takes a notification in the middle of a dump for the dump's end. Requests alone are safe: the kernel
 * sends no more of a dump than fits. `netlink` is loaded on first use, and through `require` because its own types are
 * those of Node 12.
 */
import { createRequire } from 'node:module';
import { NetlinkReader } from 'netlink-reader';
import { NLM_F_DUMP, NLM_F_DUMP_INTR } from '../core/netlink/codes.ts';
import { KernelError } from './kernel-error.ts';

const NETLINK_ROUTE = 0;
const REQUEST_TIMEOUT_MS = 5_000;
const DUMP_ATTEMPTS = 5;

interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
}

/** What we use of the package's NetlinkSocket. */
interface NetlinkSocket {
  request(
    type: number,
    payload: Uint8Array,
    options: { flags: number; timeout: number },
  ): Promise<[NetlinkMessage[], unknown]>;
  on(event: 'error', listener: (error: Error) => void): this;
  close(): void;
}

interface NetlinkModule {
  createNetlink(protocol: number): NetlinkSocket;
}

const require = createRequire(import.meta.url);
let loaded: NetlinkModule | undefined;

function createNetlink(): NetlinkSocket {
  loaded ??= require('netlink') as NetlinkModule;
  try {
    return loaded.createNetlink(NETLINK_ROUTE);
  } catch (cause) {
    throw wrap('rtnetlink-open', {}, cause);
  }
}

/**
 * A socket for requests, one at a time (the kernel allows one dump per socket): calls wait for those before them.
 * It does not keep the process alive between them.
 */
export class RtNetlink {
  readonly #socket = createNetlink();
  #last: Promise<unknown> = Promise.resolve();

  constructor() {
    // A request that hits a socket error ends by its timeout; without a listener the process would end instead.
    this.#socket.on('error', () => {});
  }

  /** Sends one request and waits for its acknowledgement; `request` and `values` name it in the `KernelError`. */
  async request(
    request: string,
    type: number,
    flags: number,
    payload: Uint8Array,
    values: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await this.#exchange(request, type, flags, payload, values);
  }

  /** The payloads of a dump; asked again when the kernel says that the table changed under it. */
  async dump(request: string, type: number, payload: Uint8Array): Promise<readonly Uint8Array[]> {
    for (let attempt = 1; ; attempt++) {
      const parts = await this.#exchange(request, type, NLM_F_DUMP, payload, {});
      const interrupted = parts.some((part) => (part.flags & NLM_F_DUMP_INTR) !== 0);
      if (!interrupted) return parts.map((part) => part.data);
      if (attempt === DUMP_ATTEMPTS) throw new KernelError(request, { errno: 'EINTR', attempts: attempt });
    }
  }

  close(): void {
    this.#socket.close();
  }

  #exchange(
    request: string,
    type: number,
    flags: number,
    payload: Uint8Array,
    values: Readonly<Record<string, unknown>>,
  ): Promise<readonly NetlinkMessage[]> {
    const answer = this.#last.then(async () => {
      try {
        const [parts] = await this.#socket.request(type, payload, { flags, timeout: REQUEST_TIMEOUT_MS });
        return parts;
      } catch (cause) {
        throw wrap(request, values, cause);
      }
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}

export interface RtNetlinkListener {
  /** `payload` is the message without the netlink header, borrowed for the call. */
  onMessage(type: number, payload: Uint8Array): void;
  /** Notifications were lost: dump again. */
  onLost(): void;
  onError(error: KernelError): void;
}

/** Listens to multicast groups (RTNLGRP_*) until the returned function is called. Keeps the process alive. */
export function subscribeRtNetlink(groups: readonly number[], listener: RtNetlinkListener): () => void {
  const reader = openReader(groups);
  reader.on('message', (type, _flags, payload) => listener.onMessage(type, payload));
  reader.on('lost', () => listener.onLost());
  reader.on('error', (error) => listener.onError(wrap('rtnetlink-receive', { groups }, error)));
  return () => void reader.close();
}

/** Where the addon itself cannot be loaded, its own error (`ERR_NETLINK_READER_LOAD`) says what to install. */
function openReader(groups: readonly number[]): NetlinkReader {
  try {
    return new NetlinkReader({ protocol: NETLINK_ROUTE, groups });
  } catch (cause) {
    throw cause instanceof Error && 'syscall' in cause ? wrap('rtnetlink-subscribe', { groups }, cause) : cause;
  }
}

/** The package says `Request rejected: EEXIST` in a plain Error; failing system calls carry `code`. */
function wrap(request: string, values: Readonly<Record<string, unknown>>, cause: unknown): KernelError {
  const error = cause instanceof Error ? (cause as Error & { readonly code?: string }) : undefined;
  const errno = error?.code ?? /^Request rejected: (\w+)$/.exec(error?.message ?? '')?.[1];
  const details = errno === undefined ? { text: error?.message ?? String(cause) } : { errno };
  return new KernelError(request, { ...values, ...details }, { cause });
}
