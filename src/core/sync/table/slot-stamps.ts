/** A number per slot of a table, 0 until it is set. Grows with the slots that are used. */
export class SlotStamps {
  #stamps = new Uint32Array(1024);

  get(slot: number): number {
    return this.#stamps[slot] ?? 0;
  }

  set(slot: number, stamp: number): void {
    if (slot >= this.#stamps.length) this.#grow(slot);
    this.#stamps[slot] = stamp;
  }

  #grow(slot: number): void {
    const larger = new Uint32Array(Math.max(this.#stamps.length * 2, slot + 1));
    larger.set(this.#stamps);
    this.#stamps = larger;
  }
}
