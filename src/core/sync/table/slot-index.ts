/**
 * From 32-bit hashes to slots: open addressing with linear probing over pairs [hash, slot + 1], at most half full, without
 * tombstones. Several slots may have one hash; whoever looks compares what the slots hold:
 *
 *     for (let at = index.first(hash); at >= 0; at = index.next(at, hash)) compare(index.slotAt(at))
 */

const GOLDEN_RATIO = 0x9e3779b1;
/** No place. */
const NOWHERE = -1;

export class SlotIndex {
  readonly #seed: number;
  /** [hash, slot + 1] by place; slot + 1 is 0 where the place is empty. */
  #pairs: Uint32Array;
  #mask: number;
  #shift: number;

  /**
   * @param capacity the most slots that will be in it, a power of two, at least 2
   * @param seed scatters the places: who chooses hashes must not know which collide
   */
  constructor(capacity: number, seed: number) {
    this.#seed = seed;
    this.#mask = 2 * capacity - 1;
    this.#shift = Math.clz32(this.#mask);
    this.#pairs = new Uint32Array(4 * capacity);
  }

  get byteLength(): number {
    return this.#pairs.byteLength;
  }

  /** The place of the first slot with this hash, or -1. */
  first(hash: number): number {
    return this.#search(this.#home(hash), hash);
  }

  /** The place of the next one behind `place`, or -1. */
  next(place: number, hash: number): number {
    return this.#search((place + 1) & this.#mask, hash);
  }

  slotAt(place: number): number {
    return this.#pairs[2 * place + 1]! - 1;
  }

  add(hash: number, slot: number): void {
    let place = this.#home(hash);
    while (this.#pairs[2 * place + 1] !== 0) place = (place + 1) & this.#mask;
    this.#pairs[2 * place] = hash;
    this.#pairs[2 * place + 1] = slot + 1;
  }

  /**
   * As `add`, where more than `most` slots with one hash are of no use: then the newest takes the place of the first of them. So
   * whoever chooses equal hashes does not make every `add` longer than the one before.
   */
  addFew(hash: number, slot: number, most: number): void {
    let place = this.#home(hash);
    let [first, count] = [NOWHERE, 0];
    for (; this.#pairs[2 * place + 1] !== 0; place = (place + 1) & this.#mask) {
      if (this.#pairs[2 * place] !== hash) continue;
      if (first === NOWHERE) first = place;
      if (++count === most) break;
    }
    const free = count === most ? first : place;
    this.#pairs[2 * free] = hash;
    this.#pairs[2 * free + 1] = slot + 1;
  }

  /** Takes out a slot, if it is in. Those behind it that would not be found any more move up (Knuth 6.4, algorithm R). */
  remove(hash: number, slot: number): void {
    let hole = this.first(hash);
    while (hole !== NOWHERE && this.slotAt(hole) !== slot) hole = this.next(hole, hash);
    if (hole === NOWHERE) return;
    const pairs = this.#pairs;
    for (let place = (hole + 1) & this.#mask; pairs[2 * place + 1] !== 0; place = (place + 1) & this.#mask) {
      const fromHome = (place - this.#home(pairs[2 * place]!)) & this.#mask;
      const fromHole = (place - hole) & this.#mask;
      if (fromHome < fromHole) continue;
      pairs[2 * hole] = pairs[2 * place]!;
      pairs[2 * hole + 1] = pairs[2 * place + 1]!;
      hole = place;
    }
    pairs[2 * hole + 1] = 0;
  }

  /** Room for more slots; `capacity` is a power of two and more than before. */
  grow(capacity: number): void {
    const old = this.#pairs;
    this.#mask = 2 * capacity - 1;
    this.#shift = Math.clz32(this.#mask);
    this.#pairs = new Uint32Array(4 * capacity);
    for (let at = 0; at < old.length; at += 2) {
      if (old[at + 1] !== 0) this.add(old[at]!, old[at + 1]! - 1);
    }
  }

  #home(hash: number): number {
    return Math.imul(hash ^ this.#seed, GOLDEN_RATIO) >>> this.#shift;
  }

  #search(from: number, hash: number): number {
    const pairs = this.#pairs;
    for (let place = from; pairs[2 * place + 1] !== 0; place = (place + 1) & this.#mask) {
      if (pairs[2 * place] === hash) return place;
    }
    return NOWHERE;
  }
}
