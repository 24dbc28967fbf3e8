/**
 * Is what a peer holds of an owner what we hold? Digests say so, range by range; what differs is asked for again.
 *
 * An owner's digest stands in its stream behind all that it has told, so the two digests are of the same moment but for one
 * thing: a connection that has changed hands is told by the new owner, on another stream. So a difference counts only if it
 * stays. It stays in a digest, too: the XOR of ours and theirs is the digest of just those connections that only one of us
 * holds, however many others have come and gone in the range. The same XOR in two exchanges is a loss; another one each time
 * is traffic, until it has happened often enough to be asked for anyway, which costs a 256th of the table.
 */
import { hasRange, rangeSet, rangesWhere } from '../records/ranges.ts';
import { RANGES } from '../records/record.ts';

/** A range that differs in so many exchanges in a row is asked for, whatever it looks like. */
const ENOUGH = 4;

/** The ranges in which two digests differ, of those that are meant; undefined = in none. */
export function differingRanges(a: Uint32Array, b: Uint32Array, within?: Uint8Array): Uint8Array | undefined {
  return setOf(
    rangesWhere((range) => {
      const isAlike = a[2 * range] === b[2 * range] && a[2 * range + 1] === b[2 * range + 1];
      return !isAlike && (within === undefined || hasRange(within, range));
    }),
  );
}

/** What one peer's digests of one owner were, compared with ours, exchange by exchange. */
export class DigestComparison {
  #before: Uint32Array | undefined;
  readonly #times = new Uint8Array(RANGES);

  /** The ranges to ask for; undefined = none. The first comparison of a stream asks for whatever differs. */
  compare(ours: Uint32Array, theirs: Uint32Array): Uint8Array | undefined {
    const difference = ours.map((word, at) => word ^ theirs[at]!);
    const before = this.#before;
    this.#before = difference;
    return setOf(rangesWhere((range) => this.#isDue(range, difference, before)));
  }

  #isDue(range: number, difference: Uint32Array, before: Uint32Array | undefined): boolean {
    const [first, second] = [2 * range, 2 * range + 1];
    if (difference[first] === 0 && difference[second] === 0) {
      this.#times[range] = 0;
      return false;
    }
    const times = ++this.#times[range]!;
    const stays = before?.[first] === difference[first] && before?.[second] === difference[second];
    if (before !== undefined && !stays && times < ENOUGH) return false;
    this.#times[range] = 0;
    return true;
  }
}

function setOf(ranges: readonly number[]): Uint8Array | undefined {
  return ranges.length === 0 ? undefined : rangeSet(ranges);
}
