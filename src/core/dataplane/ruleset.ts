/**
 * A plain picture of nftables tables: wanted (what `rules/wanted.ts` makes of the model) and found (what `nft/read-back.ts`
 * makes of the kernel's answers). `plan.ts` compares the two.
 *
 * Rules and the declarations of sets are compared by stamp, never by what they consist of: nft versions may make different
 * expressions of the same text. The stamp is a hash of the text that was loaded and travels as a comment.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { STEP, type Steps } from '../base/steps.ts';
import { jhashText } from '../hash/jhash.ts';
import type { Protocol } from '../model/protocol.ts';
import type { TimeoutState } from '../model/timeouts.ts';

export interface BaseChain {
  readonly type: 'nat' | 'filter' | 'route';
  readonly hook: string;
  /** The interface whose packets it gets; of family netdev only. */
  readonly device?: string | undefined;
  readonly priority: number;
}

/**
 * A `snat … map @…` rule to an address and a range of ports, in which the port is to be the range's first one plus the client's
 * port modulo the range (NF_NAT_RANGE_PROTO_OFFSET), and the next free one on a conflict. nft has no word for it.
 * The rule must not use an anonymous set (`{ tcp, udp }`): it is written a second time beside itself, and such a set can serve
 * only one rule.
 */
export interface OffsetRule {
  readonly text: string;
  readonly portOffset: true;
}

/** Statements of one rule, without comment. */
export type WantedRule = string | OffsetRule;

export interface WantedChain {
  /** `undefined` for a chain that is only jumped to. */
  readonly base: BaseChain | undefined;
  readonly rules: readonly WantedRule[];
}

/** How many elements sets are made for that are declared with a size. */
const SIZES = [512, 8192, 131_072] as const;

/**
 * What a declaration says of its size, so that the kernel takes the hash table that cannot grow: a look-up in it costs half of one in
 * the other (docs/facts/nftables.md). A set that outgrows it is another declaration, hence made anew, and counts from nothing.
 *
 * @param count of the elements that are wanted
 */
export function sizeFor(count: number): string {
  const size = SIZES.find((one) => count <= one);
  return size === undefined ? '' : `; size ${size}`;
}

export interface WantedSet {
  readonly kind: 'set' | 'map';
  /** What stands in the braces besides the elements, e.g. `typeof ip daddr`; several statements separated by `;`. */
  readonly declaration: string;
  /** Element to its data; the data of a set's element is empty. Both as nft reads them, numbers in decimal. */
  readonly elements: ReadonlyMap<string, string>;
}

/** A ct timeout object: how long an entry of conntrack lives in each state, in whole seconds. */
export interface TimeoutPolicy {
  readonly protocol: 'tcp' | 'udp';
  readonly seconds: ReadonlyMap<TimeoutState, number>;
}

export interface WantedTable {
  readonly chains: ReadonlyMap<string, WantedChain>;
  readonly sets: ReadonlyMap<string, WantedSet>;
  readonly counters: ReadonlySet<string>;
  /** Undefined = none. */
  readonly timeouts?: ReadonlyMap<string, TimeoutPolicy> | undefined;
}

export interface Tally {
  readonly packets: number;
  readonly bytes: number;
}

export const NO_TALLY: Tally = { packets: 0, bytes: 0 };

/** The element of a set or map whose key is an address, a protocol and a port. */
export function endpointElement(address: Ipv4, protocol: string, port: number): string {
  return `${formatIpv4(address)} . ${protocol} . ${port}`;
}

/** The same with a server of the service, whose endpoint goes before it. */
export function memberElement(endpoint: string, server: Ipv4): string {
  return `${endpoint} . ${formatIpv4(server)}`;
}

/** Of a service known by mark, and a server of it. */
export function markedElement(fwmark: number, server: Ipv4): string {
  return `${fwmark} . ${formatIpv4(server)}`;
}

/** The element of a set whose key is the name of an interface; the cluster file admits none that would need more than quotes. */
export function linkElement(name: string): string {
  return `"${name}"`;
}

/** The same tables, without any offset: for a kernel that refuses it. */
export function withPlainPorts(wanted: Wanted): Wanted {
  const plain = (chain: WantedChain): WantedChain => ({ ...chain, rules: chain.rules.map(ruleText) });
  return new Map(
    [...wanted].map(([name, table]) => {
      const chains = new Map([...table.chains].map(([key, chain]) => [key, plain(chain)]));
      return [name, { ...table, chains }];
    }),
  );
}

/** The same where nft knows no types, of a packet within a packet. */
export function quotedElement(address: Ipv4, protocol: Protocol, port: number): string {
  return `${address} . ${PROTOCOL_NUMBERS[protocol]} . ${port}`;
}

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17, sctp: 132 } as const;

/** Interfaces that are there: name to index. */
export type Links = ReadonlyMap<string, number>;

/** The element of a set that counts connections by server id: lets a packet match while there are more than `limit`. */
export function limitElement(id: number, limit: number): string {
  return `${id} ct count over ${limit}`;
}

export interface FoundChain {
  readonly base: BaseChain | undefined;
  /** One per rule, in order; empty text for a rule that is not ours. */
  readonly stamps: readonly string[];
  /** The rules' expressions as the kernel holds them. Only good for "has it changed since I last looked?". */
  readonly shapes: readonly string[];
}

export interface FoundSet {
  readonly kind: 'set' | 'map';
  /** Of the declaration that it was made by; empty text when it is not ours. */
  readonly stamp: string;
  readonly elements: ReadonlyMap<string, string>;
  /** Only of elements that count. */
  readonly tallies: ReadonlyMap<string, Tally>;
}

