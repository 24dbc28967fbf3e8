/**
 * SipHash-1-3 (Aumasson, Bernstein: "SipHash: a fast short-input PRF", 2012) of one 32-bit number: the kernel's `hsiphash` on
 * 64-bit machines (lib/siphash.c), of which it keeps the low 32 bits. 32-bit machines have another one, HalfSipHash.
 */

/** A number of 64 bits. */
class Word {
  high: number;
  low: number;

  constructor(high: number, low: number) {
    this.high = high;
    this.low = low;
  }

  add(other: Word): void {
    const low = (this.low >>> 0) + (other.low >>> 0);
    this.high = (this.high + other.high + (low > 0xffffffff ? 1 : 0)) | 0;
    this.low = low | 0;
  }

  xor(other: Word): void {
    this.high ^= other.high;
    this.low ^= other.low;
  }

  /** To the left, by 1 to 31 bits. */
  rotate(bits: number): void {
    const { high, low } = this;
    this.high = (high << bits) | (low >>> (32 - bits));
    this.low = (low << bits) | (high >>> (32 - bits));
  }

  /** By 32 bits. */
  swap(): void {
    const { high, low } = this;
    this.high = low;
    this.low = high;
  }
}

function round(v0: Word, v1: Word, v2: Word, v3: Word): void {
  v0.add(v1);
  v1.rotate(13);
  v1.xor(v0);
  v0.swap();
  v2.add(v3);
  v3.rotate(16);
  v3.xor(v2);
  v0.add(v3);
  v3.rotate(21);
  v3.xor(v0);
  v2.add(v1);
  v1.rotate(17);
  v1.xor(v2);
  v2.swap();
}

/**
 * The low 32 bits of the hash of `value`, as four bytes with the least first.
 *
 * @param key 32 bits; both halves of the hash's key are this number
 */
export function sipHash13(value: number, key: number): number {
  // "somepseudorandomlygeneratedbytes", each word xor a half of the key.
  const v0 = new Word(0x736f6d65, 0x70736575 ^ key);
  const v1 = new Word(0x646f7261, 0x6e646f6d ^ key);
  const v2 = new Word(0x6c796765, 0x6e657261 ^ key);
  const v3 = new Word(0x74656462, 0x79746573 ^ key);
  // The last block: the bytes that are left, and their number in the uppermost byte.
  const block = new Word(4 << 24, value);
  v3.xor(block);
  round(v0, v1, v2, v3);
  v0.xor(block);
  v2.low ^= 0xff;
  for (let times = 0; times < 3; times++) round(v0, v1, v2, v3);
  return (v0.low ^ v1.low ^ v2.low ^ v3.low) >>> 0;
}
