/**
 * The link state database: the LSAs of the area as they stand (RFC 2328 12.2).
 *
 * In: LSAs to install or remove. Out: entries, and their age as of any moment. An entry is one *instance*: a newer one is
 * a new entry object, so that a retransmission list or a queued update always means the instance it was made for.
 *
 * Ages are never counted down. An entry keeps the age at which it came in and the moment it did; its age follows.
 *
 * Not here: deciding which instance is better (flooding/), what we originate (origination/), when things age out
 * (ageing.ts).
 */
import type { Instant } from '../../base/machine.ts';
import { LsType, MAX_AGE } from '../codes.ts';
import { copyLsa, lsaKeyText, sameContents, withAge } from '../lsa/codec.ts';
import type { Lsa, LsaHeader, LsaKey } from '../lsa/lsa.ts';

/**
 * How an instance came in: we made it, we asked for it, or it was flooded to us. MinLSArrival binds only the last
 * (RFC 2328 13 (5)(a) speaks of flooding); applied to the others it costs a neighbor's retransmission interval.
 */
export type LsaSource = 'own' | 'requested' | 'flooded';

export interface LsdbEntry {
  /** `lsaKeyText`, with the interface's name behind it where the scope is one link (type 9). */
  readonly key: string;
  readonly lsa: Lsa;
  readonly source: LsaSource;
  readonly installedAt: Instant;
  /** Whether it says something other than the instance before it; see `install`. */
  readonly changed: boolean;
  /** The link that a type 9 LSA belongs to; undefined for all others. */
  readonly interface: string | undefined;
  /** On how many neighbors' retransmission lists this instance is. */
  retransmissions: number;
  /** When it was last sent in an update. */
  sentAt: Instant | undefined;
}

/**
 * LSAs from others are refused once the database has so many, or so many bytes of them; our own always find room. Far
 * beyond what any area carries (65,536 external LSAs are 2.4 MB, a router with 1,000 links is 12 kB), and a bound to what a
 * neighbor gone wild, or a hostile one, can make us store: in memory, parsed, an LSA takes about ten times its bytes.
 */
export const MOST_LSAS = 65_536;
export const MOST_BYTES = 16 * 1024 * 1024;

export class Lsdb {
  /** Of LSAs, for those of others. */
  readonly limit: number;
  readonly #entries = new Map<string, LsdbEntry>();
  /** What waits to be removed, instances that were flushed or aged out, and since when. */
  readonly #maxAge = new Map<LsdbEntry, Instant>();
  #bytes = 0;
  #version = 0;

  constructor(limit: number = MOST_LSAS) {
    this.limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Counts up whenever the set of LSAs in force, or what one of them says, may have become another. */
  get version(): number {
    return this.#version;
  }

  /** Whether an instance of `length` bytes may come in, in the place of `old`. What does not grow always may. */
  hasRoom(length: number, old: LsdbEntry | undefined): boolean {
    if (old === undefined && this.#entries.size >= this.limit) return false;
    const growth = length - (old?.lsa.bytes.length ?? 0);
    return growth <= 0 || this.#bytes + growth <= MOST_BYTES;
  }

  /** The map key of an LSA met on an interface. */
  keyOf(key: LsaKey, interfaceName: string): string {
    return key.type === LsType.opaqueLink ? `${lsaKeyText(key)}@${interfaceName}` : lsaKeyText(key);
  }

  get(key: string): LsdbEntry | undefined {
    return this.#entries.get(key);
  }

  entries(): IterableIterator<LsdbEntry> {
    return this.#entries.values();
  }

  /** Those at MaxAge, and since when they are. */
  maxAgeEntries(): ReadonlyMap<LsdbEntry, Instant> {
    return this.#maxAge;
  }

  /**
   * Puts an instance in the place of the one that is there, in memory of its own (RFC 2328 13.2). `changed` says whether
   * routes may differ: other contents, or one of the two is at MaxAge. The old instance must have left all
   * retransmission lists.
   */
  install(lsa: Lsa, source: LsaSource, interfaceName: string, now: Instant): { entry: LsdbEntry; changed: boolean } {
    const key = this.keyOf(lsa.header, interfaceName);
    const old = this.#entries.get(key);
    const changed = old === undefined || !sameContents(old.lsa, lsa) || this.isMaxAge(old, now) !== isFlush(lsa);
    const entry: LsdbEntry = {
      key,
      lsa: copyLsa(lsa),
      source,
      installedAt: now,
      changed,
      interface: lsa.header.type === LsType.opaqueLink ? interfaceName : undefined,
      retransmissions: 0,
      sentAt: undefined,
    };
    if (old !== undefined) this.#maxAge.delete(old);
    this.#entries.set(key, entry);
    this.#bytes += entry.lsa.bytes.length - (old?.lsa.bytes.length ?? 0);
    if (changed) this.#version++;
    if (isFlush(lsa)) this.#maxAge.set(entry, now);
    return { entry, changed };
  }

  /** An instance that nobody refreshed has become too old: from now on it waits for removal. True the first time. */
  expire(entry: LsdbEntry, now: Instant): boolean {
    if (this.#maxAge.has(entry)) return false;
    this.#maxAge.set(entry, now);
    this.#version++;
    return true;
  }

  remove(entry: LsdbEntry): void {
    this.#maxAge.delete(entry);
    if (this.#entries.get(entry.key) !== entry) return;
    this.#entries.delete(entry.key);
    this.#bytes -= entry.lsa.bytes.length;
    this.#version++;
  }

  /** Seconds, 0 to MaxAge. */
  ageOf(entry: LsdbEntry, now: Instant): number {
    return Math.min(MAX_AGE, entry.lsa.header.age + Math.floor((now - entry.installedAt) / 1000));
  }

  isMaxAge(entry: LsdbEntry, now: Instant): boolean {
    return this.ageOf(entry, now) >= MAX_AGE;
  }

  /** When the entry reaches MaxAge unless a newer instance comes. */
  expiresAt(entry: LsdbEntry): Instant {
    return entry.installedAt + (MAX_AGE - entry.lsa.header.age) * 1000;
  }

  /** The header with the age as of now: what descriptions, acknowledgements and comparisons use. */
  headerOf(entry: LsdbEntry, now: Instant): LsaHeader {
    return { ...entry.lsa.header, age: this.ageOf(entry, now) };
  }

  /** The LSA as it goes out: its age grows by `transitDelay` seconds, up to MaxAge (RFC 2328 13.3). */
  forSending(entry: LsdbEntry, transitDelay: number, now: Instant): Lsa {
    const age = Math.min(MAX_AGE, this.ageOf(entry, now) + transitDelay);
    return { header: { ...entry.lsa.header, age }, body: entry.lsa.body, bytes: withAge(entry.lsa, age) };
  }
}

function isFlush(lsa: Lsa): boolean {
  return lsa.header.age >= MAX_AGE;
}
