/**
 * What gives way when connections begin faster than the peers take them in: young ones, which are most likely to end soon.
 *
 * While every peer has more under way than `BUSY`, connections that begin are kept here instead of being told. One that ends
 * is forgotten with no word said; one that reaches `YOUNG` is told. Those that find no room are not protected at all; when it
 * is over, the kernel is asked for what there is. A single slow peer is no overload: it falls behind alone.
 */
import { ConnectionTable, NO_SLOT } from '../table/connection-table.ts';

/** Bytes under way to every peer, from which on young connections wait; and down to which they do. */
const BUSY = 1 << 20;
const CALM = 256 << 10;
/** Seconds after which a connection is not young any more. */
const YOUNG = 3;
const MOST_HELD = 262_144;
const SLICE = 8192;

export class Shedding {
  /** Connections that could not even be held, since the beginning. */
  refused = 0;
  readonly #held: ConnectionTable;
  readonly #release: (bytes: Uint8Array, at: number) => void;
  readonly #visit: (slot: number) => void;
  #on = false;
  #refusedNow = 0;
  #cursor = 0;
  #seconds = 0;

  /** @param release is told of those that are not young any more */
  constructor(seed: number, release: (bytes: Uint8Array, at: number) => void) {
    this.#held = new ConnectionTable({ seed });
    this.#release = release;
    this.#visit = (slot) => this.#look(slot);
  }

  /** Is there anything to be looked at when a connection begins? */
  get active(): boolean {
    return this.#on || this.#held.size > 0;
  }

  get held(): number {
    return this.#held.size;
  }

  /**
   * @param underWay bytes under way to each peer that is told of what happens; without any there is nobody to be spared
   * @returns what has changed
   */
  measure(underWay: readonly number[]): 'begins' | 'ends' | 'ends incomplete' | undefined {
    const leastUnderWay = underWay.length === 0 ? 0 : Math.min(...underWay);
    if (!this.#on && leastUnderWay > BUSY) {
      this.#on = true;
      return 'begins';
    }
    if (!this.#on || leastUnderWay > CALM) return undefined;
    this.#on = false;
    const incomplete = this.#refusedNow > 0;
    this.#refusedNow = 0;
    return incomplete ? 'ends incomplete' : 'ends';
  }

  /** A connection begins. Returns whether it is to be told; if not, it is held, or there was no room. */
  passes(bytes: Uint8Array, at: number, seconds: number): boolean {
    if (!this.#on) {
      this.ended(bytes, at);
      return true;
    }
    if (this.#held.size < MOST_HELD) {
      const known = this.#held.find(bytes, at);
      const since = known === NO_SLOT ? seconds : this.#held.toldAt(known);
      this.#held.tell(this.#held.put(bytes, at, since), since);
    } else {
      this.refused++;
      this.#refusedNow++;
    }
    return false;
  }

  /** A connection has ended. Was it held? */
  ended(bytes: Uint8Array, at: number): boolean {
    return this.#held.removeKey(bytes, at);
  }

  /** Releases those that are not young any more, or all. */
  slice(seconds: number, all = false): void {
    if (this.#held.size === 0) return;
    this.#seconds = all ? Number.POSITIVE_INFINITY : seconds;
    this.#cursor = this.#held.walk(all ? 0 : this.#cursor, all ? Number.MAX_SAFE_INTEGER : SLICE, this.#visit) ?? 0;
  }

  #look(slot: number): void {
    if (this.#seconds - this.#held.toldAt(slot) < YOUNG) return;
    this.#release(this.#held.bytes, this.#held.offset(slot));
    this.#held.remove(slot);
  }
}
