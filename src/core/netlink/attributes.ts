/**
 * Netlink payloads: fixed headers and attributes (type, length, value; padded to 4 bytes), in the machine's byte order.
 *
 * Inputs and outputs are the bytes after the netlink header; that header, sequence numbers and acknowledgements are the
 * socket's business. Addresses inside attributes are in network order, everything else in the machine's.
 */
import { DecodeError } from '../base/decode-error.ts';
import type { Ipv4 } from '../base/ipv4.ts';

export const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
export const NLA_HEADER = 4;
/** The two highest bits of an attribute's type are flags (nested, network byte order). */
export const NLA_TYPE_MASK = 0x3fff;
export const NLA_F_NESTED = 0x8000;

/** Where the next structure begins after one that ends at `length`. */
export const align = (length: number): number => (length + 3) & ~3;

/** A dump request that selects by nothing but the family, which every fixed header begins with. */
export function encodeDump(family: number, headerBytes: number): Uint8Array {
  const bytes = new Uint8Array(headerBytes);
  bytes[0] = family;
  return bytes;
}

/** One message or attribute value to read from; reading past the end throws `DecodeError('short')`. */
export class NetlinkReader {
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.#view.byteLength;
  }

  u8(at: number): number {
    this.#need(at, 1);
    return this.#view.getUint8(at);
  }

  u16(at: number): number {
    this.#need(at, 2);
    return this.#view.getUint16(at, LITTLE_ENDIAN);
  }

  u32(at: number): number {
    this.#need(at, 4);
    return this.#view.getUint32(at, LITTLE_ENDIAN);
  }

  /** Exact up to 2^53. */
  u64(at: number): number {
    const [low, high] = LITTLE_ENDIAN ? [at, at + 4] : [at + 4, at];
    return this.u32(high) * 2 ** 32 + this.u32(low);
  }

  /** 16 bits in network order, as ports are everywhere. */
  be16(at: number): number {
    this.#need(at, 2);
    return this.#view.getUint16(at, false);
  }

  ipv4(at: number): Ipv4 {
    this.#need(at, 4);
    return this.#view.getUint32(at, false);
  }

  /** A string that ends at its NUL or at the end of the value. Names of interfaces are single bytes. */
  text(): string {
    let text = '';
    for (let at = 0; at < this.length && this.u8(at) !== 0; at++) text += String.fromCharCode(this.u8(at));
    return text;
  }

  /** Part of these bytes, as its own reader. */
  slice(at: number, length: number): NetlinkReader {
    this.#need(at, length);
    return new NetlinkReader(new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length));
  }

  /** The attributes from `at` to the end, by type; a type given twice keeps its last value. */
  attributes(at: number): Map<number, NetlinkReader> {
    const found = new Map<number, NetlinkReader>();
    for (let next = at; next < this.length; ) {
      const length = this.u16(next);
      if (length < NLA_HEADER) throw new DecodeError('length', next, `attribute of ${length} bytes`);
      found.set(this.u16(next + 2) & NLA_TYPE_MASK, this.slice(next + NLA_HEADER, length - NLA_HEADER));
      next += align(length);
    }
    return found;
  }

  /**
   * Calls `take` for each attribute from `at` to the end, with its type, where its value begins and how long that is: for messages
   * that come by the ten thousand, of which a map each would cost more than all the rest.
   */
  eachAttribute(at: number, take: (type: number, at: number, length: number) => void): void {
    for (let next = at; next < this.length; ) {
      const length = this.u16(next);
      if (length < NLA_HEADER) throw new DecodeError('length', next, `attribute of ${length} bytes`);
      this.#need(next, length);
      take(this.u16(next + 2) & NLA_TYPE_MASK, next + NLA_HEADER, length - NLA_HEADER);
      next += align(length);
    }
  }

  /** The attributes of one type from `at` to the end, in order: the elements of a list. */
  list(at: number, type: number): NetlinkReader[] {
    const found: NetlinkReader[] = [];
    for (let next = at; next < this.length; ) {
      const length = this.u16(next);
      if (length < NLA_HEADER) throw new DecodeError('length', next, `attribute of ${length} bytes`);
      const value = this.slice(next + NLA_HEADER, length - NLA_HEADER);
      if ((this.u16(next + 2) & NLA_TYPE_MASK) === type) found.push(value);
      next += align(length);
    }
    return found;
  }

  /** A view of all of it. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset, this.#view.byteLength);
  }

  #need(at: number, length: number): void {
    if (length < 0 || at + length > this.length) throw new DecodeError('short', at, `wanted ${length} bytes`);
  }
}

/** Writes one message; nested structures are written in place and their lengths patched. */
export class NetlinkWriter {
  #bytes = new Uint8Array(128);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  u8(value: number): this {
    const at = this.#grow(1);
    this.#view.setUint8(at, value);
    return this;
  }

  u16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, LITTLE_ENDIAN);
    return this;
  }

  u32(value: number): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, LITTLE_ENDIAN);
    return this;
  }

  /** A whole number below 2^53. */
  u64(value: number): this {
    const [low, high] = [value >>> 0, Math.floor(value / 2 ** 32)];
    return LITTLE_ENDIAN ? this.u32(low).u32(high) : this.u32(high).u32(low);
  }

  be16(value: number): this {
    const at = this.#grow(2);
    this.#view.setUint16(at, value, false);
    return this;
  }

  ipv4(value: Ipv4): this {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, false);
    return this;
  }

  /** 32 bits in network order, as nfnetlink has them everywhere inside attributes. */
  be32(value: number): this {
    return this.ipv4(value >>> 0);
  }

  bytes(value: Uint8Array): this {
    const at = this.#grow(value.length);
    this.#bytes.set(value, at);
    return this;
  }

  /** Single-byte characters and a final zero. */
  text(value: string): this {
    for (let i = 0; i < value.length; i++) this.u8(value.charCodeAt(i));
    return this.u8(0);
  }

  /** An attribute whose value `write` writes. */
  attribute(type: number, write: () => void): this {
    const start = this.#length;
    this.u16(0).u16(type);
    write();
    return this.endStructure(start);
  }

  /** Where the next byte goes; the start of a structure that begins with its own length. */
  get position(): number {
    return this.#length;
  }

  /** Patches the 16-bit length at `start` and pads to the next structure. */
  endStructure(start: number): this {
    this.#view.setUint16(start, this.#length - start, LITTLE_ENDIAN);
    this.#grow(align(this.#length) - this.#length);
    return this;
  }

  /** The same for a message, whose length has 32 bits. */
  endMessage(start: number): this {
    this.#view.setUint32(start, this.#length - start, LITTLE_ENDIAN);
    this.#grow(align(this.#length) - this.#length);
    return this;
  }

  /** A copy of what was written. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #grow(extra: number): number {
    const at = this.#length;
    if (at + extra > this.#bytes.length) {
      const bigger = new Uint8Array(Math.max(at + extra, this.#bytes.length * 2));
      bigger.set(this.#bytes);
      this.#bytes = bigger;
      this.#view = new DataView(bigger.buffer);
    }
    this.#length += extra;
    return at;
  }
}
