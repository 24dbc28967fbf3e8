/**
 * A plain picture of nftables tables: wanted (what `wanted-ruleset.ts` makes of the model) and found (what `read-back.ts`
 * makes of a listing). `plan.ts` compares the two.
 *
 * Rules are compared by stamp, never by text: every nft version lists the same rule in its own words. The stamp is a hash of
 * the text that was loaded and travels as the rule's comment.
 */
import { jhashWords } from '../hash/jhash.ts';

export interface BaseChain {
  readonly type: 'nat' | 'filter' | 'route';
  readonly hook: string;
  readonly priority: number;
}

export interface WantedChain {
  /** `undefined` for a chain that is only jumped to. */
  readonly base: BaseChain | undefined;
  /** Statements of one rule each, without comment. */
  readonly rules: readonly string[];
}

export interface WantedSet {
  readonly kind: 'set' | 'map';
  /** What stands in the braces besides the elements, e.g. `typeof ip daddr`; several statements separated by `;`. */
  readonly declaration: string;
  /** Element to its data; the data of a set's element is empty. Both as nft reads them, numbers in decimal. */
  readonly elements: ReadonlyMap<string, string>;
}

export interface WantedTable {
  readonly chains: ReadonlyMap<string, WantedChain>;
  readonly sets: ReadonlyMap<string, WantedSet>;
  readonly counters: ReadonlySet<string>;
}

export interface Tally {
  readonly packets: number;
  readonly bytes: number;
}

export interface FoundChain {
  readonly base: BaseChain | undefined;
  /** One per rule, in order; empty text for a rule that is not ours. */
  readonly stamps: readonly string[];
  /** The rules as this nft lists them. Only good for "has it changed since I last looked?". */
  readonly shapes: readonly string[];
}

export interface FoundSet {
  readonly kind: 'set' | 'map';
  readonly elements: ReadonlyMap<string, string>;
  /** Only of elements that count. */
  readonly tallies: ReadonlyMap<string, Tally>;
}

export interface FoundTable {
  readonly chains: ReadonlyMap<string, FoundChain>;
  readonly sets: ReadonlyMap<string, FoundSet>;
  readonly counters: ReadonlyMap<string, Tally>;
}

/** By table name; all tables are of family `ip`. */
export type Wanted = ReadonlyMap<string, WantedTable>;
export type Found = ReadonlyMap<string, FoundTable>;

const STAMP_SEED = 0x51c1ce10;

/** The comment of a rule: a word that says whose it is and a hash of its text. */
export function ruleStamp(text: string): string {
  const hash = jhashWords(
    Array.from(text, (c) => c.charCodeAt(0)),
    STAMP_SEED,
  );
  return `sluice ${hash.toString(16).padStart(8, '0')}`;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function sameMap<V>(
  a: ReadonlyMap<string, V>,
  b: ReadonlyMap<string, V>,
  same: (x: V, y: V) => boolean = Object.is,
): boolean {
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !same(value, other)) return false;
  }
  return true;
}

export function sameBase(a: BaseChain | undefined, b: BaseChain | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.type === b.type && a.hook === b.hook && a.priority === b.priority;
}

function sameChain(a: FoundChain, b: FoundChain): boolean {
  return sameBase(a.base, b.base) && sameList(a.stamps, b.stamps) && sameList(a.shapes, b.shapes);
}

function sameTable(a: FoundTable, b: FoundTable): boolean {
  return (
    sameMap(a.chains, b.chains, sameChain) &&
    sameMap(a.sets, b.sets, (x, y) => x.kind === y.kind && sameMap(x.elements, y.elements)) &&
    sameMap(a.counters, b.counters, () => true)
  );
}

/** True when nobody wrote to the tables between two listings by the same nft. What counts is left out. */
export function sameFound(a: Found, b: Found): boolean {
  return sameMap(a, b, sameTable);
}

/**
 * `found`, with the stamps of rules withdrawn whose listing differs from `before` although the comment is still ours:
 * somebody replaced a rule and kept its comment. `plan` then writes these chains again.
 */
export function distrustEdited(found: Found, before: Found): Found {
  const tables = new Map<string, FoundTable>();
  for (const [name, table] of found) {
    const chains = new Map(table.chains);
    for (const [chainName, chain] of table.chains) {
      const earlier = before.get(name)?.chains.get(chainName);
      if (earlier === undefined || !sameList(earlier.stamps, chain.stamps) || sameList(earlier.shapes, chain.shapes)) {
        continue;
      }
      chains.set(chainName, { ...chain, stamps: chain.stamps.map(() => '') });
    }
    tables.set(name, { ...table, chains });
  }
  return tables;
}
