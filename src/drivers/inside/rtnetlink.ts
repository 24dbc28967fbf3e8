/** Inside addresses in this network namespace, over rtnetlink and a packet socket. Nothing is remembered between calls. */
import { setTimeout } from 'node:timers/promises';
import { decodeEthernet, decodeHeldAddress, encodeHeldAddress } from '../../core/inside/address-messages.ts';
import { gratuitousArp } from '../../core/inside/gratuitous-arp.ts';
import {
  type FoundInside,
  formatInsideOp,
  formatLeft,
  type HeldAddress,
  type InsideOp,
  planInside,
  type WantedInside,
} from '../../core/inside/inside.ts';
import {
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_DELNEIGH,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_NEWADDR,
  RTM_NEWNEIGH,
} from '../../core/netlink/codes.ts';
import { decodeAddress, encodeAddressDump, encodeLinkDump } from '../../core/netlink/link.ts';
import { decodeNeighbour, encodeArpQuestion, encodeNeighbourDump } from '../../core/netlink/neighbour.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { sendFrames } from '../../io/packet-socket.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';
import type { InsideControl, InsideReport } from './port.ts';

/** A question or its answer may be lost. A kernel answers within a millisecond. */
const QUESTIONS = 3;
const LOOKS = 4;
const LOOK_INTERVAL_MS = 20;

export class RtnetlinkInside implements InsideControl {
  /** Opened by the first request. */
  readonly #netlink = new RtNetlink();

  async settle(wanted: readonly WantedInside[]): Promise<InsideReport> {
    const found = await this.#read();
    const { operations, takeOvers, homeless } = planInside(wanted, found);
    await this.#performAll(operations, found);
    const answered = await Promise.all(takeOvers.map((one) => this.#isAnswered(one)));
    const free = takeOvers.filter((_, at) => !answered[at]);
    await this.#performAll(free, found);
    const done = [...operations, ...free];
    return {
      changes: done.map((one) => formatInsideOp(one, found.links)),
      homeless,
      left: takeOvers.filter((_, at) => answered[at]).map(formatLeft),
      taken: done.some(({ kind }) => kind === 'take'),
    };
  }

  async announce(): Promise<void> {
    const found = await this.#read();
    tell(found.held, found);
  }

  async #performAll(operations: readonly InsideOp[], found: FoundInside): Promise<void> {
    for (const operation of operations) await this.#perform(operation, formatInsideOp(operation, found.links));
    const taken = operations.filter(({ kind }) => kind === 'take');
    tell(taken, found);
  }

  /** Whether some kernel on the link answers for the address. What an operator has written down for it is no answer, and stays. */
  async #isAnswered({ ifindex, address }: HeldAddress): Promise<boolean> {
    const payload = encodeArpQuestion(ifindex, address);
    for (let question = 0; question < QUESTIONS; question++) {
      if ((await this.#neighbour({ ifindex, address }))?.permanent) return false;
      await this.#forget(payload);
      await this.#netlink.request('inside-ask', RTM_NEWNEIGH, NLM_F_CREATE, payload, { ifindex });
      for (let look = 0; look < LOOKS; look++) {
        await setTimeout(LOOK_INTERVAL_MS);
        if ((await this.#neighbour({ ifindex, address })) !== undefined) return true;
      }
    }
    await this.#forget(payload);
    return false;
  }

  async #forget(payload: Uint8Array): Promise<void> {
    try {
      await this.#netlink.request('inside-forget', RTM_DELNEIGH, 0, payload, {});
    } catch (error) {
      if (!(error instanceof KernelError) || error.errno !== 'ENOENT') throw error;
    }
  }

  /** Undefined as long as no MAC is known. */
  async #neighbour({ ifindex, address }: HeldAddress) {
    const parts = await this.#netlink.dump('neighbour-dump', RTM_GETNEIGH, encodeNeighbourDump('arp'));
    const known = parts.map(decodeNeighbour);
    return known.find((one) => one?.kind === 'arp' && one.ifindex === ifindex && one.address === address);
  }

  #perform({ kind, ifindex, address }: InsideOp, change: string): Promise<void> {
    const payload = encodeHeldAddress({ ifindex, address });
    return kind === 'take'
      ? this.#netlink.request('inside-take', RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, payload, { change })
      : this.#netlink.request('inside-release', RTM_DELADDR, 0, payload, { change });
  }

  async #read(): Promise<FoundInside> {
    const links = await this.#netlink.dump('link-dump', RTM_GETLINK, encodeLinkDump());
    const parts = await this.#netlink.dump('address-dump', RTM_GETADDR, encodeAddressDump());
    const held = parts.map(decodeHeldAddress).filter((one) => one !== undefined);
    const networks = parts.map(decodeAddress).filter((one) => one !== undefined);
    return {
      held,
      links: links.flatMap((part) => {
        const link = decodeEthernet(part);
        return link === undefined ? [] : { ...link, networks: networks.filter((one) => one.ifindex === link.ifindex) };
      }),
    };
  }
}

/** An address that was only just taken is told as well as one that is held. */
function tell(addresses: readonly HeldAddress[], { links }: FoundInside): void {
  for (const { ifindex, mac } of links) {
    const frames = addresses.flatMap((one) => (one.ifindex === ifindex ? gratuitousArp(one.address, mac) : []));
    if (frames.length > 0) sendFrames(ifindex, frames);
  }
}
