/**
 * Are services still as a turn has left them? Told without reading all of them: the file of the kernel shows whatever somebody may
 * have changed but for bounds, tunnels and flags of schedulers; so beside it some services are read whole each time, in turn, as many as
 * `budget` lets.
 *
 * It only answers; who is told "no" reads everything, and decides.
 */
import { setImmediate } from 'node:timers/promises';
import { IpvsListing } from '../../../core/dataplane/ipvs/listing.ts';
import { sameDestination, sameService } from '../../../core/dataplane/ipvs/plan.ts';
import type { FoundService, IpvsKernel } from './kernel.ts';

/** Begins a slice of work; what it returns says whether there is still time. */
export type Budget = () => () => boolean;

/** As long as a look at the file takes with a thousand services, or half of that. */
const SLICE_MS = 10;
/** Services in one datagram, without a look at the clock. */
const BATCH = 8;

export const shortly: Budget = () => {
  const end = performance.now() + SLICE_MS;
  return () => performance.now() < end;
};

/** Did nobody write between two readings? What counts is left out. */
export function sameFound(a: FoundService, b: FoundService | undefined): boolean {
  if (b === undefined || !sameService(a, b) || a.destinations.length !== b.destinations.length) return false;
  return a.destinations.every((one, at) => sameDestination(one, b.destinations[at]!));
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
    const goesOn = this.#budget();
    for (let seen = 0; seen < this.#left.length; ) {
      const batch = this.#take(Math.min(BATCH, this.#left.length - seen));
      const found = await this.#kernel.readThese(batch.map(({ key }) => key));
      if (!batch.every((one, at) => sameFound(one, found[at]))) return false;
      seen += batch.length;
      if (!goesOn()) break;
      await setImmediate();
    }
    return true;
  }

  /** The next ones, and after the last one the first. */
  #take(count: number): readonly FoundService[] {
    const first = this.#next % this.#left.length;
    this.#next = first + count;
    return Array.from({ length: count }, (_, at) => this.#left[(first + at) % this.#left.length]!);
  }
}