export interface FoundTable {
  readonly chains: ReadonlyMap<string, FoundChain>;
  readonly sets: ReadonlyMap<string, FoundSet>;
  readonly counters: ReadonlyMap<string, Tally>;
  /** Undefined = none. */
  readonly timeouts?: ReadonlyMap<string, TimeoutPolicy> | undefined;
}

/** By table name, which says the family too (`tableFamily`). */
export type Wanted = ReadonlyMap<string, WantedTable>;
export type Found = ReadonlyMap<string, FoundTable>;

const STAMP_SEED = 0x51c1ce10;

/** The comment of a set or map: the same of its declaration, which nft gives back in words of its own. */
export function setStamp({ kind, declaration }: Pick<WantedSet, 'kind' | 'declaration'>): string {
  return ruleStamp(`${kind} ${declaration}`);
}

/** Every turn asks for the stamps of every rule, twice, and hardly any of them is new. */
const stamps = new Map<string, string>();
const MOST_STAMPS = 20_000;

function textStamp(text: string): string {
  const known = stamps.get(text);
  if (known !== undefined) return known;
  if (stamps.size >= MOST_STAMPS) stamps.clear();
  const stamp = `sluice ${jhashText(text, STAMP_SEED).toString(16).padStart(8, '0')}`;
  stamps.set(text, stamp);
  return stamp;
}

/** The comment of a rule: a word that says whose it is, a hash of its text, and what text cannot say. */
export function ruleStamp(rule: WantedRule): string {
  const stamp = textStamp(ruleText(rule));
  return typeof rule === 'string' ? stamp : stamp + OFFSET_WORD;
}

/** A listing by nft does not show the flag; this does. */
const OFFSET_WORD = ' port-offset';

export function ruleText(rule: WantedRule): string {
  return typeof rule === 'string' ? rule : rule.text;
}

/** As nft can write it. */
export function plainStamp(rule: WantedRule): string {
  return ruleStamp(ruleText(rule));
}

/** A rule whose comment says that it has the offset and which has not, was listed and loaded again: it is the plain one. */
export function stampOf(comment: string, hasPortOffset: boolean): string {
  return !hasPortOffset && comment.endsWith(OFFSET_WORD) ? comment.slice(0, -OFFSET_WORD.length) : comment;
}

function sameList(a: readonly string[], b: readonly string[]): boolean {
  if (a === b) return true;
  return a.length === b.length && a.every((value, i) => value === b[i]);
}

function sameMap<V>(
  a: ReadonlyMap<string, V>,
  b: ReadonlyMap<string, V>,
  same: (x: V, y: V) => boolean = Object.is,
): boolean {
  if (a === b) return true;
  if (a.size !== b.size) return false;
  for (const [key, value] of a) {
    const other = b.get(key);
    if (other === undefined || !same(value, other)) return false;
  }
  return true;
}

export function sameBase(a: BaseChain | undefined, b: BaseChain | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.type === b.type && a.hook === b.hook && a.device === b.device && a.priority === b.priority;
}

function sameChain(a: FoundChain, b: FoundChain): boolean {
  return sameBase(a.base, b.base) && sameList(a.stamps, b.stamps) && sameList(a.shapes, b.shapes);
}

const NO_TIMEOUTS: ReadonlyMap<string, TimeoutPolicy> = new Map();

function samePolicy(a: TimeoutPolicy, b: TimeoutPolicy): boolean {
  return a.protocol === b.protocol && sameMap(a.seconds, b.seconds);
}

function sameTable(a: FoundTable, b: FoundTable): boolean {
  return (
    sameMap(a.chains, b.chains, sameChain) &&
    sameMap(a.sets, b.sets, (x, y) => x.kind === y.kind && x.stamp === y.stamp && sameMap(x.elements, y.elements)) &&
    sameMap(a.counters, b.counters, () => true) &&
    sameMap(a.timeouts ?? NO_TIMEOUTS, b.timeouts ?? NO_TIMEOUTS, samePolicy)
  );
}

/** True when nobody wrote to the tables between two readings. What counts is left out. */
export function sameFound(a: Found, b: Found): boolean {
  return sameMap(a, b, sameTable);
}

/** Anything that has sets with elements: wanted or found tables. */
export type WithElements = ReadonlyMap<string, { readonly sets: ReadonlyMap<string, Pick<FoundSet, 'elements'>> }>;

function* sameElements(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): Steps<boolean> {
  if (a.size !== b.size) return false;
  let seen = 0;
  for (const [key, data] of a) {
    if (b.get(key) !== data) return false;
    if (++seen % STEP === 0) yield;
  }
  return true;
}

/**
 * `found`, with the very maps of `likely` in place of those that hold the same elements: comparing the two again then costs
 * nothing, and thousands of elements are in memory once. Yields after each set.
 */
export function* shareElements(found: Found, likely: WithElements): Generator<void, Found> {
  const tables = new Map<string, FoundTable>();
  for (const [name, table] of found) {
    const sets = new Map(table.sets);
    for (const [setName, set] of table.sets) {
      const elements = likely.get(name)?.sets.get(setName)?.elements;
      if (elements === undefined || elements === set.elements) continue;
      if (yield* sameElements(elements, set.elements)) sets.set(setName, { ...set, elements });
      yield;
    }
    tables.set(name, { ...table, sets });
  }
  return tables;
}

/**
 * `found`, with the stamps of rules withdrawn whose expressions differ from `before` although the comment is still ours:
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
