/**
 * Bulk both ways: the client sends records `%-4s:%010d\n` (its name, byte offset), and for each of them the server returns
 * one of the same offset in its own name. So every byte names its place, in both directions. Pure.
 */
import { RecordCheck } from './answer.ts';

const RECORD = 16;

/** What clients call themselves. */
export const CLIENT = 'c';

/** Records of `name` for the bytes from `offset` on; both numbers are multiples of 16. */
export function recordsText(name: string, offset: number, bytes: number): string {
  let text = '';
  for (let at = offset; at < offset + bytes; at += RECORD) {
    text += `${name.padEnd(4)}:${String(at).padStart(10, '0')}\n`;
  }
  return text;
}

/** The server's side of one connection. */
export class Mirror {
  readonly #name: string;
  readonly #check = new RecordCheck();
  #answered = 0;

  constructor(name: string) {
    this.#name = name;
  }

  /** Takes bytes of the client; returns what to send, or a complaint: then the connection is of no use. */
  receive(chunk: Uint8Array): { readonly text: string } | { readonly complaint: string } {
    const complaint = this.#check.accept(chunk);
    if (complaint !== undefined) return { complaint };
    const whole = this.#check.offset - (this.#check.offset % RECORD);
    const text = recordsText(this.#name, this.#answered, whole - this.#answered);
    this.#answered = whole;
    return { text };
  }
}
