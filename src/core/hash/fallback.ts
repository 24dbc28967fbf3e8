/**
 * Where the slots of a server go while it is down or drained.
 *
 * The server keeps its slots in the Maglev table; each slot falls back, by a fixed sequence of other slots of the same
 * table, to the first one whose owner is live. So slots of live servers never move, the dead server's load spreads over the
 * live ones by weight, all comes back to its place afterwards, and two directors whose verdicts differ for a moment disagree
 * only on slots of the servers they disagree about. The idea is the kernel's `mh-fallback` (ip_vs_mh.c); the sequence is ours.
 */
import { jhashWords, scaleToSlots } from './jhash.ts';
import { keyHashes, NO_SERVER } from './maglev.ts';

const FALLBACK_SEED = 0x51c1ce03;

/** Tries by hash before the table is searched in order; 64 misses in a row mean that hardly anything is live. */
const HASHED_TRIES = 64;

function liveOwner(table: Uint16Array, slot: number, live: readonly boolean[]): number {
  let at = slot;
  for (let attempt = 1; attempt <= HASHED_TRIES; attempt++) {
    at = scaleToSlots(jhashWords([slot, attempt], FALLBACK_SEED), table.length);
    const owner = table[at]!;
    if (live[owner] === true) return owner;
  }
  for (let step = 1; step <= table.length; step++) {
    const owner = table[(at + step) % table.length]!;
    if (live[owner] === true) return owner;
  }
  return NO_SERVER;
}

/**
 * The table as the data plane should have it now.
 *
 * @param table from `maglevTable`
 * @param live by server index: true when the server takes new connections
 * @returns a new table; all `NO_SERVER` when nothing is live
 */
export function withFallback(table: Uint16Array, live: readonly boolean[]): Uint16Array {
  const owners = new Set(table);
  if (![...owners].some((owner) => live[owner] === true)) return new Uint16Array(table.length).fill(NO_SERVER);
  return table.map((owner, slot) => (live[owner] === true ? owner : liveOwner(table, slot, live)));
}

/**
 * A fingerprint of a table by what its slots mean, not by the order in which servers were listed: equal on two directors
 * if and (but for chance of 2^-64) only if they send every new flow to the same server.
 *
 * @param keys by server index
 * @returns 16 hexadecimal digits
 */
export function tableDigest(table: Uint16Array, keys: readonly string[]): string {
  const hashes = keys.map(keyHashes);
  const half = (which: 0 | 1): string => {
    const words = new Uint32Array(table.length);
    for (let slot = 0; slot < table.length; slot++) words[slot] = hashes[table[slot]!]?.[which] ?? 0;
    return jhashWords(words, 0x51c1ce04 + which)
      .toString(16)
      .padStart(8, '0');
  };
  return half(0) + half(1);
}
