/**
 * Is what a peer holds of an owner what we hold? Digests say so, range by range; what differs is asked for again.
 *
 * An owner's digest stands in its stream behind all that it has told, so the two digests are of the same moment but for one
 * thing: a connection that has changed hands is told by the new owner, on another stream. So a difference counts only if it
 * stays. It stays in a digest, too: the XOR of ours and theirs is the digest of just those connections that only one of us
 * holds, however many others have come and gone in the range. The same XOR in two exchanges is a loss; another one each time
 * is traffic, until it has happened often enough to be asked for anyway, which costs a 256th of the table.
 */
import { RANGE_SET_BYTES } from '../records/ranges.ts';
import { RANGES } from '../records/record.ts';

/** A range that differs in so many exchanges in a row is asked for, whatever it looks like. */
const ENOUGH = 4;

/** The ranges in which two digests differ; undefined = in none. */
export function differingRanges(a: Uint32Array, b: Uint32Array, within?: Uint8Array): Uint8Array | undefined {
  const set = new Uint8Array(RANGE_SET_BYTES);
  let differ = false;
  for (let range = 0; range < RANGES; range++) {
    if (a[2 * range] === b[2 * range] && a[2 * range + 1] === b[2 * range + 1]) continue;
    const bit = 0x80 >> (range & 7);
    if (within !== undefined && (within[range >> 3]! & bit) === 0) continue;
    set[range >> 3]! |= bit;
    differ = true;
  }
  return differ ? set : undefined;
}

/** What one peer's digests of one owner were, compared with ours, exchange by exchange. */
export class DigestComparison {
  #before: Uint32Array | undefined;
  readonly #times = new Uint8Array(RANGES);

  /** The ranges to ask for; undefined = none. The first comparison of a stream asks for whatever differs. */
  compare(ours: Uint32Array, theirs: Uint32Array): Uint8Array | undefined {
    const before = this.#before;
    const difference = new Uint32Array(2 * RANGES);
    const set = new Uint8Array(RANGE_SET_BYTES);
    let any = false;
    for (let range = 0; range < RANGES; range++) {
      const at = 2 * range;
      difference[at] = ours[at]! ^ theirs[at]!;
      difference[at + 1] = ours[at + 1]! ^ theirs[at + 1]!;
      if (difference[at] === 0 && difference[at + 1] === 0) {
        this.#times[range] = 0;
        continue;
      }
      const times = ++this.#times[range]!;
      const stays = before?.[at] === difference[at] && before?.[at + 1] === difference[at + 1];
      if (before !== undefined && !stays && times < ENOUGH) continue;
      this.#times[range] = 0;
      set[range >> 3]! |= 0x80 >> (range & 7);
      any = true;
    }
    this.#before = difference;
    return any ? set : undefined;
  }
}
