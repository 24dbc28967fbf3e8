/**
 * Are services still as a turn has left them? Told without reading all of them: the file of the kernel shows whatever somebody may
 * have changed but for flags of schedulers, bounds and tunnels. Flags come with a dump of all services, which is one request. Bounds
 * and tunnels take one for each service's destinations; so those are read in turn, of as many services each time as `budget` lets.
 *
 * It only answers; who is told "no" reads everything, and decides.
 */
import { setImmediate } from 'node:timers/promises';
import { IpvsListing } from '../../../core/dataplane/ipvs/listing.ts';
import { sameDestination, sameService } from '../../../core/dataplane/ipvs/plan.ts';
import type { IpvsDestination } from '../../../core/netlink/ipvs/destination.ts';
import { type IpvsService, sameKey } from '../../../core/netlink/ipvs/service.ts';
import type { FoundService, IpvsKernel } from './kernel.ts';

/** Begins a slice of work; what it returns says whether there is still time. */
export type Budget = () => () => boolean;

/** Time for the destinations of a thousand services on a machine that is not emulated. */
const SLICE_MS = 30;
/** Services without a look at the clock, and while others wait. */
const BATCH = 8;

export const shortly: Budget = () => {
  const end = performance.now() + SLICE_MS;
  return () => performance.now() < end;
};

/** Did nobody write between two readings? What counts is left out. */
export function sameFound(a: FoundService, b: FoundService | undefined): boolean {
  return b !== undefined && sameService(a, b) && sameList(a.destinations, b.destinations);
}

function sameList(a: readonly IpvsDestination[], b: readonly IpvsDestination[] = []): boolean {
  return a.length === b.length && a.every((one, at) => sameDestination(one, b[at]!));
}

export class Glance {
  readonly #kernel: IpvsKernel;
  readonly #budget: Budget;
  /** What the file said before services were read. */
  #listing: IpvsListing | undefined;
  #left: readonly FoundService[] = [];
  /** Whose turn it is to be read whole. */
  #next = 0;

  constructor(kernel: IpvsKernel, budget: Budget) {
    this.#kernel = kernel;
    this.#budget = budget;
  }

  /** To be called before everything is read, so that what is written meanwhile is seen the next time. @throws KernelError */
  async look(): Promise<void> {
    const file = await this.#kernel.file();
    this.#listing = file && new IpvsListing(file);
  }

  /** What was read after the last `look`. */
  settle(services: Iterable<FoundService>): void {
    this.#left = [...services];
  }

  /** @throws KernelError */
  async holds(): Promise<boolean> {
    const file = await this.#kernel.file();
    if (file === undefined || this.#listing?.isSame(file) !== true) return false;
    if (!this.#sameServices(await this.#kernel.services())) return false;
    const goesOn = this.#budget();
    for (let seen = 0; seen < this.#left.length; ) {
      const batch = this.#take(Math.min(BATCH, this.#left.length - seen));
      const found = await this.#kernel.destinations(batch.map(({ key }) => key));
      if (!batch.every(({ destinations }, at) => sameList(destinations, found[at]))) return false;
      seen += batch.length;
      if (!goesOn()) break;
      await setImmediate();
    }
    return true;
  }

  /** The kernel tells them in one order as long as none comes or goes, which the file would show; those of others in between. */
  #sameServices(found: readonly IpvsService[]): boolean {
    let at = 0;
    for (const service of found) {
      const left = this.#left[at];
      if (left === undefined || !sameKey(left.key, service.key)) continue;
      if (!sameService(left, service)) return false;
      at += 1;
    }
    return at === this.#left.length;
  }

  /** The next ones, and after the last one the first. */
  #take(count: number): readonly FoundService[] {
    const first = this.#next % this.#left.length;
    this.#next = first + count;
    return Array.from({ length: count }, (_, at) => this.#left[(first + at) % this.#left.length]!);
  }
}
