/**
 * Keeps the inside addresses that this director is to hold on its links, and no others. What was taken, or found at the start, is
 * told to the neighbours at once and twice again, since a frame to all may be lost and a link may need a moment after it has come up. A refusal is told
 * once and tried again.
 */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { InsideControl, InsideReport } from '../../drivers/inside/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Reconciler } from './reconciler.ts';

export interface InsideKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly control: InsideControl;
}

/** How soon somebody else's change is found. */
const RECHECK = 1000;

/** After an address was taken. */
const AGAIN: readonly Millis[] = [1000, 4000];

const NOTHING: InsideReport = { changes: [], homeless: [], taken: false };

export class InsideKeeper {
  readonly #options: InsideKeeperOptions;
  readonly #reconciler: Reconciler<readonly Ipv4[], InsideReport>;
  #cancels: (() => void)[] = [];
  #fault: string | undefined;
  /** None are wanted, and those of an earlier agent are gone: nobody else takes any. */
  #isClear = false;
  #isFirst = true;

  constructor(options: InsideKeeperOptions) {
    this.#options = options;
    this.#reconciler = new Reconciler({
      clock: options.clock,
      recheck: RECHECK,
      apply: (wanted) => this.#apply(wanted),
      onApplied: (_wanted, report) => this.#applied(report),
      onFault: (error) => this.#tellFault(messageOf(error)),
    });
  }

  want(addresses: readonly Ipv4[]): void {
    this.#reconciler.want(addresses);
  }

  /** Nothing of ours is left, and nothing is taken after that. */
  async remove(): Promise<void> {
    await this.close();
    try {
      await this.#options.control.settle([]);
    } catch (error) {
      this.#tellFault(messageOf(error));
    }
  }

  close(): Promise<void> {
    this.#forget();
    return this.#reconciler.close();
  }

  async #apply(wanted: readonly Ipv4[]): Promise<InsideReport> {
    if (wanted.length === 0 && this.#isClear) return NOTHING;
    const report = await this.#options.control.settle(wanted);
    this.#isClear = wanted.length === 0;
    return report;
  }

  #applied({ changes, homeless, taken }: InsideReport): void {
    const places = homeless.map(formatIpv4).join(', ');
    if (places === '') this.#fault = undefined;
    else this.#tellFault(`no interface has a network around the inside address ${places}`);
    if (changes.length > 0) this.#options.events.emit('inside-changed', { operations: changes });
    // What an earlier agent has left may have been another director's in between.
    const isFound = this.#isFirst;
    this.#isFirst = false;
    if (isFound && !taken) this.#announce();
    if (!isFound && !taken) return;
    this.#forget();
    this.#cancels = AGAIN.map((delay) => this.#options.clock.after(delay, () => this.#announce()));
  }

  #announce(): void {
    this.#options.control.announce().catch((error: unknown) => this.#tellFault(messageOf(error)));
  }

  #forget(): void {
    for (const cancel of this.#cancels.splice(0)) cancel();
  }

  /** The same again is not news. */
  #tellFault(message: string): void {
    if (message === this.#fault) return;
    this.#fault = message;
    this.#options.events.emit('inside-fault', { message });
  }
}
