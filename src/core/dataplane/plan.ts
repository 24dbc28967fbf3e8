/**
 * Wanted and found tables to the operations that turn the one into the other, in an order in which nft accepts them as one
 * transaction: what is referred to before what refers to it, and the reverse for what goes.
 *
 * Pure and idempotent: when nothing differs the plan is empty. A set whose declaration has changed is made anew, as is one
 * that cannot take part in a new rule otherwise: the rules that name it go first and come back after it, which to packets is
 * one change like any other. The tables are ours by name, so anything found in them that is not wanted goes; other tables are
 * never looked at.
 */
import { STEP, type Steps } from '../base/steps.ts';
import { holdsPolicy } from './rules/timeout-policies.ts';
import {
  type BaseChain,
  type Found,
  type FoundChain,
  type FoundTable,
  ruleStamp,
  ruleText,
  sameBase,
  setStamp,
  type TimeoutPolicy,
  type Wanted,
  type WantedChain,
  type WantedRule,
  type WantedSet,
  type WantedTable,
} from './ruleset.ts';

export type Operation =
  | { readonly kind: 'add-table'; readonly table: string }
  | { readonly kind: 'delete-table'; readonly table: string }
  | { readonly kind: 'add-counter'; readonly table: string; readonly name: string }
  | { readonly kind: 'delete-counter'; readonly table: string; readonly name: string }
  | { readonly kind: 'add-timeout'; readonly table: string; readonly name: string; readonly policy: TimeoutPolicy }
  | { readonly kind: 'delete-timeout'; readonly table: string; readonly name: string }
  | {
      readonly kind: 'add-set';
      readonly table: string;
      readonly name: string;
      readonly set: 'set' | 'map';
      readonly declaration: string;
    }
  | { readonly kind: 'delete-set'; readonly table: string; readonly name: string; readonly set: 'set' | 'map' }
  | { readonly kind: 'add-chain'; readonly table: string; readonly name: string; readonly base: BaseChain | undefined }
  | { readonly kind: 'flush-chain'; readonly table: string; readonly name: string }
  | { readonly kind: 'delete-chain'; readonly table: string; readonly name: string }
  /** Replaces all rules of a chain. */
  | { readonly kind: 'set-rules'; readonly table: string; readonly name: string; readonly rules: readonly WantedRule[] }
  | {
      readonly kind: 'elements';
      readonly table: string;
      readonly name: string;
      /** How many elements the set wants in all, for the printed form. */
      readonly size: number;
      readonly remove: readonly string[];
      /** Element to its data; may be all that the set wants, the very map. */
      readonly add: ReadonlyMap<string, string>;
    };

const EMPTY: FoundTable = { chains: new Map(), sets: new Map(), counters: new Map() };

function sameRules(wanted: WantedChain, stamps: readonly string[]): boolean {
  return wanted.rules.length === stamps.length && wanted.rules.every((rule, i) => ruleStamp(rule) === stamps[i]);
}

function agrees(wanted: WantedChain, found: FoundChain | undefined): boolean {
  return found !== undefined && sameBase(found.base, wanted.base) && sameRules(wanted, found.stamps);
}

/** Only what differs. An element whose data changed is removed and added, which one transaction makes a replacement. */
function* planElements(
  table: string,
  name: string,
  wanted: WantedSet,
  found: ReadonlyMap<string, string>,
): Steps<readonly Operation[]> {
  if (wanted.elements === found) return [];
  // Of hundreds of thousands of elements that come at once none is copied.
  if (found.size === 0) return elementsOperation(table, name, wanted, [], wanted.elements);
  const remove: string[] = [];
  const add = new Map<string, string>();
  let seen = 0;
  for (const [key, data] of found) {
    if (wanted.elements.get(key) !== data) remove.push(key);
    if (++seen % STEP === 0) yield;
  }
  for (const [key, data] of wanted.elements) {
    if (found.get(key) !== data) add.set(key, data);
    if (++seen % STEP === 0) yield;
  }
  return elementsOperation(table, name, wanted, remove, add);
}

