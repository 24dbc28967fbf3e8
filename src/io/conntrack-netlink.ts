/**
 * The conntrack part of nfnetlink, what is asked seldom: requests and small dumps over the npm package `netlink`. It only moves
 * payloads; src/core/netlink has the codecs. Events and large dumps: `ctnetlink.ts`.
 */
import { NETLINK_NETFILTER, NLM_F_DUMP } from '../core/netlink/codes.ts';
import { NetlinkRequests, type RequestValues } from './netlink-requests.ts';

/** A dump of a million connections takes two seconds on a quiet machine. */
const REQUEST_TIMEOUT_MS = 30_000;

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
