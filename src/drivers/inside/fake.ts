/** Inside addresses in memory, for tests without a kernel. It passes the contract suite of the real driver. */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import {
  type FoundInside,
  formatInsideOp,
  formatLeft,
  type InsideOp,
  planInside,
  type WantedInside,
} from '../../core/inside/inside.ts';
import type { InsideControl, InsideReport } from './port.ts';

export class FakeInside implements InsideControl {
  /** For tests to look at and to change. */
  found: FoundInside = { links: [], held: [] };
  /** Addresses for which some other kernel answers. */
  readonly answered = new Set<Ipv4>();
  /** What neighbours were told of, in order. */
  readonly told: string[] = [];

  async settle(wanted: readonly WantedInside[]): Promise<InsideReport> {
    const { links } = this.found;
    const { operations, takeOvers, homeless } = planInside(wanted, this.found);
    const left = takeOvers.filter(({ address }) => this.answered.has(address));
    const done = [...operations, ...takeOvers.filter((one) => !left.includes(one))];
    for (const operation of done) this.#perform(operation);
    const changes = done.map((one) => formatInsideOp(one, links));
    return { changes, homeless, left: left.map(formatLeft), taken: done.some(({ kind }) => kind === 'take') };
  }

  async announce(): Promise<void> {
    this.told.push(...this.found.held.map(({ address }) => formatIpv4(address)));
  }

  #perform({ kind, address, ifindex }: InsideOp): void {
    const others = this.found.held.filter((one) => one.address !== address || one.ifindex !== ifindex);
    this.found = { links: this.found.links, held: kind === 'take' ? [...others, { address, ifindex }] : others };
    if (kind === 'take') this.told.push(formatIpv4(address));
  }
}
