/** VIPs that were withdrawn a moment ago, and that the data plane may not forget yet. */
import type { Ipv4 } from '../core/base/ipv4.ts';
import type { Instant, Millis } from '../core/base/machine.ts';

/** After a VIP's withdrawal has gone out, routers need a moment to act on it; until then its packets are still forwarded. */
export const LINGER: Millis = 1000;

export class LingeringVips {
  readonly #until = new Map<Ipv4, Instant>();

  get size(): number {
    return this.#until.size;
  }

  /** When the first of them may be forgotten. */
  get deadline(): Instant | undefined {
    return this.size === 0 ? undefined : Math.min(...this.#until.values());
  }

  has(vip: Ipv4): boolean {
    return this.#until.has(vip);
  }

  add(vip: Ipv4, now: Instant): void {
    this.#until.set(vip, now + LINGER);
  }

  forget(now: Instant): void {
    for (const [vip, until] of this.#until) if (until <= now) this.#until.delete(vip);
  }
}
