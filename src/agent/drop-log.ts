/**
 * Packets that a speaker did not use, as events. Rubbish from the wire is counted in the speaker; the log hears of it now and
 * then: of each reason on each interface once in ten seconds, with the number of packets in between. What lies between us
 * and a neighbor, a wrong key say, is no rubbish: the speaker tells that in words.
 */
import type { Instant } from '../core/base/machine.ts';
import type { SpeakerEvent } from '../drivers/routing/port.ts';
import type { Clock } from '../io/clock.ts';
import type { EventLog } from './events.ts';

type Dropped = SpeakerEvent & { readonly kind: 'dropped' };

interface Entry {
  /** When the next event is due. */
  next: Instant;
  /** Packets since the last one. */
  silent: number;
}

const EVERY = 10_000;

export class DropLog {
  readonly #clock: Clock;
  readonly #events: EventLog;
  /** By instance, interface and reason, none of which is made up by who sends. */
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, events: EventLog) {
    this.#clock = clock;
    this.#events = events;
  }

  note(instance: string, event: Dropped): void {
    const now = this.#clock.now();
    const key = `${instance} ${event.interface} ${event.reason}`;
    const entry = this.#entries.get(key) ?? { next: Number.NEGATIVE_INFINITY, silent: 0 };
    this.#entries.set(key, entry);
    if (now < entry.next) {
      entry.silent += 1;
      return;
    }
    const { kind: _, ...values } = event;
    this.#events.emit('packet-dropped', { instance, ...values, more: entry.silent });
    entry.next = now + EVERY;
    entry.silent = 0;
  }
}
