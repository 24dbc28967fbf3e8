/**
 * Predicted connections that no server has answered yet.
 *
 *   the kernel tells that it is ASSURED     its server has answered, and was answered: it is a connection like any other
 *   another director asks for its server side   the answer has come there: it is one, too, and is made ASSURED here
 *   the kernel tells that it is gone        RST was the only answer: the kernel has deleted it itself
 *   its time is over                        the kernel is asked: with an answer seen it stays, else it goes
 *
 * Until then peers hear nothing of it: a copy would outlive it. The kernel would keep it as long as any connection from its first
 * packet on, so its time is counted here; should this process end, it lasts as long as one that only one side sends on.
 *
 * At most `MAX_PREDICTIONS` at once. All wait equally long: the oldest come first.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import { recordKey } from '../records/flow-key.ts';
import { Op, RECORD_BYTES, RecordFlag, readRecord, recordsOf } from '../records/record.ts';
import { PREDICTION_SECONDS } from './prediction.ts';

export const MAX_PREDICTIONS = 10_000;

/** So many are looked up, or given up, at once. */
const BATCH = 256;
/** How long the kernel may take to answer. */
const LOOK_UP: Millis = 2000;

export type PredictionEffect =
  /** Nobody waits for what comes of it. */
  | { readonly kind: 'change'; readonly records: Uint8Array }
  /** To those who keep the connections of all directors: it is one from now on. */
  | { readonly kind: 'tell'; readonly records: Uint8Array }
  /** The kernel's entry of this record's key, answered by `looked`. */
  | { readonly kind: 'lookUp'; readonly record: Uint8Array };

export interface PredictionCounts {
  predicted: number;
  /** Its tuple was in use. */
  refused: number;
  confirmed: number;
  /** Its server answered by RST. */
  refuted: number;
  /** Nobody has answered in time. */
  expired: number;
}

interface Pending {
  readonly record: Uint8Array;
  readonly establishedTimeout: number;
  readonly deadline: Instant;
}

export class PendingPredictions {
  readonly counts: PredictionCounts = { predicted: 0, refused: 0, confirmed: 0, refuted: 0, expired: 0 };
  /** Each in the order of deadlines, as all in it wait equally long. */
  readonly #waiting = new Map<string, Pending>();
  readonly #lookedUp = new Map<string, Pending>();

  get isFull(): boolean {
    return this.size >= MAX_PREDICTIONS;
  }

  get size(): number {
    return this.#waiting.size + this.#lookedUp.size;
  }

  get deadline(): Instant | undefined {
    return earliest(first(this.#waiting)?.deadline, first(this.#lookedUp)?.deadline);
  }

  /** Is this connection predicted, and not confirmed? */
  holds(records: Uint8Array, at: number): boolean {
    return this.size > 0 && this.#find(recordKey(records, at)) !== undefined;
  }

  /** The kernel is asked to take it. @param establishedTimeout in seconds */
  add(record: Uint8Array, establishedTimeout: number, now: Instant): void {
    const deadline = now + PREDICTION_SECONDS * 1000;
    this.#waiting.set(recordKey(record, 0), { record, establishedTimeout, deadline });
    this.counts.predicted += 1;
  }

  /** The same connection, predicted at another port: the kernel did not take what was added for it. */
  instead(record: Uint8Array): void {
    const key = recordKey(record, 0);
    const pending = this.#waiting.get(key);
    if (pending !== undefined) this.#waiting.set(key, { ...pending, record });
  }

  /** The kernel did not take it: what is there under its tuple is none of it. */
  refused(record: Uint8Array): void {
    this.#end(recordKey(record, 0), 'refused');
  }

  /** What the kernel told. */
  told(records: Uint8Array): void {
    if (this.size === 0) return;
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const key = recordKey(records, at);
      if (this.#find(key) === undefined) continue;
      const { op, flags } = readRecord(records, at);
      if (op === Op.delete) this.#end(key, 'refuted');
      else if (op === Op.put && (flags & RecordFlag.assured) !== 0) this.#end(key, 'confirmed');
    }
  }

  /** Another director asked whose answer it has. */
  served(record: Uint8Array): readonly PredictionEffect[] {
    const key = recordKey(record, 0);
    const pending = this.#find(key);
    return pending === undefined ? [] : this.#confirm(key, pending);
  }

  /** `found` is the kernel's entry, undefined = none. */
  looked(record: Uint8Array, found: Uint8Array | undefined): readonly PredictionEffect[] {
    const key = recordKey(record, 0);
    const pending = this.#lookedUp.get(key);
    if (pending === undefined) return [];
    if (found === undefined) {
      this.#end(key, 'refuted');
      return [];
    }
    const isAnswered = (readRecord(found, 0).flags & RecordFlag.seenReply) !== 0;
    return isAnswered ? this.#confirm(key, pending) : this.#expire(key, pending);
  }

  /** Asks the kernel about those whose time is over; those about which it said nothing go. */
  expire(now: Instant): readonly PredictionEffect[] {
    const effects: PredictionEffect[] = [];
    for (const [key, pending] of due(this.#lookedUp, now)) effects.push(...this.#expire(key, pending));
    for (const [key, pending] of due(this.#waiting, now)) {
      this.#waiting.delete(key);
      this.#lookedUp.set(key, { ...pending, deadline: now + LOOK_UP });
      effects.push({ kind: 'lookUp', record: pending.record });
    }
    return effects;
  }

  #find(key: string): Pending | undefined {
    return this.#waiting.get(key) ?? this.#lookedUp.get(key);
  }

  #expire(key: string, { record }: Pending): readonly PredictionEffect[] {
    this.#end(key, 'expired');
    return [{ kind: 'change', records: removal(record) }];
  }

  #end(key: string, how: Exclude<keyof PredictionCounts, 'predicted'>): void {
    this.#waiting.delete(key);
    this.#lookedUp.delete(key);
    this.counts[how] += 1;
  }

  #confirm(key: string, { record, establishedTimeout }: Pending): readonly PredictionEffect[] {
    this.#end(key, 'confirmed');
    const flags = RecordFlag.assured | RecordFlag.seenReply;
    const records = recordsOf([{ ...readRecord(record, 0), flags, timeout: establishedTimeout }]);
    return [
      { kind: 'change', records },
      { kind: 'tell', records },
    ];
  }
}

function first(map: ReadonlyMap<string, Pending>): Pending | undefined {
  for (const pending of map.values()) return pending;
  return undefined;
}

function earliest(a: Instant | undefined, b: Instant | undefined): Instant | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return Math.min(a, b);
}

/** The oldest of those that wait no longer, a batch of them. */
function due(map: ReadonlyMap<string, Pending>, now: Instant): readonly (readonly [string, Pending])[] {
  const found: (readonly [string, Pending])[] = [];
  for (const entry of map) {
    if (entry[1].deadline > now || found.length === BATCH) break;
    found.push(entry);
  }
  return found;
}

/** Only copies are deleted, and a packet of the client has made it our own meanwhile. */
function removal(record: Uint8Array): Uint8Array {
  const value = readRecord(record, 0);
  return recordsOf([
    { ...value, flags: RecordFlag.demote },
    { ...value, op: Op.delete, flags: 0 },
  ]);
}
