/**
 * The Maglev lookup table (Eisenbud et al., NSDI 2016, section 3.4): which real server a hash slot belongs to.
 *
 * In: the servers of a service with the weights of the cluster file, and a prime number of slots. Out: slot → server.
 * Every director computes the same table from the same file, whatever order the servers were listed in; adding or removing
 * a server moves little more than that server's share. Health plays no part: see `fallback.ts`.
 */
import { STEP, type Steps, toEnd } from '../base/steps.ts';
import { MH_SLOTS } from '../model/scheduler.ts';
import { jhashText } from './jhash.ts';

/** What a slot holds when there is no server to hold. */
export const NO_SERVER = 0xffff;

export const [DEFAULT_SLOTS, LARGE_SLOTS] = MH_SLOTS;

export interface HashedServer {
  /** Identity of the server everywhere in the cluster, such as its address. Keys of one table differ. */
  readonly key: string;
  /** A whole number, at least 1. */
  readonly weight: number;
}

/** Two independent hashes of a key; the seeds are arbitrary and must never change. */
export function keyHashes(key: string): readonly [number, number] {
  return [jhashText(key, 0x51c1ce01), jhashText(key, 0x51c1ce02)];
}

/** A server's walk through the slots, and how near it is to its next turn. */
interface Walker {
  readonly index: number;
  readonly weight: number;
  readonly skip: number;
  slot: number;
  credit: number;
}

/** Code-unit order: the same on every host, unlike a locale's. */
function byKey(a: HashedServer, b: HashedServer): number {
  if (a.key === b.key) throw new RangeError(`two servers with the key ${a.key}`);
  return a.key < b.key ? -1 : 1;
}

function walkersOf(servers: readonly HashedServer[], size: number, heaviest: number): Walker[] {
  const indexes = servers.map((_, index) => index).sort((a, b) => byKey(servers[a]!, servers[b]!));
  return indexes.map((index) => {
    const { key, weight } = servers[index]!;
    const [first, second] = keyHashes(key);
    // Everyone takes a turn in the first round, so that even the lightest server owns a slot.
    return { index, weight, slot: first % size, skip: (second % (size - 1)) + 1, credit: heaviest - weight };
  });
}

/**
 * The table of a service.
 *
 * Turns are dealt in proportion to the weights: the heaviest server has one in every round, one of half its weight in
 * every second round. So of `size` slots a server has at most two more than its weight's share `p`, and at most 1 + n·p less
 * (n servers, each of which has a turn in the first round); a common factor of all weights changes nothing.
 *
 * @param servers in any order; at most `size` of them
 * @param size a prime (each server's walk must reach every slot)
 * @returns for each slot an index into `servers`; all `NO_SERVER` when there are none
 */
export function maglevTable(servers: readonly HashedServer[], size: number): Uint16Array {
  return toEnd(maglevSteps(servers, size));
}

/** `maglevTable` in steps. */
export function* maglevSteps(servers: readonly HashedServer[], size: number): Steps<Uint16Array> {
  const table = new Uint16Array(size).fill(NO_SERVER);
  if (servers.length === 0) return table;
  if (servers.length > size) throw new RangeError(`${servers.length} servers in ${size} slots`);
  for (const { key, weight } of servers) {
    if (!Number.isInteger(weight) || weight < 1) throw new RangeError(`weight of ${key} is ${weight}`);
  }
  const heaviest = servers.reduce((most, server) => Math.max(most, server.weight), 0);
  const walkers = walkersOf(servers, size, heaviest);
  for (let left = size; ; ) {
    for (const walker of walkers) {
      walker.credit += walker.weight;
      if (walker.credit < heaviest) continue;
      walker.credit -= heaviest;
      while (table[walker.slot] !== NO_SERVER) walker.slot = (walker.slot + walker.skip) % size;
      table[walker.slot] = walker.index;
      if (--left === 0) return table;
      if (left % STEP === 0) yield;
    }
  }
}
