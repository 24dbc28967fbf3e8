/** One request at a time: two turns at once would each plan against what the other is changing. */
export class Turns {
  #queue: Promise<unknown> = Promise.resolve();
  /** How many are under way or wait. */
  #count = 0;

  get isIdle(): boolean {
    return this.#count === 0;
  }

  take<T>(work: () => Promise<T>): Promise<T> {
    this.#count += 1;
    const result = this.#queue.then(work);
    this.#queue = result
      .catch(() => {})
      .then(() => {
        this.#count -= 1;
      });
    return result;
  }

  /** When all that was asked for is over. */
  async end(): Promise<void> {
    await this.#queue;
  }
}
