import { RECORD_BYTES } from './record.ts';

/** Records that wait to be handed on as one batch: bytes are copied in, and copied out once. Grows by doubling. */
export class RecordBuffer {
  #bytes: Uint8Array;
  #length = 0;
  #isPressing = false;

  constructor(capacity = 64) {
    this.#bytes = new Uint8Array(capacity * RECORD_BYTES);
  }

  /** Where the records lie, up to `count`; only until the next `add`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get count(): number {
    return this.#length / RECORD_BYTES;
  }

  /** Is anything in it that should not wait? */
  get isPressing(): boolean {
    return this.#isPressing;
  }

  /** Copies the record at `at`. Returns where it is here, to be changed in place. */
  add(bytes: Uint8Array, at: number, pressing = true): number {
    this.#isPressing ||= pressing;
    const where = this.#length;
    if (where + RECORD_BYTES > this.#bytes.length) this.#grow();
    const into = this.#bytes;
    for (let i = 0; i < RECORD_BYTES; i++) into[where + i] = bytes[at + i]!;
    this.#length = where + RECORD_BYTES;
    return where;
  }

  /** All records, as bytes of their own; the buffer is empty afterwards. */
  take(): Uint8Array {
    const taken = this.#bytes.slice(0, this.#length);
    this.clear();
    return taken;
  }

  clear(): void {
    this.#length = 0;
    this.#isPressing = false;
  }

  #grow(): void {
    const larger = new Uint8Array(this.#bytes.length * 2);
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}
