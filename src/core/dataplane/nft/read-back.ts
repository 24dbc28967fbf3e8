/**
 * What the kernel answers about a table to `FoundTable`.
 *
 * How an element is read follows from the name of its set, since all sets in our tables are ours. What is not understood is
 * skipped, so that an object which somebody else put into our table cannot stop us from repairing the rest.
 */
import type { Steps } from '../../base/steps.ts';
import {
  BLOCKS_MAP,
  BY_HASH_SET,
  EGRESS_LINKS_SET,
  ENDED_SET,
  ERRORS_MAP,
  FELLOWS_SET,
  FULLNAT_SET,
  FWMARKS_MAP,
  HAND_OVER_MAP,
  HAND_OVER_NUMBERS_MAP,
  isDownSet,
  isPoolMap,
  isServersMap,
  isSlotsMap,
  LIMITS_SET,
  LINKS_MAP,
  LIPS_SET,
  LOOPED_MAP,
  MARKED_BY_HASH_SET,
  MARKED_MEMBERS_MAP,
  MARKED_SERVERS_SET,
  MEMBERS_MAP,
  NEW_SET,
  ONE_ARM_SET,
  OWN_SET,
  POOLS_SET,
  REAL_SERVERS_SET,
  REFRESH_MAP,
  SERVICES_MAP,
  SOURCES_SET,
  TAKERS_SET,
  TOLD_SETS,
  TRAFFIC_IN_SET,
  TRAFFIC_OUT_SET,
  UPSTREAM_SET,
  VIPS_SET,
} from '../names.ts';
import { type FoundChain, type FoundTable, stampOf, type Tally, type TimeoutPolicy } from '../ruleset.ts';
import { decodeElements, type ElementLayout, type ElementSink } from './elements.ts';
import { decodeChain, decodeCounter, decodeRule, decodeSet, decodeTimeout, type SetMessage } from './messages.ts';
import { hasPortOffset } from './port-offset.ts';

const FIXED: Readonly<Record<string, ElementLayout>> = {
  [SERVICES_MAP]: { key: 'service', data: 'verdict' },
  [TRAFFIC_IN_SET]: { key: 'number', data: 'none' },
  [TRAFFIC_OUT_SET]: { key: 'number', data: 'none' },
  [FWMARKS_MAP]: { key: 'number', data: 'verdict' },
  [TAKERS_SET]: { key: 'number', data: 'none' },
  [REFRESH_MAP]: { key: 'number', data: 'verdict' },
  [ENDED_SET]: { key: 'number', data: 'none' },
  [LIMITS_SET]: { key: 'limit', data: 'none' },
  [VIPS_SET]: { key: 'address', data: 'none' },
  [SOURCES_SET]: { key: 'service', data: 'none' },
  [UPSTREAM_SET]: { key: 'link', data: 'none' },
  [ONE_ARM_SET]: { key: 'links', data: 'none' },
  [REAL_SERVERS_SET]: { key: 'address', data: 'none' },
  [MARKED_SERVERS_SET]: { key: 'address', data: 'none' },
  [ERRORS_MAP]: { key: 'quoted', data: 'verdict' },
  [LINKS_MAP]: { key: 'number', data: 'number' },
  [NEW_SET]: { key: 'number', data: 'none' },
  [LIPS_SET]: { key: 'address', data: 'none' },
  [FULLNAT_SET]: { key: 'number', data: 'none' },
  [HAND_OVER_MAP]: { key: 'range', data: 'address' },
  [HAND_OVER_NUMBERS_MAP]: { key: 'range', data: 'address' },
  [BLOCKS_MAP]: { key: 'number', data: 'ports' },
  [MEMBERS_MAP]: { key: 'member', data: 'number' },
  [FELLOWS_SET]: { key: 'mac', data: 'none' },
  [LOOPED_MAP]: { key: 'service', data: 'number' },
  [OWN_SET]: { key: 'service', data: 'none' },
  [MARKED_MEMBERS_MAP]: { key: 'marked', data: 'number' },
  [BY_HASH_SET]: { key: 'service', data: 'none' },
  [MARKED_BY_HASH_SET]: { key: 'number', data: 'none' },
  [TOLD_SETS.answers]: { key: 'number', data: 'none' },
  [TOLD_SETS.everything]: { key: 'number', data: 'none' },
  [POOLS_SET]: { key: 'address', data: 'none' },
  [EGRESS_LINKS_SET]: { key: 'link', data: 'none' },
};

/**
 * How the elements of a set of ours are laid out; `undefined` where they do not matter: in sets of others, and in those that
 * packets write to.
 */
export function elementLayout(set: string): ElementLayout | undefined {
  if (isSlotsMap(set)) return { key: 'number', data: 'number' };
  if (isServersMap(set)) return { key: 'number', data: 'address' };
  if (isPoolMap(set)) return { key: 'number', data: 'ports' };
  if (isDownSet(set)) return { key: 'number', data: 'none' };
  return Object.hasOwn(FIXED, set) ? FIXED[set] : undefined;
}

/** All messages of a dump of one set. Yields after each of them. */
export function* elementSteps(messages: readonly Uint8Array[], layout: ElementLayout): Steps<ElementSink> {
  const sink: ElementSink = { elements: new Map(), tallies: new Map() };
  for (const message of messages) {
    decodeElements(message, layout, sink);
    yield;
  }
  return sink;
}

/** Payloads of the dumps of one table, `chains` of all tables of its family. */
export interface TableDumps {
  readonly chains: readonly Uint8Array[];
  readonly rules: readonly Uint8Array[];
  readonly sets: readonly Uint8Array[];
  readonly objects: readonly Uint8Array[];
}

interface OpenChain extends FoundChain {
  readonly stamps: string[];
  readonly shapes: string[];
}

/** A table but for its sets, which are yet to be read. */
export interface TableStructure extends Omit<FoundTable, 'sets'> {
  readonly sets: readonly SetMessage[];
}

export function readStructure(table: string, dumps: TableDumps): TableStructure {
  const chains = new Map<string, OpenChain>();
  for (const chain of dumps.chains.map(decodeChain)) {
    if (chain.table === table) chains.set(chain.name, { base: chain.base, stamps: [], shapes: [] });
  }
  for (const rule of dumps.rules.map(decodeRule)) {
    const chain = chains.get(rule.chain);
    chain?.stamps.push(stampOf(rule.comment, hasPortOffset(rule.expressions)));
    chain?.shapes.push(rule.shape);
  }
  const sets = dumps.sets.map(decodeSet).filter(({ anonymous }) => !anonymous);
  return { chains, sets, counters: readNamedCounters(dumps.objects), timeouts: readTimeouts(dumps.objects) };
}

function readTimeouts(objects: readonly Uint8Array[]): ReadonlyMap<string, TimeoutPolicy> {
  return new Map(
    objects
      .map(decodeTimeout)
      .flatMap((found): [string, TimeoutPolicy][] => (found ? [[found.name, found.policy]] : [])),
  );
}

export function readNamedCounters(objects: readonly Uint8Array[]): ReadonlyMap<string, Tally> {
  const counters = new Map<string, Tally>();
  for (const counter of objects.map(decodeCounter)) {
    if (counter !== undefined) counters.set(counter.name, counter.tally);
  }
  return counters;
}
