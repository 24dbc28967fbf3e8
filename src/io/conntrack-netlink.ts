/**
 * The conntrack part of nfnetlink: requests and dumps over the npm package `netlink`, events over our `netlink-batch`
 * (`rtnetlink.ts` says why). It only moves payloads; src/core/netlink/conntrack.ts has the codec.
 */
import { NetlinkReader } from 'netlink-batch';
import type { FilterInstruction } from '../core/netlink/bpf.ts';
import { NLM_F_DUMP } from '../core/netlink/codes.ts';
import type { KernelError } from './kernel-error.ts';
import { NetlinkRequests, netlinkRefusal, type RequestValues } from './netlink-requests.ts';

const NETLINK_NETFILTER = 12;
/** A dump of a million connections takes two seconds on a quiet machine. */
const REQUEST_TIMEOUT_MS = 30_000;
/** Each event takes up 1,280 bytes of it, so that it holds 26,000: a quarter of a second at 100,000 a second. */
const RECEIVE_BYTES = 32 * 1024 * 1024;

export class ConntrackNetlink {
  readonly #requests = new NetlinkRequests(NETLINK_NETFILTER, REQUEST_TIMEOUT_MS);

  async request(request: string, type: number, payload: Uint8Array, values: RequestValues): Promise<void> {
    await this.#requests.exchange(request, type, 0, payload, values);
  }

  async dump(request: string, type: number, payload: Uint8Array): Promise<readonly Uint8Array[]> {
    const parts = await this.#requests.exchange(request, type, NLM_F_DUMP, payload, {});
    return parts.map(({ data }) => data);
  }

  /** A later request opens it again. */
  close(): void {
    this.#requests.close();
  }
}

export interface ConntrackListener {
  /** `payload` is the message without the netlink header, borrowed for the call. */
  onMessage(type: number, payload: Uint8Array): void;
  /** Events were lost: dump again. */
  onLost(): void;
  onError(error: KernelError): void;
}

/**
 * Listens to multicast groups (NFNLGRP_CONNTRACK_*) until the returned function is called, and to what the filter lets pass
 * only. Keeps the process alive.
 *
 * @throws KernelError `conntrack-subscribe`; an error with code `ERR_NETLINK_BATCH_LOAD` where the addon is missing
 */
export function subscribeConntrack(
  groups: readonly number[],
  filter: readonly FilterInstruction[],
  listener: ConntrackListener,
): () => void {
  const reader = openReader(groups, filter);
  reader.on('message', (type, _flags, payload) => listener.onMessage(type, payload));
  reader.on('lost', () => listener.onLost());
  reader.on('error', (error) => listener.onError(netlinkRefusal('conntrack-receive', { groups }, error)));
  return () => void reader.close();
}

function openReader(groups: readonly number[], filter: readonly FilterInstruction[]): NetlinkReader {
  try {
    return new NetlinkReader({ protocol: NETLINK_NETFILTER, groups, filter, recvBufferSize: RECEIVE_BYTES });
  } catch (cause) {
    throw cause instanceof Error && 'syscall' in cause
      ? netlinkRefusal('conntrack-subscribe', { groups }, cause)
      : cause;
  }
}
