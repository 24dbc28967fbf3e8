/** What the files of keys have in common: lines of words, quotes, comments, secrets in hexadecimal. */
import type { Fault } from '../base/fault.ts';

/** One word of a line. Columns count from 1. */
export interface Word {
  readonly text: string;
  readonly column: number;
  readonly quoted: boolean;
}

/** A complaint about something at a column of the line. It must not repeat what may be a part of a secret. */
export type Complain = (column: number, message: string, hint?: string) => void;

/** One line that is not empty; lines count from 1. `words` has one or more. */
export interface KeyLine {
  readonly line: number;
  readonly words: readonly Word[];
  readonly complain: Complain;
}

/** The lines that say something. What cannot be split into words is a fault, as is all that is complained of: take them one by one. */
export function* keyLines(text: string, faults: Fault[]): Generator<KeyLine> {
  for (const [index, content] of text.split('\n').entries()) {
    const line = index + 1;
    const complain: Complain = (column, message, hint) => {
      faults.push({ line, column, path: '', message, ...(hint === undefined ? {} : { hint }) });
    };
    const words = split(content, complain);
    if (words !== undefined && words.length > 0) yield { line, words, complain };
  }
}

/** Words between blanks; one in quotes may hold blanks, `\"` and `\\`. A word that begins with # ends the line. */
function split(content: string, complain: Complain): Word[] | undefined {
  const words: Word[] = [];
  const pattern = /\s*(?:(#.*)|"((?:[^"\\]|\\["\\])*)"(?=\s|$)|(\S+))/gy;
  for (let match = pattern.exec(content); match !== null; match = pattern.exec(content)) {
    const [whole, comment, quoted, plain] = match;
    if (comment !== undefined) break;
    const column = match.index + whole.length - (quoted === undefined ? plain!.length : quoted.length + 2) + 1;
    if (plain?.startsWith('"')) {
      complain(column, 'quotes that are not closed, or with something behind them');
      return undefined;
    }
    const text = quoted === undefined ? plain! : quoted.replaceAll(/\\(["\\])/g, '$1');
    words.push({ text, column, quoted: quoted !== undefined });
  }
  return words;
}

/** The bytes; undefined unless the text is an even number of hexadecimal digits, at least two. */
export function fromHex(digits: string): Uint8Array | undefined {
  if (!/^(?:[0-9a-fA-F]{2})+$/.test(digits)) return undefined;
  return Uint8Array.from({ length: digits.length / 2 }, (_, at) =>
    Number.parseInt(digits.slice(2 * at, 2 * at + 2), 16),
  );
}

/** Complains of an id that stands in an earlier line as well. */
export class IdsSeen<Id extends number | string> {
  readonly #lineOf = new Map<Id, number>();

  add(id: Id, { line, words, complain }: KeyLine): void {
    const first = this.#lineOf.get(id);
    if (first === undefined) this.#lineOf.set(id, line);
    else complain(words[0]!.column, `key ${id} stands in line ${first} already`, 'ids must differ');
  }
}
