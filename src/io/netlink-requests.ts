/**
 * Requests and dumps over the npm package `netlink`, for any netlink protocol, in the network namespace that we run in.
 *
 * Duty: one exchange at a time (the kernel allows one dump per socket), refusals as `KernelError`. It moves payloads;
 * src/core/netlink and src/core/dataplane have the codecs. Nothing is subscribed to here: the package does not survive
 * lost notifications (see rtnetlink.ts), while requests alone are safe.
 */
import { createRequire } from 'node:module';
import { KernelError } from './kernel-error.ts';

export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly data: Uint8Array;
}

/** What a request is about, for the `KernelError`. */
export type RequestValues = Readonly<Record<string, unknown>>;

/** What we use of the package's NetlinkSocket; its own types are those of Node 12. */
interface NetlinkSocket {
  request(
    type: number,
    payload: Uint8Array,
    options: { flags: number; timeout: number },
  ): Promise<[NetlinkMessage[], unknown]>;
  on(event: 'error', listener: (error: Error) => void): this;
  close(): void;
}

const require = createRequire(import.meta.url);

/** Opened with the first request, which does not keep the process alive once it is answered. */
export class NetlinkRequests {
  readonly #protocol: number;
  readonly #timeout: number;
  #socket: NetlinkSocket | undefined;
  /** Calls wait for those before them. */
  #last: Promise<unknown> = Promise.resolve();

  /** `protocol` is a NETLINK_* number; `timeout` in milliseconds bounds each answer. */
  constructor(protocol: number, timeout: number) {
    this.#protocol = protocol;
    this.#timeout = timeout;
  }

  /** Sends one request and waits for its answers; `request` and `values` name it in the `KernelError`. */
  exchange(
    request: string,
    type: number,
    flags: number,
    payload: Uint8Array,
    values: RequestValues,
  ): Promise<readonly NetlinkMessage[]> {
    const answer = this.#last.then(async () => {
      try {
        this.#socket ??= openSocket(this.#protocol);
        const [parts] = await this.#socket.request(type, payload, { flags, timeout: this.#timeout });
        return parts;
      } catch (cause) {
        throw netlinkRefusal(request, values, cause);
      }
    });
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** A later request opens it again. */
  close(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }
}

function openSocket(protocol: number): NetlinkSocket {
  const { createNetlink } = require('netlink') as { createNetlink(protocol: number): NetlinkSocket };
  const socket = createNetlink(protocol);
  // A request that hits a socket error ends by its timeout; without a listener the process would end instead.
  socket.on('error', () => {});
  return socket;
}

/** The package says `Request rejected: ENOENT` in a plain Error; failing system calls carry `code`. */
export function netlinkRefusal(request: string, values: RequestValues, cause: unknown): KernelError {
  const error = cause instanceof Error ? (cause as Error & { readonly code?: string }) : undefined;
  const errno = error?.code ?? /^Request rejected: (\w+)$/.exec(error?.message ?? '')?.[1];
  const details = errno === undefined ? { text: error?.message ?? String(cause) } : { errno };
  return new KernelError(request, { ...values, ...details }, { cause });
}
