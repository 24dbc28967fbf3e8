/** Inside addresses in memory, for tests without a kernel. It passes the contract suite of the real driver. */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import { type FoundInside, formatInsideOp, planInside } from '../../core/inside/inside.ts';
import type { InsideControl, InsideReport } from './port.ts';

export class FakeInside implements InsideControl {
  /** For tests to look at and to change. */
  found: FoundInside = { links: [], held: [] };
  /** What neighbours were told of, in order. */
  readonly told: string[] = [];

  async settle(wanted: readonly Ipv4[]): Promise<InsideReport> {
    const { links } = this.found;
    const { operations, homeless } = planInside(wanted, this.found);
    for (const { kind, address, ifindex } of operations) {
      const others = this.found.held.filter((one) => one.address !== address || one.ifindex !== ifindex);
      this.found = { links, held: kind === 'take' ? [...others, { address, ifindex }] : others };
      if (kind === 'take') this.told.push(formatIpv4(address));
    }
    const changes = operations.map((one) => formatInsideOp(one, links));
    return { changes, homeless, taken: operations.some(({ kind }) => kind === 'take') };
  }

  async announce(): Promise<void> {
    this.told.push(...this.found.held.map(({ address }) => formatIpv4(address)));
  }
}
