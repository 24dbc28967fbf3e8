/**
 * Epochs of connections that are no more, so that a tuple that is used again begins above them.
 *
 * A tuple that a client uses again after its connection ended, at another director, would begin at epoch 1 again; what the
 * earlier owner has still under way to a third director would then be newer than the connection that lives. One number per
 * connection that ever was would grow without bound; one per bucket of hashes is enough, for an epoch that is higher than it
 * had to be does no harm. Lost at a restart: what is wrong then, anti-entropy repairs.
 */
const BUCKETS = 65_536;

export class EpochFloors {
  readonly #floors = new Uint32Array(BUCKETS);

  /** A connection whose key has this hash had this epoch. */
  raise(hash: number, epoch: number): void {
    const bucket = hash & (BUCKETS - 1);
    if (epoch > this.#floors[bucket]!) this.#floors[bucket] = epoch;
  }

  /** The epoch that a connection begins with of which nothing is known. */
  first(hash: number): number {
    return this.#floors[hash & (BUCKETS - 1)]! + 1;
  }
}
