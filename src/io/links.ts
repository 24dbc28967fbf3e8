/**
 * The machine's links and their IPv4 addresses, followed through rtnetlink.
 *
 * Duty: one dump, then notifications; each change is reported with the whole state of that link. Inputs: the kernel's
 * messages. Outputs: `LinkState`s, in the order of the events: a link that goes down and comes back is reported twice,
 * however fast it was. When notifications are lost, everything is dumped and reported again. It configures nothing.
 */
import { DecodeError } from '../core/base/decode-error.ts';
import {
  RTM_DELADDR,
  RTM_DELLINK,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTNLGRP_IPV4_IFADDR,
  RTNLGRP_LINK,
} from '../core/netlink/codes.ts';
import {
  type AddressMessage,
  decodeAddress,
  decodeLink,
  encodeAddressDump,
  encodeLinkDump,
  type LinkMessage,
} from '../core/netlink/link.ts';
import { type LinkState, LinkTable } from '../core/netlink/link-table.ts';
import { KernelError } from './kernel-error.ts';
import { RtNetlink, subscribeRtNetlink } from './rtnetlink.ts';

export type { LinkAddress, LinkState } from '../core/netlink/link-table.ts';

export interface LinkWatch {
  /** All links by name, as of the last message. */
  links(): ReadonlyMap<string, LinkState>;
  close(): void;
}

/**
 * Follows the links of this network namespace. When the promise is fulfilled, `links()` is complete; `onChange` then
 * gets what changes. A removed or renamed link is reported under its old name with `up: false` and no addresses; a
 * link may be reported again unchanged.
 */
export async function watchLinks(
  onChange: (link: LinkState) => void,
  onError: (error: KernelError) => void,
): Promise<LinkWatch> {
  const watcher = new Watcher(onChange, onError);
  try {
    await watcher.start();
  } catch (error) {
    watcher.close();
    throw error;
  }
  return watcher;
}

/** Links by name from a single dump, without following them. */
export async function readLinks(netlink: RtNetlink): Promise<readonly LinkMessage[]> {
  return decodeAll(await netlink.dump('link-dump', RTM_GETLINK, encodeLinkDump()), decodeLink);
}

class Watcher implements LinkWatch {
  readonly #table = new LinkTable();
  readonly #onChange: (link: LinkState) => void;
  readonly #onError: (error: KernelError) => void;
  readonly #netlink = new RtNetlink();
  readonly #unsubscribe: () => void;
  /** Notifications that arrived while a dump was under way; they are applied on top of it. */
  #waiting: { readonly type: number; readonly payload: Uint8Array }[] | undefined;
  #lost = false;
  #closed = false;

  constructor(onChange: (link: LinkState) => void, onError: (error: KernelError) => void) {
    this.#onChange = onChange;
    this.#onError = onError;
    this.#unsubscribe = subscribeRtNetlink([RTNLGRP_LINK, RTNLGRP_IPV4_IFADDR], {
      onMessage: (type, payload) => this.#receive(type, payload),
      onLost: () => void this.#resync(),
      onError,
    });
  }

  /** Subscribed already, so that nothing falls between the dump and the first notification. */
  async start(): Promise<void> {
    await this.#dump();
  }

  links(): ReadonlyMap<string, LinkState> {
    return this.#table.snapshot();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#unsubscribe();
    this.#netlink.close();
  }

  #receive(type: number, payload: Uint8Array): void {
    if (this.#closed) return;
    if (this.#waiting !== undefined) this.#waiting.push({ type, payload: Uint8Array.from(payload) });
    else this.#report(this.#apply(type, payload));
  }

  #apply(type: number, payload: Uint8Array): readonly LinkState[] {
    try {
      return applyMessage(this.#table, type, payload);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      void this.#resync();
      return [];
    }
  }

  async #resync(): Promise<void> {
    if (this.#waiting !== undefined) {
      this.#lost = true;
      return;
    }
    try {
      this.#report(await this.#dump());
    } catch (error) {
      if (this.#closed) return;
      this.#onError(error instanceof KernelError ? error : new KernelError('link-dump', {}, { cause: error }));
    }
  }

  /** Dumps until no notification was lost meanwhile, then applies those that came meanwhile. */
  async #dump(): Promise<readonly LinkState[]> {
    this.#waiting = [];
    try {
      const changes: LinkState[] = [];
      do {
        this.#lost = false;
        this.#waiting.length = 0;
        const links = await readLinks(this.#netlink);
        const addresses = await readAddresses(this.#netlink);
        changes.push(...this.#table.replaceAll(links, addresses));
      } while (this.#lost);
      const late = this.#waiting;
      return [...changes, ...late.flatMap(({ type, payload }) => applyMessage(this.#table, type, payload))];
    } finally {
      this.#waiting = undefined;
    }
  }

  #report(changes: readonly LinkState[]): void {
    for (const link of changes) {
      if (this.#closed) return;
      this.#onChange(link);
    }
  }
}

function applyMessage(table: LinkTable, type: number, payload: Uint8Array): readonly LinkState[] {
  if (type === RTM_NEWLINK || type === RTM_DELLINK) {
    const link = decodeLink(payload);
    if (link === undefined) return [];
    return type === RTM_NEWLINK ? table.newLink(link) : table.deleteLink(link.ifindex);
  }
  if (type === RTM_NEWADDR || type === RTM_DELADDR) {
    const address = decodeAddress(payload);
    if (address === undefined) return [];
    return type === RTM_NEWADDR ? table.newAddress(address) : table.deleteAddress(address);
  }
  return [];
}

async function readAddresses(netlink: RtNetlink): Promise<readonly AddressMessage[]> {
  return decodeAll(await netlink.dump('address-dump', RTM_GETADDR, encodeAddressDump()), decodeAddress);
}

function decodeAll<T>(parts: readonly Uint8Array[], decode: (bytes: Uint8Array) => T | undefined): readonly T[] {
  return parts.map(decode).filter((part) => part !== undefined);
}
