/**
 * What the kernel's link and address messages add up to.
 *
 * Duty: keeps the links by index and says, for each message, which link state to report. Inputs: decoded messages in
 * the order they came. Outputs: `LinkState`s. It reads no socket and decides nothing about routing.
 * A link that disappears, or changes its name, is reported under its old name as down and without addresses.
 */
import type { Ipv4 } from '../base/ipv4.ts';
import type { AddressMessage, LinkMessage } from './link.ts';

export interface LinkAddress {
  readonly address: Ipv4;
  readonly prefixLength: number;
}

export interface LinkState {
  readonly name: string;
  readonly ifindex: number;
  /** Administratively up and with a carrier. */
  readonly up: boolean;
  readonly mtu: number;
  /** Primary addresses first. */
  readonly addresses: readonly LinkAddress[];
}

export class LinkTable {
  readonly #links = new Map<number, LinkMessage>();
  readonly #addresses = new Map<number, AddressMessage[]>();

  /** All links by name, as of now. */
  snapshot(): ReadonlyMap<string, LinkState> {
    const states = [...this.#links.values()].map((link) => this.#state(link));
    return new Map(states.map((state) => [state.name, state]));
  }

  newLink(link: LinkMessage): LinkState[] {
    const before = this.#links.get(link.ifindex);
    this.#links.set(link.ifindex, link);
    const renamed = before !== undefined && before.name !== link.name ? [gone(before)] : [];
    return [...renamed, this.#state(link)];
  }

  deleteLink(ifindex: number): LinkState[] {
    const before = this.#links.get(ifindex);
    this.#links.delete(ifindex);
    this.#addresses.delete(ifindex);
    return before === undefined ? [] : [gone(before)];
  }

  /** An address message may come before its link's; it is kept, and reported with the link. */
  newAddress(message: AddressMessage): LinkState[] {
    const list = this.#addresses.get(message.ifindex) ?? [];
    const at = list.findIndex((other) => sameAddress(other, message));
    if (at < 0) list.push(message);
    else list[at] = message;
    this.#addresses.set(message.ifindex, list);
    return this.#report(message.ifindex);
  }

  deleteAddress(message: AddressMessage): LinkState[] {
    const list = this.#addresses.get(message.ifindex) ?? [];
    this.#addresses.set(
      message.ifindex,
      list.filter((other) => !sameAddress(other, message)),
    );
    return this.#report(message.ifindex);
  }

  /**
   * Starts again from a full dump, after notifications were lost. Every link is reported, changed or not: it may have
   * gone down and come back unseen, and the kernel drops routes silently when that happens.
   */
  replaceAll(links: readonly LinkMessage[], addresses: readonly AddressMessage[]): LinkState[] {
    const before = [...this.#links.values()];
    this.#links.clear();
    this.#addresses.clear();
    for (const message of addresses) this.newAddress(message);
    const now = links.flatMap((link) => this.newLink(link));
    const names = new Set(now.map((state) => state.name));
    return [...before.filter((link) => !names.has(link.name)).map(gone), ...now];
  }

  #report(ifindex: number): LinkState[] {
    const link = this.#links.get(ifindex);
    return link === undefined ? [] : [this.#state(link)];
  }

  #state(link: LinkMessage): LinkState {
    const all = this.#addresses.get(link.ifindex) ?? [];
    const ordered = [...all.filter((a) => !a.secondary), ...all.filter((a) => a.secondary)];
    const addresses = ordered.map(({ address, prefixLength }) => ({ address, prefixLength }));
    return { name: link.name, ifindex: link.ifindex, up: link.up, mtu: link.mtu, addresses };
  }
}

function sameAddress(a: AddressMessage, b: AddressMessage): boolean {
  return a.address === b.address && a.prefixLength === b.prefixLength;
}

function gone(link: LinkMessage): LinkState {
  return { name: link.name, ifindex: link.ifindex, up: false, mtu: link.mtu, addresses: [] };
}
