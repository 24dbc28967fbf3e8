/** Inside addresses in this network namespace, over rtnetlink and a packet socket. Nothing is remembered between calls. */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import { decodeEthernet, decodeHeldAddress, encodeHeldAddress } from '../../core/inside/address-messages.ts';
import { gratuitousArp } from '../../core/inside/gratuitous-arp.ts';
import {
  type FoundInside,
  formatInsideOp,
  type HeldAddress,
  type InsideOp,
  planInside,
} from '../../core/inside/inside.ts';
import {
  NLM_F_CREATE,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_NEWADDR,
} from '../../core/netlink/codes.ts';
import { decodeAddress, encodeAddressDump, encodeLinkDump } from '../../core/netlink/link.ts';
import { sendFrames } from '../../io/packet-socket.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';
import type { InsideControl, InsideReport } from './port.ts';

export class RtnetlinkInside implements InsideControl {
  /** Opened by the first request. */
  readonly #netlink = new RtNetlink();

  async settle(wanted: readonly Ipv4[]): Promise<InsideReport> {
    const found = await this.#read();
    const { operations, homeless } = planInside(wanted, found);
    for (const operation of operations) await this.#perform(operation, formatInsideOp(operation, found.links));
    const taken = operations.filter(({ kind }) => kind === 'take');
    tell(taken, found);
    return { changes: operations.map((one) => formatInsideOp(one, found.links)), homeless, taken: taken.length > 0 };
  }

  async announce(): Promise<void> {
    const found = await this.#read();
    tell(found.held, found);
  }

  #perform({ kind, ...address }: InsideOp, change: string): Promise<void> {
    const payload = encodeHeldAddress(address);
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
