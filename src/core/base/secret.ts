/** Bytes that nobody is to see: they are in no JSON, no log line and no message, unless somebody asks for them by `reveal`. */
export class Secret {
  readonly #bytes: Uint8Array;

  /** Keeps a copy. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes);
  }

  get length(): number {
    return this.#bytes.length;
  }

  /** The bytes themselves, to compute with; not to be changed. */
  reveal(): Uint8Array {
    return this.#bytes;
  }

  equals(other: Secret): boolean {
    return sameBytes(this.#bytes, other.#bytes);
  }

  toJSON(): string {
    return '(secret)';
  }

  toString(): string {
    return '(secret)';
  }
}

/** Whether two byte strings are equal, in a time that tells nothing of where they differ. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let at = 0; at < a.length; at++) difference |= a[at]! ^ b[at]!;
  return difference === 0;
}
