/**
 * Records whose server has no id here yet: another director already has a server that this one is about to learn of. A bounded
 * number of them is kept, by connection; the newest word counts.
 */
import { Field, Op, RECORD_BYTES } from '../../core/sync/records/record.ts';

const MAX_RECORDS = 16_384;
/** Bytes 0 to 12 of a record. */
const KEY_BYTES = Field.protocol + 1;

const keyOf = (records: Uint8Array, at: number): string => String.fromCharCode(...records.subarray(at, at + KEY_BYTES));

export class WaitingRecords {
  readonly #records = new Map<string, Uint8Array>();

  get size(): number {
    return this.#records.size;
  }

  /** What finds no room is forgotten: its owner refreshes it. */
  add(records: Uint8Array, at: number): void {
    const key = keyOf(records, at);
    if (this.#records.size >= MAX_RECORDS && !this.#records.has(key)) return;
    this.#records.set(key, records.slice(at, at + RECORD_BYTES));
  }

  /** Its owner says that it is over. */
  noteDeletes(records: Uint8Array): void {
    if (this.#records.size === 0) return;
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      if (records[at + Field.op] === Op.delete) this.#records.delete(keyOf(records, at));
    }
  }

  /** All of them, which are no longer kept. */
  take(): Uint8Array {
    const all = new Uint8Array(this.#records.size * RECORD_BYTES);
    let at = 0;
    for (const record of this.#records.values()) {
      all.set(record, at);
      at += RECORD_BYTES;
    }
    this.#records.clear();
    return all;
  }
}
