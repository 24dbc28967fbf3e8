/**
 * The kernel's `jhash` (include/linux/jhash.h, Bob Jenkins' lookup3) and the slot that the nftables expression
 * `jhash ip saddr . tcp sport mod M seed S` computes from it.
 *
 * In: a source address, a source port or none, the seed and the modulus of the rule. Out: the slot, exactly as the kernel
 * finds it, so that any director, and the operator's command line, can say which real server a flow gets.
 * Not here: what stands in the slot (`maglev.ts`, `fallback.ts`), and cryptographic strength; the hash has none.
 */
import type { Ipv4 } from '../base/ipv4.ts';

/** JHASH_INITVAL of the kernel header. */
const INITIAL = 0xdeadbeef;

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/** __jhash_final: only `c` survives. */
function final(a0: number, b0: number, c0: number): number {
  let [a, b, c] = [a0, b0, c0];
  c = (c ^ b) - rotate(b, 14);
  a = (a ^ c) - rotate(c, 11);
  b = (b ^ a) - rotate(a, 25);
  c = (c ^ b) - rotate(b, 16);
  a = (a ^ c) - rotate(c, 4);
  b = (b ^ a) - rotate(a, 14);
  c = (c ^ b) - rotate(b, 24);
  return c >>> 0;
}

/** lookup3 over little-endian words; bytes beyond `length` in the last word must be zero. */
function lookup3(words: ArrayLike<number>, length: number, seed: number): number {
  let a = (INITIAL + length + seed) | 0;
  let b = a;
  let c = a;
  let at = 0;
  let left = length;
  for (; left > 12; left -= 12, at += 3) {
    a = (a + words[at]!) | 0;
    b = (b + words[at + 1]!) | 0;
    c = (c + words[at + 2]!) | 0;
    // __jhash_mix
    a = (a - c) ^ rotate(c, 4);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 6);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 8);
    b = (b + a) | 0;
    a = (a - c) ^ rotate(c, 16);
    c = (c + b) | 0;
    b = (b - a) ^ rotate(a, 19);
    a = (a + c) | 0;
    c = (c - b) ^ rotate(b, 4);
    b = (b + a) | 0;
  }
  if (left === 0) return c >>> 0;
  a = (a + words[at]!) | 0;
  if (left > 4) b = (b + words[at + 1]!) | 0;
  if (left > 8) c = (c + words[at + 2]!) | 0;
  return final(a, b, c);
}

/** `jhash(key, length, seed)`: any bytes to an unsigned 32-bit number. */
export function jhash(bytes: Uint8Array, seed: number): number {
  const words = new Uint32Array(Math.ceil(bytes.length / 4));
  for (let i = 0; i < bytes.length; i++) words[i >> 2]! |= bytes[i]! << ((i & 3) * 8);
  return lookup3(words, bytes.length, seed);
}

/** `jhash2(words, count, seed)`: the same over 32-bit words, which equals `jhash` of their little-endian bytes. */
export function jhashWords(words: ArrayLike<number>, seed: number): number {
  return lookup3(words, words.length * 4, seed);
}

/** The same over a text: each UTF-16 unit is a word. */
export function jhashText(text: string, seed: number): number {
  return jhashWords(
    Array.from({ length: text.length }, (_, i) => text.charCodeAt(i)),
    seed,
  );
}

/** The bytes of an address in network order, read as one little-endian word, as the kernel on x86 and arm64 does. */
function swap32(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}

/** `reciprocal_scale` (include/linux/kernel.h): maps 32 bits evenly onto 0 … size-1. Exact while size is below 2^21. */
export function scaleToSlots(hash: number, size: number): number {
  return Math.floor((hash * size) / 4294967296);
}

/**
 * The slot of a new flow, as nft's `jhash … mod size seed seed` finds it.
 *
 * @param source client address
 * @param sport client port, or `undefined` where the rule hashes the address alone
 * @param seed the rule's seed, 32 bits
 * @param size number of slots, the rule's modulus
 * @returns 0 … size-1
 */
export function slotOf(source: Ipv4, sport: number | undefined, seed: number, size: number): number {
  // nft keeps each part of a concatenated key in its own 32-bit register: the port is padded with two zero bytes.
  const length = sport === undefined ? 4 : 8;
  const start = (INITIAL + length + seed) | 0;
  const a = (start + swap32(source)) | 0;
  const b = sport === undefined ? start : (start + (((sport & 0xff) << 8) | (sport >>> 8))) | 0;
  return scaleToSlots(final(a, b, start), size);
}
