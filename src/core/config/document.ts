/**
 * YAML text to plain values, and from a value's path back to its line and column.
 *
 * In: any text. Out: syntax faults, or the values with a `Positions` to place later faults. Nothing here knows what a cluster is.
 */
import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  visit,
} from 'yaml';
import type { Fault } from '../base/fault.ts';
import { messageOf } from '../base/message-of.ts';
import { deeperThan } from './nesting.ts';

export type Path = readonly (string | number)[];

/** Which part of `key: value` a fault is about. */
export type Part = 'key' | 'value';

/** Larger than any cluster file that a person or a generator would write; parsing is not worth the time. */
const MAX_LENGTH = 4 * 1024 * 1024;

/** Collections within each other; a cluster file needs less than ten. */
const MAX_DEPTH = 64;

/** Names that JavaScript objects treat specially; as keys they would get lost on the way. */
const RESERVED = new Set(['__proto__', 'constructor', 'prototype']);

export class Positions {
  readonly #document: Document;
  readonly #lines: LineCounter;

  constructor(document: Document, lines: LineCounter) {
    this.#document = document;
    this.#lines = lines;
  }

  at(offset: number): { readonly line: number; readonly column: number } {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }

  /** Where the value of `path`, or its key, was written; where it was not written, the nearest key above it. */
  of(path: Path, part: Part): { readonly line: number; readonly column: number } {
    let value: unknown = this.#document.contents;
    let nearest = 0;
    for (const [depth, segment] of path.entries()) {
      if (isAlias(value)) value = value.resolve(this.#document);
      let key: unknown;
      if (isMap(value)) {
        const pair = value.items.find((item) => isScalar(item.key) && String(item.key.value) === String(segment));
        if (pair === undefined) break;
        [key, value] = [pair.key, pair.value];
      } else if (isSeq(value)) value = value.items[Number(segment)];
      else break;
      const last = depth === path.length - 1;
      nearest =
        (last && part === 'value' ? offsetOf(value) : offsetOf(key)) ?? offsetOf(key) ?? offsetOf(value) ?? nearest;
    }
    return this.at(nearest);
  }
}

/** `undefined` for what takes no room in the text, such as the value of `key:`. */
function offsetOf(node: unknown): number | undefined {
  if (!isNode(node) || !node.range) return undefined;
  const [start, end] = node.range;
  return start === end ? undefined : start;
}

export type Loaded =
  | { readonly faults: readonly Fault[] }
  | { readonly values: unknown; readonly positions: Positions };

/** Never throws. Faults come in the order of the text. */
export function loadYaml(text: string): Loaded {
  if (text.length > MAX_LENGTH) return refuse(`longer than ${MAX_LENGTH} characters`);
  try {
    return load(text);
  } catch (error) {
    // The library gives up by exception on aliases that multiply without end.
    return refuse(`cannot be read: ${messageOf(error)}`);
  }
}

function refuse(message: string, { line, col }: { line: number; col: number } = { line: 1, col: 1 }): Loaded {
  return { faults: [{ line, column: col, path: '', message }] };
}

function load(text: string): Loaded {
  const deep = deeperThan(text, MAX_DEPTH);
  if (deep !== undefined) return refuse(`nested deeper than ${MAX_DEPTH} levels`, deep);
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: true,
    stringKeys: true,
    logLevel: 'error',
  });
  const positions = new Positions(document, lines);
  const faults = new Map<string, Fault>();
  const add = (offset: number, message: string, hint?: string): void => {
    const fault = { ...positions.at(offset), path: '', message, ...(hint === undefined ? {} : { hint }) };
    // One unclosed bracket makes the parser complain many times about the same spot.
    const key = `${fault.line}:${fault.column}:${message}`;
    if (!faults.has(key)) faults.set(key, fault);
  };
  for (const { pos, code, message } of [...document.errors, ...document.warnings]) {
    // The library names its own option here, which tells an operator nothing.
    add(pos[0], code === 'NON_STRING_KEY' ? 'a key must be plain text' : message);
  }
  if (document.directives?.yaml.version === '1.1') add(0, 'YAML 1.1 is not supported', 'remove the %YAML line');
  checkNodes(document, add);
  if (faults.size > 0) return { faults: [...faults.values()].sort(byPlace) };
  return { values: document.toJS({ maxAliasCount: 100 }), positions };
}

type Add = (offset: number, message: string, hint?: string) => void;

function checkNodes(document: Document, add: Add): void {
  visit(document, {
    Alias(_, alias, ancestors) {
      const target = alias.resolve(document);
      // An alias without anchor is no syntax error to the library, but throws when values are taken out.
      if (target === undefined) add(startOf(alias), `*${alias.source} has no anchor`, `define &${alias.source} above`);
      else if (ancestors.some((ancestor) => ancestor === target))
        add(startOf(alias), `*${alias.source} contains itself`);
    },
    Pair(_, pair) {
      if (isScalar(pair.key) && RESERVED.has(String(pair.key.value))) {
        add(startOf(pair.key), `"${String(pair.key.value)}" cannot be used as a key`);
      }
    },
  });
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

export function byPlace(a: Fault, b: Fault): number {
  return a.line - b.line || a.column - b.column;
}
