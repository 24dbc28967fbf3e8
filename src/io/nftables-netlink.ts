/**
 * The nf_tables part of nfnetlink: requests and dumps, in the network namespace that we run in. It only moves payloads
 * (src/core/dataplane/nftables-messages.ts has the codec) and turns refusals into `KernelError`.
 *
 * Nothing is subscribed to here: the package `netlink` does not survive lost notifications, while requests alone are safe.
 */
import { createRequire } from 'node:module';
import { NLM_F_DUMP } from '../core/netlink/codes.ts';
import { KernelError } from './kernel-error.ts';

const NETLINK_NETFILTER = 12;
const REQUEST_TIMEOUT_MS = 10_000;

/** What we use of the package's NetlinkSocket; its own types are those of Node 12. */
interface NetlinkSocket {
  request(
    type: number,
    payload: Uint8Array,
    options: { flags: number; timeout: number },
  ): Promise<[{ readonly data: Uint8Array }[], unknown]>;
  on(event: 'error', listener: (error: Error) => void): this;
  close(): void;
}

const require = createRequire(import.meta.url);

/** Opened with the first request, which does not keep the process alive once it is answered. */
export class NftablesNetlink {
  #socket: NetlinkSocket | undefined;
  /** The kernel allows one dump per socket: calls wait for those before them. */
  #last: Promise<unknown> = Promise.resolve();

  /** The payloads of the answers. `request` and `values` name it in the `KernelError`. */
  get(
    request: string,
    type: number,
    payload: Uint8Array,
    values: Readonly<Record<string, unknown>> = {},
  ): Promise<readonly Uint8Array[]> {
    return this.#exchange(request, type, 0, payload, values);
  }

  /** As `get`, for everything that the request selects. What changed meanwhile may be in it or not. */
  dump(
    request: string,
    type: number,
    payload: Uint8Array,
    values: Readonly<Record<string, unknown>> = {},
  ): Promise<readonly Uint8Array[]> {
    return this.#exchange(request, type, NLM_F_DUMP, payload, values);
  }

  /** A later request opens it again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  #exchange(
    request: string,
    type: number,
    flags: number,
    payload: Uint8Array,
    values: Readonly<Record<string, unknown>>,
  ): Promise<readonly Uint8Array[]> {
    const answer = this.#last.then(async () => {
      try {
        this.#socket ??= openSocket();
        const [parts] = await this.#socket.request(type, payload, { flags, timeout: REQUEST_TIMEOUT_MS });
        return parts.map(({ data }) => data);
      } catch (cause) {
        throw wrap(request, values, cause);
      }
    });
    this.#last = answer.catch(() => {});
    return answer;
  }
}

function openSocket(): NetlinkSocket {
  const { createNetlink } = require('netlink') as { createNetlink(protocol: number): NetlinkSocket };
  const socket = createNetlink(NETLINK_NETFILTER);
  // A request that hits a socket error ends by its timeout; without a listener the process would end instead.
  socket.on('error', () => {});
  return socket;
}

/** The package says `Request rejected: ENOENT` in a plain Error; failing system calls carry `code`. */
function wrap(request: string, values: Readonly<Record<string, unknown>>, cause: unknown): KernelError {
  const error = cause instanceof Error ? (cause as Error & { readonly code?: string }) : undefined;
  const errno = error?.code ?? /^Request rejected: (\w+)$/.exec(error?.message ?? '')?.[1];
  const details = errno === undefined ? { text: error?.message ?? String(cause) } : { errno };
  return new KernelError(request, { ...values, ...details }, { cause });
}