function elementsOperation(
  table: string,
  name: string,
  { elements }: WantedSet,
  remove: readonly string[],
  add: ReadonlyMap<string, string>,
): readonly Operation[] {
  if (remove.length === 0 && add.size === 0) return [];
  return [{ kind: 'elements', table, name, size: elements.size, remove, add }];
}

function planChains(table: string, wanted: WantedTable, found: FoundTable): { add: Operation[]; rules: Operation[] } {
  const add: Operation[] = [];
  const rules: Operation[] = [];
  for (const [name, chain] of wanted.chains) {
    const before = found.chains.get(name);
    const keep = before !== undefined && sameBase(before.base, chain.base);
    if (before !== undefined && !keep) add.push({ kind: 'delete-chain', table, name });
    if (!keep) add.push({ kind: 'add-chain', table, name, base: chain.base });
    if (!agrees(chain, before)) rules.push({ kind: 'set-rules', table, name, rules: chain.rules });
  }
  return { add, rules };
}

function unwanted<T>(wanted: ReadonlyMap<string, unknown>, found: ReadonlyMap<string, T>): [string, T][] {
  return [...found].filter(([name]) => !wanted.has(name));
}

/** Sets that are there, and not as they are to be declared, or to be declared beside new rules. */
function outdatedSets(wanted: WantedTable, found: FoundTable): ReadonlySet<string> {
  const names = [...wanted.sets].filter(([name, set]) => {
    const existing = found.sets.get(name);
    if (existing === undefined) return false;
    return (
      existing.stamp !== setStamp(set) ||
      (hasPortData(set) && newRules(wanted, found).some((text) => namesSet(text, name)))
    );
  });
  return new Set(names.map(([name]) => name));
}

function newRules(wanted: WantedTable, found: FoundTable): readonly string[] {
  const changed = [...wanted.chains].filter(([name, chain]) => !agrees(chain, found.chains.get(name)));
  return changed.flatMap(([, chain]) => chain.rules.map(ruleText));
}

/**
 * nft 1.1.3 takes a rule by a map whose data hold a port (`th`) only in the transaction that declares the map. Of one that is
 * there already it says "conflicting transport layer protocols specified: tcp vs. th". Keys are no trouble to it.
 */
function hasPortData({ declaration }: WantedSet): boolean {
  return /^typeof [^:;]* : [^;]*\bth [sd]port\b/.test(declaration);
}

function namesSet(text: string, set: string): boolean {
  return new RegExp(`@${set}\\b`).test(text);
}

/** Objects that somebody has put in the place of ours. */
function outdatedTimeouts(wanted: WantedTable, found: FoundTable): ReadonlySet<string> {
  const names = [...(wanted.timeouts ?? [])].filter(([name, policy]) => {
    const existing = found.timeouts?.get(name);
    return existing !== undefined && !holdsPolicy(existing, policy);
  });
  return new Set(names.map(([name]) => name));
}

/**
 * Chains whose rules may name one of the sets or timeouts, which cannot go before they do: what is not as we wrote it may name
 * any.
 */
function chainsNaming(
  sets: ReadonlySet<string>,
  timeouts: ReadonlySet<string>,
  wanted: WantedTable,
  found: FoundTable,
): readonly string[] {
  if (sets.size + timeouts.size === 0) return [];
  return [...found.chains.keys()].filter((name) => {
    const chain = wanted.chains.get(name);
    if (chain === undefined || !agrees(chain, found.chains.get(name))) return true;
    return chain.rules.map(ruleText).some((text) => {
      return [...sets].some((set) => namesSet(text, set)) || [...timeouts].some((name) => text.includes(`"${name}"`));
    });
  });
}

/** As if these chains had no rules. */
function withoutRules(found: FoundTable, flushed: readonly string[]): FoundTable {
  const chains = new Map(found.chains);
  for (const name of flushed) chains.set(name, { ...chains.get(name)!, stamps: [], shapes: [] });
  return { ...found, chains };
}

