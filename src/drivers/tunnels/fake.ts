/** Tunnels in memory, for tests without a kernel. It passes the contract suite of the real driver. */
import type { FoundNeighbour } from '../../core/netlink/neighbour.ts';
import type { FoundVxlan } from '../../core/netlink/vxlan.ts';
import {
  type FoundTunnels,
  formatTunnelOp,
  planTunnels,
  type TunnelOp,
  type Tunnels,
} from '../../core/tunnels/tunnels.ts';
import { KernelError } from '../../io/kernel-error.ts';
import type { TunnelControl } from './port.ts';

export class FakeTunnels implements TunnelControl {
  /** For tests to look at and to change. */
  found: FoundTunnels = { device: undefined, addressed: false, neighbours: [] };
  #nextIndex = 10;

  async settle(wanted: Tunnels): Promise<readonly string[]> {
    const operations = planTunnels(wanted, this.found);
    for (const operation of operations) this.#perform(operation);
    return operations.map(formatTunnelOp);
  }

  async remove(): Promise<readonly string[]> {
    if (typeof this.found.device !== 'object') return [];
    this.#perform({ kind: 'remove-device' });
    return [formatTunnelOp({ kind: 'remove-device' })];
  }

  #perform(op: TunnelOp): void {
    const { device, neighbours } = this.found;
    switch (op.kind) {
      case 'remove-device':
        this.found = { device: undefined, addressed: false, neighbours: [] };
        break;
      case 'add-device': {
        if (device !== undefined)
          throw new KernelError('tunnel-add-device', { change: formatTunnelOp(op), errno: 'EEXIST' });
        const made: FoundVxlan = { ...op.device, ifindex: this.#nextIndex++, enabled: true, learning: false };
        this.found = { device: made, addressed: false, neighbours: [] };
        break;
      }
      case 'set-mtu':
        if (typeof device === 'object')
          this.found = { ...this.found, device: { ...device, mtu: op.mtu, enabled: true } };
        break;
      case 'add-address':
        this.found = { ...this.found, addressed: true };
        break;
      default:
        this.found = { ...this.found, neighbours: this.#neighboursAfter(op, neighbours) };
    }
  }

  #neighboursAfter(
    { kind, neighbour }: Extract<TunnelOp, { readonly neighbour: unknown }>,
    before: readonly FoundNeighbour[],
  ): readonly FoundNeighbour[] {
    const ifindex = typeof this.found.device === 'object' ? this.found.device.ifindex : 0;
    // The kernel knows a next hop by its address, and where a MAC is by the MAC.
    const keyOf = (one: typeof neighbour) => `${one.kind} ${one.kind === 'arp' ? one.address : one.mac.join()}`;
    const others = before.filter((one) => keyOf(one) !== keyOf(neighbour));
    return kind === 'remove-neighbour' ? others : [...others, { ...neighbour, ifindex, permanent: true }];
  }
}
