/**
 * While the director drains: how much client traffic each VIP still has, twice a second. Counters are per service, so a VIP
 * gets the traffic of all services it is in: more than its own at worst, which makes the drain wait, never hurry.
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import type { Service } from '../../core/model/cluster.ts';
import type { Clock } from '../../io/clock.ts';
import type { Counters } from './dataplane-keeper.ts';

const EVERY: Millis = 500;

export interface TrafficRate {
  readonly vip: Ipv4;
  readonly packetsPerSecond: number;
}

export interface DrainWatchOptions {
  readonly clock: Clock;
  sample(maxAge: Millis): Promise<Counters>;
  services(): readonly Service[];
  onRates(rates: readonly TrafficRate[]): void;
}

export class DrainWatch {
  readonly #options: DrainWatchOptions;
  #last: Counters | undefined;
  #cancel: (() => void) | undefined;

  constructor(options: DrainWatchOptions) {
    this.#options = options;
  }

  /** Reads where the counters stand; rates follow from then on. Resolves when they are read. */
  async start(): Promise<void> {
    if (this.#cancel !== undefined) return;
    this.#cancel = () => {};
    this.#last = await this.#options.sample(0);
    this.#again();
  }

  stop(): void {
    this.#cancel?.();
    this.#cancel = undefined;
  }

  #again(): void {
    if (this.#cancel === undefined) return;
    this.#cancel = this.#options.clock.after(EVERY, () => void this.#look());
  }

  async #look(): Promise<void> {
    const before = this.#last;
    const now = await this.#options.sample(0);
    if (this.#cancel === undefined) return;
    this.#last = now;
    if (before !== undefined && now.at > before.at) {
      this.#options.onRates(trafficRates(before, now, this.#options.services()));
    }
    this.#again();
  }
}

/** Client packets per second and VIP between two readings. */
export function trafficRates(before: Counters, now: Counters, services: readonly Service[]): TrafficRate[] {
  const seconds = (now.at - before.at) / 1000;
  const packets = ({ services: rows }: Counters, name: string) =>
    rows.find(({ service }) => service === name)?.packetsIn ?? 0;
  const rates = new Map<Ipv4, number>();
  for (const { name, vips } of services) {
    const rate = Math.max(0, packets(now, name) - packets(before, name)) / seconds;
    for (const vip of vips) rates.set(vip, (rates.get(vip) ?? 0) + rate);
  }
  return [...rates].map(([vip, packetsPerSecond]) => ({ vip, packetsPerSecond }));
}
