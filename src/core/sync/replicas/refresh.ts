/**
 * Says again what lives: packets of a connection keep its entry alive where they pass, and are no events, so the copies at the
 * other directors would time out. An owner tells of each of its connections again when a third of its timeout has passed.
 *
 * The table is walked in slices, all of it in about `ROUND`. On the way, copies of directors that are gone and that have been
 * over for long are forgotten: their kernel entries have timed out, or are claimed when they are used.
 */
import { u32At } from '../../base/big-endian.ts';
import type { Millis } from '../../base/machine.ts';
import { Field, isRemembered, Op } from '../records/record.ts';
import { RecordBuffer } from '../records/record-buffer.ts';
import type { Ownership } from './ownership.ts';

const ROUND: Millis = 8000;
const LEAST_SLICE = 1024;
/** Seconds after its timeout that a copy of which nobody tells any more is kept. */
const OVERDUE = 60;

export class Refresh {
  /** What is to be told again. */
  readonly records = new RecordBuffer(256);
  readonly #ownership: Ownership;
  readonly #visit: (slot: number) => void;
  #cursor = 0;
  #seconds = 0;
  #orphaned: (owner: number) => boolean = () => false;

  constructor(ownership: Ownership) {
    this.#ownership = ownership;
    this.#visit = (slot) => this.#look(slot);
  }

  /**
   * The next slice.
   *
   * @param every how often this is called
   * @param orphaned is this owner gone?
   */
  slice(every: Millis, seconds: number, orphaned: (owner: number) => boolean): void {
    const { table } = this.#ownership;
    this.#seconds = seconds;
    this.#orphaned = orphaned;
    const slots = Math.max(LEAST_SLICE, Math.ceil((table.size * every) / ROUND));
    this.#cursor = table.walk(this.#cursor, slots, this.#visit) ?? 0;
  }

  #look(slot: number): void {
    const { table } = this.#ownership;
    const at = table.offset(slot);
    if (this.#ownership.owns(slot)) {
      // Whoever reads the maps of clients tells when one lives on; said again here, it would live on at the others alone.
      if (isRemembered(table.bytes, at)) return;
      const timeout = u32At(table.bytes, at + Field.timeout);
      if (this.#seconds - table.toldAt(slot) < timeout / 3) return;
      const where = this.records.add(table.bytes, at);
      this.records.bytes[where + Field.op] = Op.refresh;
      table.tell(slot, this.#seconds);
    } else if (
      table.secondsLeft(slot, this.#seconds) < -OVERDUE &&
      this.#orphaned(u32At(table.bytes, at + Field.owner))
    ) {
      table.remove(slot);
    }
  }
}
