/**
 * Packets that a speaker did not use, as events. Rubbish from the wire is counted in the speaker; the log hears of it now and
 * then: of each reason on each interface once in ten seconds, and of a neighbor that does not prove who it is once a
 * minute for each neighbor and reason, with the number of packets in between.
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
const UNPROVEN_EVERY = 60_000;

/** Who makes up source addresses must not fill our memory. */
const MOST_ENTRIES = 1000;

export class DropLog {
  readonly #clock: Clock;
  readonly #events: EventLog;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock, events: EventLog) {
    this.#clock = clock;
    this.#events = events;
  }

  note(instance: string, event: Dropped): void {
    const now = this.#clock.now();
    const unproven = event.reason.startsWith('auth');
    const entry = this.#entryFor(`${instance} ${event.interface} ${event.reason}`, unproven ? event.source : '', now);
    if (now < entry.next) {
      entry.silent += 1;
      return;
    }
    const { kind: _, ...values } = event;
    const name = unproven ? 'authentication-refused' : 'packet-dropped';
    this.#events.emit(name, { instance, ...values, more: entry.silent });
    entry.next = now + (unproven ? UNPROVEN_EVERY : EVERY);
    entry.silent = 0;
  }

  /** One per neighbor as long as there is room, then one for all the rest. */
  #entryFor(about: string, source: string, now: Instant): Entry {
    const own = `${about} ${source}`;
    if (!this.#entries.has(own) && this.#entries.size >= MOST_ENTRIES) this.#forget(now);
    const key = this.#entries.has(own) || this.#entries.size < MOST_ENTRIES ? own : about;
    const entry = this.#entries.get(key) ?? { next: Number.NEGATIVE_INFINITY, silent: 0 };
    this.#entries.set(key, entry);
    return entry;
  }

  #forget(now: Instant): void {
    for (const [key, { next }] of this.#entries) if (next <= now) this.#entries.delete(key);
  }
}
