/**
 * The nf_tables part of nfnetlink: requests, dumps and batches. It only moves payloads
 * (src/core/dataplane/nftables-messages.ts has the codec); refusals are `KernelError`s.
 */
import type { Batch } from '../core/netlink/batch.ts';
import { NLM_F_DUMP } from '../core/netlink/codes.ts';
import { NetlinkBatches } from './netlink-batch.ts';
import { type NetlinkMessage, NetlinkRequests, type RequestValues } from './netlink-requests.ts';

const NETLINK_NETFILTER = 12;
const REQUEST_TIMEOUT_MS = 10_000;
/**
 * Bytes. The kernel makes messages of a dump as large as what was last received into, up to this, and for each of them walks
 * from the beginning what it has told already: with the usual 4 KiB a map of 65,537 elements takes four times as long.
 */
const LARGEST_MESSAGE = 32_768;

export class NftablesNetlink {
  readonly #requests = new NetlinkRequests(NETLINK_NETFILTER, REQUEST_TIMEOUT_MS);
  /** Each of its messages takes up the whole of that in memory until it is collected. */
  readonly #largeRequests = new NetlinkRequests(NETLINK_NETFILTER, REQUEST_TIMEOUT_MS, LARGEST_MESSAGE);
  readonly #batches = new NetlinkBatches(NETLINK_NETFILTER, REQUEST_TIMEOUT_MS);

  /** The payloads of the answers. `request` and `values` name it in the `KernelError`. */
  get(request: string, type: number, payload: Uint8Array, values: RequestValues = {}): Promise<readonly Uint8Array[]> {
    return payloads(this.#requests.exchange(request, type, 0, payload, values));
  }

  /** As `get`, for everything that the request selects. What changed meanwhile may be in it or not. */
  dump(request: string, type: number, payload: Uint8Array, values: RequestValues = {}): Promise<readonly Uint8Array[]> {
    return payloads(this.#requests.exchange(request, type, NLM_F_DUMP, payload, values));
  }

  /** The same for what may be megabytes. */
  dumpLarge(request: string, type: number, payload: Uint8Array, values: RequestValues = {}) {
    return payloads(this.#largeRequests.exchange(request, type, NLM_F_DUMP, payload, values));
  }

  /** One transaction. The kernel takes all of it or nothing; the error says in `message` which one it would not take. */
  send(request: string, batch: Batch, values: RequestValues = {}): Promise<void> {
    return this.#batches.send(request, batch, values);
  }

  /** A later request opens it again. */
  close(): void {
    this.#requests.close();
    this.#largeRequests.close();
    this.#batches.close();
  }
}

async function payloads(answer: Promise<readonly NetlinkMessage[]>): Promise<readonly Uint8Array[]> {
  return (await answer).map(({ data }) => data);
}
