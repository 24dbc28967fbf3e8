/** Tunnels of this network namespace, over rtnetlink. Nothing is remembered between calls. */
import {
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELLINK,
  RTM_DELNEIGH,
  RTM_GETADDR,
  RTM_GETLINK,
  RTM_GETNEIGH,
  RTM_NEWADDR,
  RTM_NEWLINK,
  RTM_NEWNEIGH,
} from '../../core/netlink/codes.ts';
import { decodeAddress, decodeLink, encodeAddressDump, encodeLinkDump } from '../../core/netlink/link.ts';
import { decodeNeighbour, encodeNeighbour, encodeNeighbourDump } from '../../core/netlink/neighbour.ts';
import {
  decodeVxlan,
  encodeLinkAddress,
  encodeLinkDelete,
  encodeMtu,
  encodeVxlan,
  type FoundVxlan,
} from '../../core/netlink/vxlan.ts';
import {
  type FoundTunnels,
  formatTunnelOp,
  planTunnels,
  TUNNEL_ADDRESS,
  TUNNEL_DEVICE,
  TUNNEL_PREFIX_LENGTH,
  type TunnelOp,
  type Tunnels,
} from '../../core/tunnels/tunnels.ts';
import { RtNetlink } from '../../io/rtnetlink.ts';
import type { TunnelControl } from './port.ts';

export class RtnetlinkTunnels implements TunnelControl {
  /** Opened by the first request. */
  readonly #netlink = new RtNetlink();

  async settle(wanted: Tunnels): Promise<readonly string[]> {
    const found = await this.#read();
    const operations = planTunnels(wanted, found);
    let ifindex = typeof found.device === 'object' ? found.device.ifindex : 0;
    for (const operation of operations) {
      await this.#perform(operation, ifindex);
      if (operation.kind === 'add-device') ifindex = (await this.#device())?.ifindex ?? 0;
    }
    return operations.map(formatTunnelOp);
  }

  async remove(): Promise<readonly string[]> {
    const device = await this.#device();
    if (device === undefined) return [];
    await this.#perform({ kind: 'remove-device' }, device.ifindex);
    return [formatTunnelOp({ kind: 'remove-device' })];
  }

  async #perform(op: TunnelOp, ifindex: number): Promise<void> {
    const values = { change: formatTunnelOp(op) };
    const request = (type: number, flags: number, payload: Uint8Array) =>
      this.#netlink.request(`tunnel-${op.kind}`, type, flags, payload, values);
    switch (op.kind) {
      case 'remove-device':
        return request(RTM_DELLINK, 0, encodeLinkDelete(ifindex));
      case 'add-device':
        return request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, encodeVxlan(op.device));
      case 'set-mtu':
        return request(RTM_NEWLINK, 0, encodeMtu(ifindex, op.mtu));
      case 'add-address': {
        const payload = encodeLinkAddress(ifindex, TUNNEL_ADDRESS, TUNNEL_PREFIX_LENGTH);
        return request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, payload);
      }
      case 'set-neighbour':
        return request(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, encodeNeighbour(ifindex, op.neighbour));
      case 'remove-neighbour':
        return request(RTM_DELNEIGH, 0, encodeNeighbour(ifindex, op.neighbour));
    }
  }

  async #read(): Promise<FoundTunnels> {
    const links = await this.#links();
    const device = links.map(decodeVxlan).find((one) => one?.name === TUNNEL_DEVICE);
    if (device === undefined) {
      const isTaken = links.some((part) => decodeLink(part)?.name === TUNNEL_DEVICE);
      return { device: isTaken ? 'foreign' : undefined, addressed: false, neighbours: [] };
    }
    const addresses = await this.#netlink.dump('address-dump', RTM_GETADDR, encodeAddressDump());
    const addressed = addresses.map(decodeAddress).some((one) => {
      return one?.ifindex === device.ifindex && one.address === TUNNEL_ADDRESS;
    });
    const neighbours = [...(await this.#neighbours('forwarding')), ...(await this.#neighbours('arp'))];
    return { device, addressed, neighbours: neighbours.filter(({ ifindex }) => ifindex === device.ifindex) };
  }

  #links(): Promise<readonly Uint8Array[]> {
    return this.#netlink.dump('link-dump', RTM_GETLINK, encodeLinkDump());
  }

  async #device(): Promise<FoundVxlan | undefined> {
    return (await this.#links()).map(decodeVxlan).find((one) => one?.name === TUNNEL_DEVICE);
  }

  async #neighbours(kind: 'arp' | 'forwarding') {
    const parts = await this.#netlink.dump('neighbour-dump', RTM_GETNEIGH, encodeNeighbourDump(kind));
    return parts.map(decodeNeighbour).filter((one) => one !== undefined);
  }
}
