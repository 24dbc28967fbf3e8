/** How many connections each owner has, and the digests of its ranges: kept up to date as connections come and go. */

import { u32At } from '../../base/big-endian.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import { Field, RANGES, rangeOf } from '../records/record.ts';
import { toggleDigest } from '../records/record-digest.ts';

interface Owned {
  readonly owner: Ipv4;
  count: number;
  readonly digests: Uint32Array;
}

const NOTHING: Owned = { owner: 0, count: 0, digests: new Uint32Array(2 * RANGES) };

export class OwnerDigests {
  readonly #owners = new Map<Ipv4, Owned>();
  /** The one asked for last: batches are of one owner, mostly. */
  #last: Owned = NOTHING;

  /** @param hash of the record's key */
  add(hash: number, bytes: Uint8Array, at: number): void {
    const owned = this.#of(u32At(bytes, at + Field.owner));
    owned.count += 1;
    toggleDigest(owned.digests, 2 * rangeOf(hash), bytes, at);
  }

  /** Takes out a record that was put in with just these bytes. */
  remove(hash: number, bytes: Uint8Array, at: number): void {
    const owned = this.#of(u32At(bytes, at + Field.owner));
    owned.count -= 1;
    toggleDigest(owned.digests, 2 * rangeOf(hash), bytes, at);
    if (owned.count > 0) return;
    this.#owners.delete(owned.owner);
    this.#last = NOTHING;
  }

  /** Owners that have connections, in no order. */
  owners(): IterableIterator<Ipv4> {
    return this.#owners.keys();
  }

  count(owner: Ipv4): number {
    return this.#owners.get(owner)?.count ?? 0;
  }

  /** Two words per range. Not a copy: to be read before anything changes. */
  digests(owner: Ipv4): Uint32Array {
    return this.#owners.get(owner)?.digests ?? NOTHING.digests;
  }

  #of(owner: Ipv4): Owned {
    if (this.#last.owner === owner && this.#last !== NOTHING) return this.#last;
    let owned = this.#owners.get(owner);
    if (owned === undefined) {
      owned = { owner, count: 0, digests: new Uint32Array(2 * RANGES) };
      this.#owners.set(owner, owned);
    }
    this.#last = owned;
    return owned;
  }
}
