/**
 * The taking side of one stream: what we lack of what the peer holds, found by digests and asked for in bulks.
 *
 * One mechanism for a director that joins empty, for a stream that is back, for a peer that was behind, and for a record that
 * was lost: the peer says digests, what differs is asked for. Of the peer's own connections its list is the truth: what it did
 * not list is dropped. Of connections of directors that are not here it is one opinion among others: what it has and we have
 * not is taken, from one donor at a time. Of our own of an earlier life it is a memory: `ownership.ts` judges.
 *
 * What a peer must have heard before our own digest may be believed there: what it remembers of us (`former`), because a
 * director that was restarted and says "I have nothing" would have all its connections dropped by those who keep them for it.
 */
import type { Digest } from '../frames/digest.ts';
import type { PeerSession } from '../mesh/peer-session.ts';
import { rangeSet, rangesWithin } from '../records/ranges.ts';
import { DigestComparison, differingRanges } from './anti-entropy.ts';
import type { Ownership } from './ownership.ts';

export interface CatchUpHost {
  readonly ownership: Ownership;
  readonly self: number;
  /** Is it a director of the cluster file? */
  knows(owner: number): boolean;
  /** Is a stream to this director up, so that it speaks for itself? */
  speaks(owner: number): boolean;
  /** Are connections of this owner being fetched, from whomever? */
  fetching(owner: number): boolean;
  /** Does the start last, in which those who are not here may still come? */
  readonly starting: boolean;
  /** Are our own connections known, those that the kernel has? */
  readonly loaded: boolean;
  readonly seconds: number;
  nextId(): number;
  /** The peer's memory of our connections has been dealt with, in this life. */
  formerDone(session: PeerSession): void;
}

interface Fetch {
  readonly owner: number;
  readonly ranges: Uint8Array;
  readonly round: number;
  /** From `begun` on, what was told is stamped with this or more. */
  generation: number | undefined;
  /** What the donor held at the end. */
  digests: Uint32Array | undefined;
}

/** How often what still differs is asked for again at once: a connection that changes hands meanwhile looks like a loss. */
const MOST_ROUNDS = 3;
/** Room for more is made when they come: anybody may say a number. */
const MOST_EXPECTED = 1 << 18;

export class CatchUp {
  /** Have we been given all that the peer owns, once? */
  complete = false;
  /** Did its own connections agree when they were last compared? */
  match: boolean | undefined;
  readonly #session: PeerSession;
  readonly #host: CatchUpHost;
  readonly #comparisons = new Map<number, DigestComparison>();
  readonly #fetches = new Map<number, Fetch>();
  /** Digests that were told too early. */
  readonly #early = new Map<number, Uint32Array>();
  #former: boolean;

  /** @param former is what the peer remembers of us of interest? */
  constructor(session: PeerSession, host: CatchUpHost, former: boolean) {
    this.#session = session;
    this.#host = host;
    this.#former = former;
  }

  get busy(): boolean {
    return this.#fetches.size > 0;
  }

  fetches(owner: number): boolean {
    for (const fetch of this.#fetches.values()) if (fetch.owner === owner) return true;
    return false;
  }

  /** Is this bulk of our own connections of an earlier life? */
  returns(id: number): boolean {
    return this.#fetches.get(id)?.owner === this.#host.self;
  }

  digest({ owner, digests }: Digest): void {
    if (!this.#host.knows(owner)) return;
    for (const fetch of this.#fetches.values()) {
      if (fetch.owner !== owner) continue;
      if (fetch.generation !== undefined) fetch.digests = digests;
      return;
    }
    if (owner === this.#session.routerId) this.#own(digests);
    else if (owner === this.#host.self ? !this.#host.loaded : this.#host.starting) this.#early.set(owner, digests);
    else this.#judge(owner, digests);
  }

  /** What was told too early is looked at now, as far as it is not too early still. */
  reconsider(): void {
    for (const [owner, digests] of [...this.#early]) {
      if (owner === this.#host.self ? !this.#host.loaded : this.#host.starting) continue;
      this.#early.delete(owner);
      this.#judge(owner, digests);
    }
  }

  /** @param expected about so many connections follow: the table grows once, and not step by step */
  begin(id: number, expected: number): void {
    const fetch = this.#fetches.get(id);
    if (fetch === undefined) return;
    const { table } = this.#host.ownership;
    table.reserve(table.size + Math.min(expected, MOST_EXPECTED));
    fetch.generation = this.#host.ownership.nextGeneration();
  }

  end(id: number): void {
    const fetch = this.#fetches.get(id);
    if (fetch === undefined) return;
    this.#fetches.delete(id);
    const { owner } = fetch;
    if (owner === this.#host.self) {
      this.#formerDone();
      return;
    }
    const differing = this.#differing(fetch);
    if (owner !== this.#session.routerId) return;
    if (differing !== undefined && fetch.round < MOST_ROUNDS) {
      this.#ask(owner, differing, fetch.round + 1);
      return;
    }
    this.complete = true;
    this.match = differing === undefined;
  }

  /** What differs still, once the owner's list has been followed. */
  #differing({ owner, ranges, generation, digests }: Fetch): Uint8Array | undefined {
    if (digests === undefined || generation === undefined) return undefined;
    const { ownership } = this.#host;
    const differing = differingRanges(ownership.table.digest(owner), digests, ranges);
    if (differing === undefined || owner !== this.#session.routerId) return differing;
    ownership.dropUnlisted(owner, differing, generation, this.#host.seconds);
    return differingRanges(ownership.table.digest(owner), digests, ranges);
  }

  #own(digests: Uint32Array): void {
    const { routerId } = this.#session;
    const ours = this.#host.ownership.table.digest(routerId);
    this.match = differingRanges(ours, digests) === undefined;
    const ask = this.#comparisonOf(routerId).compare(ours, digests);
    if (ask !== undefined) this.#ask(routerId, ask, 1);
    else if (this.match) this.complete = true;
  }

  #judge(owner: number, digests: Uint32Array): void {
    if (owner === this.#host.self) this.#recall(digests);
    else if (!this.#host.speaks(owner) && !this.#host.fetching(owner)) {
      const ask = this.#comparisonOf(owner).compare(this.#host.ownership.table.digest(owner), digests);
      if (ask !== undefined) this.#ask(owner, ask, 1);
    }
  }

  #recall(digests: Uint32Array): void {
    if (!this.#former) return;
    const remembered = rangeSet(rangesWithin(digests));
    const ask = differingRanges(this.#host.ownership.table.digest(this.#host.self), digests, remembered);
    if (ask !== undefined) this.#ask(this.#host.self, ask, 1);
    else this.#formerDone();
  }

  #formerDone(): void {
    if (!this.#former) return;
    this.#former = false;
    this.#host.formerDone(this.#session);
  }

  #ask(owner: number, ranges: Uint8Array, round: number): void {
    const id = this.#host.nextId();
    this.#fetches.set(id, { owner, ranges, round, generation: undefined, digests: undefined });
    this.#session.send({ kind: 'bulkRequest', id, owner, ranges });
  }

  #comparisonOf(owner: number): DigestComparison {
    let comparison = this.#comparisons.get(owner);
    if (comparison === undefined) {
      comparison = new DigestComparison();
      this.#comparisons.set(owner, comparison);
    }
    return comparison;
  }
}
