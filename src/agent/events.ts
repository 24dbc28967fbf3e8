/**
 * The event log: what happened, in order, with stable names. The last 1000 are kept for the control API; every one also
 * goes to the sink (the log), from the moment there is one: events from before are handed over first.
 */
import type { EventDocument, EventName } from '../api/documents.ts';
import type { Millis } from '../core/base/machine.ts';
import type { Clock } from '../io/clock.ts';

const KEPT = 1000;

export type EventSink = (event: EventDocument) => void;
export type EventValues = Readonly<Record<string, unknown>>;

export class EventLog {
  readonly #clock: Clock;
  readonly #timeOfDay: () => Date;
  readonly #ring: EventDocument[] = [];
  readonly #waiting = new Set<() => void>();
  #sink: EventSink | undefined;
  #seq = 0;

  constructor(clock: Clock, timeOfDay: () => Date = () => new Date()) {
    this.#clock = clock;
    this.#timeOfDay = timeOfDay;
  }

  emit(event: EventName, values: EventValues = {}): void {
    this.#seq += 1;
    const t = Math.round(this.#clock.now() * 1000) / 1000;
    const entry = { seq: this.#seq, t, at: this.#timeOfDay().toISOString(), event, values };
    this.#ring.push(entry);
    if (this.#ring.length > KEPT) this.#ring.shift();
    this.#sink?.(entry);
    for (const wake of [...this.#waiting]) wake();
  }

  attach(sink: EventSink): void {
    for (const event of this.#ring) sink(event);
    this.#sink = sink;
  }

  /** The events after `seq` that are still kept, oldest first. */
  since(seq: number): readonly EventDocument[] {
    return this.#ring.filter((event) => event.seq > seq);
  }

  /** As `since`; when there are none, waits for the first, at most `wait` and not beyond the signal. */
  async poll(seq: number, wait: Millis, signal: AbortSignal): Promise<readonly EventDocument[]> {
    const ready = this.since(seq);
    if (ready.length > 0 || wait === 0 || signal.aborted) return ready;
    await new Promise<void>((resolve) => {
      const wake = () => {
        cancel();
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const cancel = this.#clock.after(wait, wake);
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake);
    });
    return this.since(seq);
  }
}
