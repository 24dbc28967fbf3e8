/**
 * Entries of our own in the kernel whose tuple another director's connection has, so it is said, and that may be another one.
 *
 * A tuple is one client's socket, so one of the two is over; nobody here can tell which. Epochs cannot: a director that came
 * back from a crash, behind a cut, knows of none. Silence cannot: a connection may be idle for as long as its timeout lets. So
 * the kernel judges. If ours lives, its next packet claims it; if not, the kernel's own timeout ends it. Until then nothing is
 * written in its place, for a put would take away what is no longer marked as ours, and its timeout is not lengthened.
 *
 * An end that the kernel told of and that was lost leaves a doubt about nothing; the next dump finds it. One is due when a
 * doubt has lasted for longer than the entry could without a packet.
 */
import { birthAt, sameConnection, sameServerSide } from '../records/record.ts';
import { ConnectionTable, NO_SLOT } from '../table/connection-table.ts';
import { SlotStamps } from '../table/slot-stamps.ts';

export class Doubts {
  readonly #entries: ConnectionTable;
  /** By slot, the generation in which the doubt began. */
  readonly #since = new SlotStamps();
  /** By slot, the generation in which a dump last had the entry; 0 = none since the doubt began. */
  readonly #seen = new SlotStamps();

  constructor(seed: number) {
    this.#entries = new ConnectionTable({ seed });
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The kernel's entry of the connection in this record is in doubt from now on. */
  add(bytes: Uint8Array, at: number, generation: number, seconds: number): void {
    const slot = this.#entries.put(bytes, at, seconds);
    this.#since.set(slot, generation);
    this.#seen.set(slot, 0);
  }

  /** Is an entry with this key in doubt? */
  has(bytes: Uint8Array, at: number): boolean {
    return this.#find(bytes, at) !== NO_SLOT;
  }

  /** Is it certainly the entry of this very connection that is in doubt? */
  isAbout(bytes: Uint8Array, at: number): boolean {
    const slot = this.#find(bytes, at);
    return slot !== NO_SLOT && sameConnection(this.#entries.bytes, this.#entries.offset(slot), bytes, at);
  }

  /** The birth of the entry that is in doubt; 0 = not known, or none is. */
  birthOf(bytes: Uint8Array, at: number): number {
    const slot = this.#find(bytes, at);
    return slot === NO_SLOT ? 0 : birthAt(this.#entries.bytes, this.#entries.offset(slot));
  }

  /** Should a dump tell whether what is in doubt is still there? Once for each doubt and timeout. */
  overdue(seconds: number): boolean {
    const entries = this.#entries;
    let due = false;
    entries.walk(0, Number.MAX_SAFE_INTEGER, (slot) => {
      if (entries.secondsLeft(slot, seconds) >= 0) return;
      entries.tell(slot, seconds);
      due = true;
    });
    return due;
  }

  /** @returns whether it was in doubt */
  remove(bytes: Uint8Array, at: number): boolean {
    return this.#entries.removeKey(bytes, at);
  }

  /** A dump has an entry. */
  saw(bytes: Uint8Array, at: number, generation: number): void {
    const slot = this.#find(bytes, at);
    if (slot === NO_SLOT || !sameServerSide(this.#entries.bytes, this.#entries.offset(slot), bytes, at)) return;
    this.#seen.set(slot, generation);
  }

  /**
   * Ends the doubts about entries that a dump did not have.
   *
   * @param since the generation in which the dump began
   * @param over hears of the record of each that is gone
   * @returns whether doubts began during the dump, of which it may say nothing
   */
  dumped(since: number, over: (bytes: Uint8Array, at: number) => void): boolean {
    const entries = this.#entries;
    let open = false;
    entries.walk(0, Number.MAX_SAFE_INTEGER, (slot) => {
      if (this.#seen.get(slot) >= since) return;
      if (this.#since.get(slot) >= since) {
        open = true;
        return;
      }
      const record = entries.record(slot).slice();
      entries.remove(slot);
      over(record, 0);
    });
    return open;
  }

  #find(bytes: Uint8Array, at: number): number {
    return this.#entries.size === 0 ? NO_SLOT : this.#entries.find(bytes, at);
  }
}
