/** How a service chooses a real server for a new connection, where it chooses at all (`persistence` comes before). */

/** The schedulers of the nftables plane, by their LVS names. */
export const SCHEDULERS = ['mh', 'rr', 'wrr'] as const;

/** Those that LVS has and only the ipvs plane can run: they look at connections that are open, or at other tables. */
export const IPVS_SCHEDULERS = ['lc', 'wlc', 'lblc', 'lblcr', 'dh', 'sh', 'sed', 'nq', 'fo', 'ovf', 'twos'] as const;

/** Sizes of the Maglev table: primes, so that every walk through it reaches every slot. */
export const MH_SLOTS = [4099, 65537] as const;

export interface MaglevScheduler {
  readonly name: 'mh';
  readonly slots: (typeof MH_SLOTS)[number];
  /** Is the client's port hashed, too? Without it all connections of a client go to one server. */
  readonly sourcePort: boolean;
}

/** `rr` gives each server a turn, `wrr` as many as its weight. Both count on each director by itself. */
interface TurnScheduler {
  readonly name: 'rr' | 'wrr';
}

/** One that only the kernel's IPVS has. */
interface IpvsScheduler {
  readonly name: (typeof IPVS_SCHEDULERS)[number];
  /** `sh` only: is the client's port hashed, too? */
  readonly sourcePort?: boolean | undefined;
}

export type Scheduler = MaglevScheduler | TurnScheduler | IpvsScheduler;

export const DEFAULT_SCHEDULER: MaglevScheduler = { name: 'mh', slots: 4099, sourcePort: true };

/** The most turns that a round of `wrr` may have. */
export const MAX_TURNS = 4096;

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}

/** How many turns a round has: the sum of the weights without their common factor; 0 without servers. */
export function turnsOf(weights: readonly number[]): number {
  const common = weights.reduce(divisor, 0);
  return common === 0 ? 0 : weights.reduce((sum, weight) => sum + weight, 0) / common;
}

/** `mh`, `mh 65537 slots`, `mh by address`, `sh by address and port`, `rr`: what is usual is not said. */
export function formatScheduler(scheduler: Scheduler): string {
  if (scheduler.name === 'sh') return scheduler.sourcePort ? 'sh by address and port' : 'sh';
  if (scheduler.name !== 'mh') return scheduler.name;
  const slots = scheduler.slots === DEFAULT_SCHEDULER.slots ? '' : ` ${scheduler.slots} slots`;
  return `mh${slots}${scheduler.sourcePort ? '' : ' by address'}`;
}
