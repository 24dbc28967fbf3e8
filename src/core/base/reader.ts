import { DecodeError } from './decode-error.ts';

/**
 * A big-endian cursor over bytes that cannot overrun: every read past the end throws `DecodeError('short', offset)`.
 * `take` hands out views of the same memory, not copies; copy on purpose when something outlives the datagram.
 */
export class Reader {
  readonly bytes: Uint8Array;
  #offset: number;
  readonly #end: number;

  constructor(bytes: Uint8Array, offset = 0, end = bytes.length) {
    this.bytes = bytes;
    this.#offset = offset;
    this.#end = end;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#end - this.#offset;
  }

  u8(): number {
    return this.bytes[this.#advance(1)]!;
  }

  u16(): number {
    const at = this.#advance(2);
    return (this.bytes[at]! << 8) | this.bytes[at + 1]!;
  }

  u24(): number {
    const at = this.#advance(3);
    return (this.bytes[at]! << 16) | (this.bytes[at + 1]! << 8) | this.bytes[at + 2]!;
  }

  /** Unsigned 32 bits. */
  u32(): number {
    const at = this.#advance(4);
    const b = this.bytes;
    return ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;
  }

  /** Signed 32 bits, as OSPF compares LS sequence numbers. */
  i32(): number {
    return this.u32() | 0;
  }

  skip(length: number): void {
    this.#advance(length);
  }

  /** A view of the next `length` bytes. */
  take(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  /** A reader of the next `length` bytes that cannot leave them; offsets it reports stay those of the whole buffer. */
  within(length: number): Reader {
    const at = this.#advance(length);
    return new Reader(this.bytes, at, at + length);
  }

  /** Throws `DecodeError('trailing')` unless everything was read. */
  finish(): void {
    if (this.#offset !== this.#end) throw new DecodeError('trailing', this.#offset, `${this.remaining} bytes left`);
  }

  #advance(length: number): number {
    const at = this.#offset;
    if (length < 0 || length > this.#end - at) throw new DecodeError('short', at, `wanted ${length} bytes`);
    this.#offset = at + length;
    return at;
  }
}
