/**
 * Keeps the inside addresses that this director is to hold on its links, and no others. What was taken, or found at the start, is
 * told to the neighbours at once and twice again, since a frame to all may be lost and a link may need a moment after it has come up. A refusal is told
 * once and tried again.
 *
 * What is left to another director, whose kernel answers while its agent is gone, is looked at again soon, until nobody answers or
 * its agent is back.
 */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { WantedInside } from '../../core/inside/inside.ts';
import type { InsideControl, InsideReport } from '../../drivers/inside/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';
import { Reconciler } from './reconciler.ts';

export interface InsideKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly control: InsideControl;
}

/** How soon somebody else's change is found. */
const RECHECK = 1000;

/** How soon after an address was left to its owner it is asked for again: servers may have nobody to answer by meanwhile. */
const ASK_AGAIN: Millis = 250;

/** After an address was taken. */
const AGAIN: readonly Millis[] = [1000, 4000];

const NOTHING: InsideReport = { changes: [], homeless: [], left: [], taken: false };

export class InsideKeeper {
  readonly #options: InsideKeeperOptions;
  readonly #reconciler: Reconciler<readonly WantedInside[], InsideReport>;
  #cancels: (() => void)[] = [];
  #cancelAsk: (() => void) | undefined;
  readonly #fault: Fault;
  /** Since when another's address has been wanted here, and for how long its kernel may keep it. */
  readonly #since = new Map<Ipv4, Instant>();
  #patience: Millis = 0;
  #left = '';
  /** None are wanted, and those of an earlier agent are gone: nobody else takes any. */
  #isClear = false;
  #isFirst = true;

  constructor(options: InsideKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('inside-fault', { message }));
    this.#reconciler = new Reconciler({
      clock: options.clock,
      recheck: RECHECK,
      apply: (wanted) => this.#apply(wanted),
      onApplied: (_wanted, report) => this.#applied(report),
      onFault: (error) => this.#fault.report(messageOf(error)),
    });
  }

  /** @param patience how long an address is left to a kernel without an agent: by then no router leads packets there */
  want(addresses: readonly WantedInside[], patience: Millis): void {
    this.#patience = patience;
    this.#reconciler.want(addresses);
  }

  /** Nothing of ours is left, and nothing is taken after that. */
  async remove(): Promise<void> {
    await this.close();
    try {
      await this.#options.control.settle([]);
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
  }

  close(): Promise<void> {
    this.#forget();
    this.#cancelAsk?.();
    return this.#reconciler.close();
  }

  async #apply(wanted: readonly WantedInside[]): Promise<InsideReport> {
    if (wanted.length === 0 && this.#isClear) return NOTHING;
    const report = await this.#options.control.settle(this.#inPatience(wanted));
    this.#isClear = wanted.length === 0;
    return report;
  }

  /** Without its owner an address is taken at once. */
  #inPatience(wanted: readonly WantedInside[]): readonly WantedInside[] {
    const now = this.#options.clock.now();
    const others = new Set(wanted.flatMap(({ address, owner }) => (owner === undefined ? [] : [address])));
    for (const address of this.#since.keys()) if (!others.has(address)) this.#since.delete(address);
    for (const address of others) if (!this.#since.has(address)) this.#since.set(address, now);
    return wanted.map((one) => {
      const since = this.#since.get(one.address);
      return since !== undefined && now >= since + this.#patience ? { address: one.address } : one;
    });
  }

  #applied({ changes, homeless, left, taken }: InsideReport): void {
    const places = homeless.map(formatIpv4).join(', ');
    if (places === '') this.#fault.cleared();
    else this.#fault.report(`no interface has a network around the inside address ${places}`);
    if (changes.length > 0) this.#options.events.emit('inside-changed', { operations: changes });
    this.#tellLeft(left);
    // What an earlier agent has left may have been another director's in between.
    const isFound = this.#isFirst;
    this.#isFirst = false;
    if (isFound && !taken) this.#announce();
    if (!isFound && !taken) return;
    this.#forget();
    this.#cancels = AGAIN.map((delay) => this.#options.clock.after(delay, () => this.#announce()));
  }

  #tellLeft(left: readonly string[]): void {
    const lines = left.join('; ');
    if (lines !== this.#left && lines !== '') this.#options.events.emit('inside-left', { addresses: left });
    this.#left = lines;
    this.#cancelAsk?.();
    if (left.length > 0) this.#cancelAsk = this.#options.clock.after(ASK_AGAIN, () => this.#reconciler.recheck());
  }

  #announce(): void {
    this.#options.control.announce().catch((error: unknown) => this.#fault.report(messageOf(error)));
  }

  #forget(): void {
    for (const cancel of this.#cancels.splice(0)) cancel();
  }
}