function* planTable(table: string, wanted: WantedTable, present: FoundTable): Generator<void, Operation[]> {
  const before: Operation[] = [];
  const elements: Operation[] = [];
  const after: Operation[] = [];
  const outdated = outdatedSets(wanted, present);
  const strange = outdatedTimeouts(wanted, present);
  const flushed = chainsNaming(outdated, strange, wanted, present);
  const found = withoutRules(present, flushed);
  for (const name of flushed) before.push({ kind: 'flush-chain', table, name });
  for (const name of outdated) before.push({ kind: 'delete-set', table, name, set: present.sets.get(name)!.kind });
  for (const name of strange) before.push({ kind: 'delete-timeout', table, name });
  for (const [name, policy] of wanted.timeouts ?? []) {
    if (strange.has(name) || found.timeouts?.has(name) !== true)
      before.push({ kind: 'add-timeout', table, name, policy });
  }
  for (const name of wanted.counters) {
    if (!found.counters.has(name)) before.push({ kind: 'add-counter', table, name });
  }
  for (const [name, set] of wanted.sets) {
    const existing = outdated.has(name) ? undefined : found.sets.get(name);
    if (existing === undefined) {
      before.push({ kind: 'add-set', table, name, set: set.kind, declaration: set.declaration });
    }
    elements.push(...(yield* planElements(table, name, set, existing?.elements ?? new Map())));
    yield;
  }
  const [chainsToGo, setsToGo] = [unwanted(wanted.chains, found.chains), unwanted(wanted.sets, found.sets)];
  // Rules name maps and maps name chains: neither can go before the other unless the rules are gone.
  if (setsToGo.length > 0) for (const [name] of chainsToGo) after.push({ kind: 'flush-chain', table, name });
  for (const [name, set] of setsToGo) after.push({ kind: 'delete-set', table, name, set: set.kind });
  for (const [name] of chainsToGo) after.push({ kind: 'delete-chain', table, name });
  for (const name of found.counters.keys()) {
    if (!wanted.counters.has(name)) after.push({ kind: 'delete-counter', table, name });
  }
  for (const name of found.timeouts?.keys() ?? []) {
    if (wanted.timeouts?.has(name) !== true) after.push({ kind: 'delete-timeout', table, name });
  }
  const chains = planChains(table, wanted, found);
  return [...before, ...chains.add, ...chains.rules, ...elements, ...after];
}

/** The operations from `found` to `wanted`; empty when they agree. `found` holds no tables but ours. Yields after each set. */
export function* planSteps(wanted: Wanted, found: Found): Generator<void, readonly Operation[]> {
  const operations: Operation[] = [];
  for (const [name, table] of wanted) {
    if (!found.has(name)) operations.push({ kind: 'add-table', table: name });
    operations.push(...(yield* planTable(name, table, found.get(name) ?? EMPTY)));
  }
  for (const name of found.keys()) if (!wanted.has(name)) operations.push({ kind: 'delete-table', table: name });
  return operations;
}

/** The sets whose elements the operations may change, as `setKey` names them; `undefined` for all there are. */
export function touchedSets(operations: readonly Operation[]): ReadonlySet<string> | undefined {
  const touched = new Set<string>();
  for (const operation of operations) {
    if (operation.kind === 'add-table' || operation.kind === 'delete-table') return undefined;
    if (operation.kind === 'elements' || operation.kind === 'add-set') {
      touched.add(setKey(operation.table, operation.name));
    }
  }
  return touched;
}

/** True when chains, rules, counters and the list of sets stay as they are. */
export function changesElementsOnly(operations: readonly Operation[]): boolean {
  return operations.every(({ kind }) => kind === 'elements');
}

/** True when some rules are to have the flag that nft cannot write. */
export function hasOffsetRules(operations: readonly Operation[]): boolean {
  return operations.some((one) => one.kind === 'set-rules' && one.rules.some((rule) => typeof rule !== 'string'));
}

export const setKey = (table: string, set: string): string => `${table} ${set}`;
