/**
 * Where the slots of a server go while it is down or drained.
 *
 * The server keeps its slots in the Maglev table; each slot falls back, by a fixed sequence of other slots of the same
 * table, to the first one whose owner is live. So slots of live servers never move, the dead server's load spreads over the
 * live ones by weight, all comes back to its place afterwards, and two directors whose verdicts differ for a moment disagree
 * only on slots of the servers they disagree about. The idea is the kernel's `mh-fallback` (ip_vs_mh.c); the sequence is ours.
 *
 * A server that comes back slowly gets its slots back in ten steps: the others of its slots go on falling back. Which slots
 * come in which step depends on their numbers alone, so each step adds to the one before, the last one is the whole table,
 * and two directors that are at different steps disagree only on slots of this server.
 */
import { jhashWords, scaleToSlots } from './jhash.ts';
import { keyHashes, NO_SERVER } from './maglev.ts';

const FALLBACK_SEED = 0x51c1ce03;

/** Tries by hash before the table is searched in order; 64 misses in a row mean that hardly anything is live. */
const HASHED_TRIES = 64;

/** In how many steps a server comes back slowly. */
export const ALL_TENTHS = 10;

const STEP_SEED = 0x51c1ce05;

/** The step, from 1 to `ALL_TENTHS`, in which a server that comes back slowly takes this slot again. */
function stepOf(slot: number): number {
  return 1 + scaleToSlots(jhashWords([slot], STEP_SEED), ALL_TENTHS);
}

/** Does the owner of a slot take its new flows? */
type Takes = (owner: number, slot: number) => boolean;

function liveOwner(table: Uint16Array, slot: number, takes: Takes): number {
  let at = slot;
  for (let attempt = 1; attempt <= HASHED_TRIES; attempt++) {
    at = scaleToSlots(jhashWords([slot, attempt], FALLBACK_SEED), table.length);
    const owner = table[at]!;
    if (takes(owner, at)) return owner;
  }
  for (let step = 1; step <= table.length; step++) {
    const next = (at + step) % table.length;
    const owner = table[next]!;
    if (takes(owner, next)) return owner;
  }
  return NO_SERVER;
}

/** While no live server has all of its slots, there is nobody to spare another: then all live ones do. */
function takesOf(table: Uint16Array, live: readonly boolean[], tenths: readonly (number | undefined)[]): Takes {
  const whole = (owner: number) => live[owner] === true && (tenths[owner] ?? ALL_TENTHS) >= ALL_TENTHS;
  if (!tenths.some((share) => share !== undefined) || !table.some(whole)) return (owner) => live[owner] === true;
  return (owner, slot) => whole(owner) || (live[owner] === true && stepOf(slot) <= (tenths[owner] ?? ALL_TENTHS));
}

/**
 * The table as the data plane should have it now.
 *
 * @param table from `maglevTable`
 * @param live by server index: true when the server takes new connections
 * @param tenths by server index: the steps that a live server which comes back slowly has behind it; undefined = all
 * @returns a new table; all `NO_SERVER` when nothing is live
 */
export function withFallback(
  table: Uint16Array,
  live: readonly boolean[],
  tenths: readonly (number | undefined)[] = [],
): Uint16Array {
  const owners = new Set(table);
  if (![...owners].some((owner) => live[owner] === true)) return new Uint16Array(table.length).fill(NO_SERVER);
  const takes = takesOf(table, live, tenths);
  return table.map((owner, slot) => (takes(owner, slot) ? owner : liveOwner(table, slot, takes)));
}

/**
 * A fingerprint of a table by what its slots mean, not by the order in which servers were listed: equal on two directors
 * if and (but for chance of 2^-64) only if they send every new flow to the same server.
 *
 * @param keys by server index
 * @param salt a number for what else has to be equal, such as how slots are found
 * @returns 16 hexadecimal digits
 */
export function tableDigest(table: Uint16Array, keys: readonly string[], salt = 0): string {
  const hashes = keys.map(keyHashes);
  const half = (which: 0 | 1): string => {
    const words = new Uint32Array(table.length);
    for (let slot = 0; slot < table.length; slot++) words[slot] = hashes[table[slot]!]?.[which] ?? 0;
    return jhashWords(words, (0x51c1ce04 + which + salt) >>> 0)
      .toString(16)
      .padStart(8, '0');
  };
  return half(0) + half(1);
}
