/** The words that cases are made of: durations, flags, LSA references with changes in parentheses, `key value` pairs. */
import { type Ipv4, ipv4, type Prefix, parsePrefix } from '../../../../src/core/base/ipv4.ts';
import type { Millis } from '../../../../src/core/base/machine.ts';
import { DdFlag, Option, RouterFlag } from '../../../../src/core/ospf/codes.ts';

const UNITS: Readonly<Record<string, Millis>> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000 };

/** `250ms`, `1.1s`, `30min`, `1h` to milliseconds. */
export function duration(text: string): Millis {
  const match = /^(\d+(?:\.\d+)?)(ms|s|min|h)$/.exec(text);
  if (match === null) throw new Error(`not a duration: ${text}`);
  return Number(match[1]) * UNITS[match[2]!]!;
}

/** `a.b.c.d/n` as it stands, host bits included. */
export function addressed(text: string): { address: Ipv4; prefixLength: number } {
  const prefix = prefixed(text);
  return { address: ipv4(text.slice(0, text.indexOf('/'))), prefixLength: prefix.length };
}

export function prefixed(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === undefined) throw new Error(`not a prefix: ${text}`);
  return prefix;
}

type Bits = readonly (readonly [string, number])[];

export const OPTIONS: Bits = [
  ['E', Option.e],
  ['MC', Option.mc],
  ['NP', Option.np],
  ['L', Option.l],
  ['DC', Option.dc],
  ['O', Option.o],
  ['DN', Option.dn],
];

export const DD_FLAGS: Bits = [
  ['I', DdFlag.init],
  ['M', DdFlag.more],
  ['MS', DdFlag.masterSlave],
];

export const ROUTER_FLAGS: Bits = [
  ['B', RouterFlag.b],
  ['E', RouterFlag.e],
  ['V', RouterFlag.v],
  ['Nt', RouterFlag.nt],
  ['H', RouterFlag.h],
];

/** `E,O` to bits; `-` is none. */
export function bits(names: Bits, text: string): number {
  if (text === '-') return 0;
  return text.split(',').reduce((sum, name) => {
    const bit = names.find(([known]) => known === name)?.[1];
    if (bit === undefined) throw new Error(`no such flag: ${name}`);
    return sum | bit;
  }, 0);
}

/** Bits to `E,O`; a bit without a name shows as a number. */
export function bitNames(names: Bits, value: number): string {
  const known = names.filter(([, bit]) => (value & bit) !== 0);
  const rest = known.reduce((left, [, bit]) => left & ~bit, value);
  const all = [...known.map(([name]) => name), ...(rest === 0 ? [] : [`0x${rest.toString(16)}`])];
  return all.length === 0 ? '-' : all.join(',');
}

/** `80000001` to the signed number of the header. */
export function sequence(text: string): number {
  if (!/^[0-9a-f]{8}$/.test(text)) throw new Error(`not a sequence number of eight hexadecimal digits: ${text}`);
  return Number.parseInt(text, 16) | 0;
}

/** Words of a line; a word may end in parentheses that hold blanks. */
export function split(line: string): string[] {
  return line.match(/[^\s(]+(?:\([^)]*\))?/g) ?? [];
}

/** `NAME(age 3600, checksum wrong)` to the name and its changes. */
export function reference(word: string): { name: string; changes: ReadonlyMap<string, string> } {
  const match = /^([^(]+)(?:\(([^)]*)\))?$/.exec(word);
  if (match === null) throw new Error(`not an LSA: ${word}`);
  const changes = (match[2] ?? '').split(',').filter((part) => part.trim() !== '');
  return {
    name: match[1]!,
    changes: new Map(
      changes.map((part) => {
        const [key = '', value = ''] = part.trim().split(' ');
        return [key, value] as const;
      }),
    ),
  };
}

/**
 * `key value` pairs, and keys whose value is the rest of the line up to the next key of `lists`. Every key must be read:
 * `done` throws for one that nobody asked for.
 */
export class Pairs {
  readonly #values = new Map<string, readonly string[]>();
  readonly #line: string;

  constructor(line: string, words: readonly string[], lists: readonly string[] = [], flags: readonly string[] = []) {
    this.#line = line;
    for (let at = 0; at < words.length; ) {
      const key = words[at]!;
      const width = flags.includes(key) ? 0 : lists.includes(key) ? words.length - at - 1 : 1;
      this.#values.set(key, words.slice(at + 1, at + 1 + width));
      at += 1 + width;
    }
  }

  has(key: string): boolean {
    return this.take(key) !== undefined;
  }

  list(key: string): readonly string[] {
    return this.take(key) ?? [];
  }

  /** The key's value, or the given one where the line does not have the key. */
  get(key: string, otherwise?: string): string {
    const value = this.take(key)?.[0] ?? otherwise;
    if (value === undefined) throw new Error(`no "${key}" in: ${this.#line}`);
    return value;
  }

  number(key: string, otherwise: number): number {
    const value = Number(this.get(key, String(otherwise)));
    if (Number.isNaN(value)) throw new Error(`"${key}" is no number in: ${this.#line}`);
    return value;
  }

  done(): void {
    const [left] = this.#values.keys();
    if (left !== undefined) throw new Error(`what is "${left}" in: ${this.#line}`);
  }

  private take(key: string): readonly string[] | undefined {
    const value = this.#values.get(key);
    this.#values.delete(key);
    return value;
  }
}
