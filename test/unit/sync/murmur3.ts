/** MurmurHash3_x86_32 (Austin Appleby, public domain) with whole numbers only; slow, and easy to compare with the original. */
const MASK = 0xffffffffn;

function rotate(value: bigint, bits: bigint): bigint {
  return ((value << bits) | (value >> (32n - bits))) & MASK;
}

/** @param bytes a whole number of little-endian words */
export function murmur3(bytes: Uint8Array, seed: number, c1 = 0xcc9e2d51, c2 = 0x1b873593): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let h = BigInt(seed);
  for (let at = 0; at < bytes.length; at += 4) {
    let k = (BigInt(view.getUint32(at, true)) * BigInt(c1)) & MASK;
    k = (rotate(k, 15n) * BigInt(c2)) & MASK;
    h = (rotate(h ^ k, 13n) * 5n + 0xe6546b64n) & MASK;
  }
  h ^= BigInt(bytes.length);
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & MASK;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & MASK;
  return Number(h ^ (h >> 16n));
}
