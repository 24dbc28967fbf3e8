/**
 * Keeps the tunnels to the other directors as the cluster file has them, or none, and says when nobody can hand over to this
 * director. A refusal is told once and tried again; the kernel goes on with what is there.
 */

import { messageOf } from '../../core/base/message-of.ts';
import type { Tunnels } from '../../core/tunnels/tunnels.ts';
import type { TunnelControl } from '../../drivers/tunnels/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Reconciler } from './reconciler.ts';

export interface TunnelWish {
  /** Undefined = none. */
  readonly tunnels: Tunnels | undefined;
  /** Why nobody can hand over to us, if so. */
  readonly fault: string | undefined;
}

export interface TunnelKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly control: TunnelControl;
  /** Something was made or repaired: those who use the device look at it again. */
  onChange(): void;
}

/** How soon somebody else's change is found. */
const RECHECK = 1000;

export class TunnelKeeper {
  readonly #options: TunnelKeeperOptions;
  readonly #reconciler: Reconciler<Pick<TunnelWish, 'tunnels'>, readonly string[]>;
  /** None are wanted, and those of an earlier agent are gone: nobody else makes any. */
  #isClear = false;
  #refusal: string | undefined;
  #fault: string | undefined;

  constructor(options: TunnelKeeperOptions) {
    const { clock } = options;
    this.#options = options;
    this.#reconciler = new Reconciler({
      clock,
      recheck: RECHECK,
      apply: ({ tunnels }) => this.#apply(tunnels),
      onApplied: (_wish, operations) => this.#applied(operations),
      onFault: (error) => this.#refused(error),
    });
  }

  want({ tunnels, fault }: TunnelWish): void {
    if (fault !== undefined && fault !== this.#fault) this.#options.events.emit('hand-over-fault', { message: fault });
    this.#fault = fault;
    this.#reconciler.want({ tunnels });
  }

  /** Nothing of ours is left, and nothing is made after that. */
  async remove(): Promise<void> {
    await this.close();
    try {
      await this.#options.control.remove();
    } catch (error) {
      this.#refused(error);
    }
  }

  close(): Promise<void> {
    return this.#reconciler.close();
  }

  async #apply(tunnels: Tunnels | undefined): Promise<readonly string[]> {
    const { control } = this.#options;
    if (tunnels === undefined && this.#isClear) return [];
    this.#isClear = false;
    if (tunnels !== undefined) return control.settle(tunnels);
    const operations = await control.remove();
    this.#isClear = true;
    return operations;
  }

  #applied(operations: readonly string[]): void {
    this.#refusal = undefined;
    if (operations.length === 0) return;
    this.#options.events.emit('tunnels-changed', { operations });
    this.#options.onChange();
  }

  /** The same refusal again is not news. */
  #refused(error: unknown): void {
    const message = messageOf(error);
    if (message === this.#refusal) return;
    this.#refusal = message;
    this.#options.events.emit('hand-over-fault', { message });
  }
}
