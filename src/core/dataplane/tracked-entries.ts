/**
 * A small number for each of the kernel's entries, by the two numbers that tell it from the others: open addressing with linear
 * probing in one typed array, at most half full, without tombstones. A million entries are no work for the garbage collector,
 * and an access costs less than half of that to a `Map` whose keys do not fit into 31 bits.
 */

/** Words of a place: the kernel's number of the entry, bits of its client, value + 1 (0 = free). */
const WORDS = 3;
const LEAST_PLACES = 2048;

export class TrackedEntries {
  #places = new Uint32Array(WORDS * LEAST_PLACES);
  #mask = LEAST_PLACES - 1;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** -1 = it is not there. @param id 32 bits that nobody outside the kernel can choose */
  get(id: number, client: number): number {
    return this.#places[WORDS * this.#find(id, client) + 2]! - 1;
  }

  /** @param value 0 or more, 31 bits */
  set(id: number, client: number, value: number): void {
    const at = WORDS * this.#find(id, client);
    if (this.#places[at + 2] === 0) {
      this.#places[at] = id;
      this.#places[at + 1] = client;
      this.#size += 1;
    }
    this.#places[at + 2] = value + 1;
    if (2 * this.#size > this.#mask) this.#grow();
  }

  /** Takes it out. Returns its value; -1 = it was not there. */
  delete(id: number, client: number): number {
    const places = this.#places;
    let hole = this.#find(id, client);
    const value = places[WORDS * hole + 2]! - 1;
    if (value < 0) return value;
    this.#size -= 1;
    // Those behind it that would not be found any more move up (Knuth 6.4, algorithm R).
    for (let place = (hole + 1) & this.#mask; places[WORDS * place + 2] !== 0; place = (place + 1) & this.#mask) {
      const home = this.#home(places[WORDS * place]!, places[WORDS * place + 1]!);
      if (((place - home) & this.#mask) < ((place - hole) & this.#mask)) continue;
      for (let word = 0; word < WORDS; word++) places[WORDS * hole + word] = places[WORDS * place + word]!;
      hole = place;
    }
    places[WORDS * hole + 2] = 0;
    return value;
  }

  clear(): void {
    this.#places = new Uint32Array(WORDS * LEAST_PLACES);
    this.#mask = LEAST_PLACES - 1;
    this.#size = 0;
  }

  #home(id: number, client: number): number {
    return (id ^ client) & this.#mask;
  }

  /** The place that it has, or would get. */
  #find(id: number, client: number): number {
    const places = this.#places;
    let place = this.#home(id, client);
    while (
      places[WORDS * place + 2] !== 0 &&
      (places[WORDS * place] !== id >>> 0 || places[WORDS * place + 1] !== client >>> 0)
    ) {
      place = (place + 1) & this.#mask;
    }
    return place;
  }

  #grow(): void {
    const old = this.#places;
    const count = 2 * (this.#mask + 1);
    const places = new Uint32Array(WORDS * count);
    this.#places = places;
    this.#mask = count - 1;
    for (let at = 0; at < old.length; at += WORDS) {
      if (old[at + 2] === 0) continue;
      const to = WORDS * this.#find(old[at]!, old[at + 1]!);
      for (let word = 0; word < WORDS; word++) places[to + word] = old[at + word]!;
    }
  }
}
