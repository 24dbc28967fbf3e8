/**
 * The nf_tables part of nfnetlink: requests, dumps and batches. It only moves payloads
 * (src/core/dataplane/nft/messages.ts has the codec); refusals are `KernelError`s.
 */
import type { Batch } from '../core/netlink/batch.ts';
import { NETLINK_NETFILTER, NLM_F_DUMP } from '../core/netlink/codes.ts';
import { NetlinkBatches } from './netlink-batch.ts';
import { NetlinkDumps } from './netlink-dumps.ts';
import { type NetlinkMessage, NetlinkRequests, type RequestValues } from './netlink-requests.ts';

const REQUEST_TIMEOUT_MS = 10_000;

export class NftablesNetlink {
  readonly #requests = new NetlinkRequests(NETLINK_NETFILTER, REQUEST_TIMEOUT_MS);
  readonly #dumps = new NetlinkDumps(NETLINK_NETFILTER, REQUEST_TIMEOUT_MS);
  readonly #batches = new NetlinkBatches(NETLINK_NETFILTER, REQUEST_TIMEOUT_MS);

  /** The payloads of the answers. `request` and `values` name it in the `KernelError`. */
  get(request: string, type: number, payload: Uint8Array, values: RequestValues = {}): Promise<readonly Uint8Array[]> {
    return payloads(this.#requests.exchange(request, type, 0, payload, values));
  }

  /** As `get`, for everything that the request selects. What changed meanwhile may be in it or not. */
  dump(request: string, type: number, payload: Uint8Array, values: RequestValues = {}): Promise<readonly Uint8Array[]> {
    return payloads(this.#requests.exchange(request, type, NLM_F_DUMP, payload, values));
  }

  /** The same for what may be megabytes: it comes in pieces, between which the event loop goes round. */
  dumpLarge(request: string, type: number, payload: Uint8Array, values: RequestValues = {}) {
    return this.#dumps.dump(request, type, payload, values);
  }

  /** One transaction. The kernel takes all of it or nothing; the error says in `message` which one it would not take. */
  send(request: string, batch: Batch, values: RequestValues = {}): Promise<void> {
    return this.#batches.send(request, batch, values);
  }

  /** A later request opens it again. */
  close(): void {
    this.#requests.close();
    this.#dumps.close();
    this.#batches.close();
  }
}

async function payloads(answer: Promise<readonly NetlinkMessage[]>): Promise<readonly Uint8Array[]> {
  return (await answer).map(({ data }) => data);
}
