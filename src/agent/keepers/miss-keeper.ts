/**
 * Keeps the second chance open for as long as somebody is there to find out whose an unknown packet is: every second it tells the
 * data plane so, for three. When this agent dies, or its sync thread is stuck, the data plane's word runs out by itself, and unknown
 * packets go on to the hash again.
 */
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { Dataplane } from '../../drivers/dataplane/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';

export interface MissKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly dataplane: Pick<Dataplane, 'takeMisses'>;
  isAnswered(): boolean;
}

const EVERY: Millis = 1000;
const FOR: Millis = 3000;

export class MissKeeper {
  readonly #options: MissKeeperOptions;
  #cancel: (() => void) | undefined;
  readonly #fault: Fault;
  #takenUntil: Instant = Number.NEGATIVE_INFINITY;

  constructor(options: MissKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('second-chance-fault', { message, retryIn: EVERY }));
  }

  /** Are unknown packets asked for now? */
  get isOpen(): boolean {
    return this.#options.clock.now() < this.#takenUntil;
  }

  open(): void {
    this.#cancel ??= this.#options.clock.after(EVERY, () => void this.#renew());
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = () => {};
  }

  async #renew(): Promise<void> {
    const { clock, dataplane, isAnswered } = this.#options;
    const cancelled = this.#cancel;
    try {
      if (isAnswered()) {
        await dataplane.takeMisses(FOR);
        this.#takenUntil = clock.now() + FOR;
      }
      this.#fault.cleared();
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
    if (this.#cancel === cancelled) this.#cancel = clock.after(EVERY, () => void this.#renew());
  }
}
