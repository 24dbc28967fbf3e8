/**
 * rtnetlink sockets: requests and dumps over the npm package `netlink`, notifications over our `netlink-batch`.
 *
 * Duty: moves payloads (src/core/netlink has the codecs) and turns refusals into `KernelError`.
 * Why two packages: `netlink` 0.3.0 ends the whole process (C++ `terminate`) when the kernel reports lost notifications
 * (ENOBUFS), and takes a notification in the middle of a dump for the dump's end. Requests alone are safe: the kernel
 * sends no more of a dump than fits.
 */
import { NetlinkReader } from 'netlink-batch';
import { NETLINK_ROUTE, NLM_F_DUMP, NLM_F_DUMP_INTR } from '../core/netlink/codes.ts';
import { KernelError } from './kernel-error.ts';
import { NetlinkRequests, netlinkRefusal, type RequestValues } from './netlink-requests.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const DUMP_ATTEMPTS = 5;

/** A socket for requests, one at a time. */
export class RtNetlink {
  readonly #requests = new NetlinkRequests(NETLINK_ROUTE, REQUEST_TIMEOUT_MS);

  /** Sends one request and waits for its acknowledgement; `request` and `values` name it in the `KernelError`. */
  async request(
    request: string,
    type: number,
    flags: number,
    payload: Uint8Array,
    values: RequestValues,
  ): Promise<void> {
    await this.#requests.exchange(request, type, flags, payload, values);
  }

  /** The payloads of a dump; asked again when the kernel says that the table changed under it. */
  async dump(request: string, type: number, payload: Uint8Array): Promise<readonly Uint8Array[]> {
    for (let attempt = 1; ; attempt++) {
      const parts = await this.#requests.exchange(request, type, NLM_F_DUMP, payload, {});
      const interrupted = parts.some((part) => (part.flags & NLM_F_DUMP_INTR) !== 0);
      if (!interrupted) return parts.map((part) => part.data);
      if (attempt === DUMP_ATTEMPTS) throw new KernelError(request, { errno: 'EINTR', attempts: attempt });
    }
  }

  close(): void {
    this.#requests.close();
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
  reader.on('error', (error) => listener.onError(netlinkRefusal('rtnetlink-receive', { groups }, error)));
  return () => void reader.close();
}

/** Where the addon itself cannot be loaded, its own error (`ERR_NETLINK_BATCH_LOAD`) says what to install. */
function openReader(groups: readonly number[]): NetlinkReader {
  try {
    return new NetlinkReader({ protocol: NETLINK_ROUTE, groups });
  } catch (cause) {
    throw cause instanceof Error && 'syscall' in cause
      ? netlinkRefusal('rtnetlink-subscribe', { groups }, cause)
      : cause;
  }
}
