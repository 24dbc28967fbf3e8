/** What the checks between values work on: the file without what was refused already, and how they complain. */
import type { Part, Path } from './document.ts';

/** `T` with anything missing, because it was refused or not written. */
export type Sound<T> = T extends readonly (infer Item)[]
  ? readonly (Sound<Item> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Sound<T[K]> | undefined }
    : T;

export interface Complaint {
  readonly path: Path;
  readonly part: Part;
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Entries of a mapping, without those that were refused. */
export function entries<T>(mapping: Readonly<Record<string, T | undefined>> | undefined): [string, T][] {
  return Object.entries(mapping ?? {}).filter((entry): entry is [string, T] => entry[1] !== undefined);
}

export function items<T>(list: readonly (T | undefined)[] | undefined): [number, T][] {
  return [...(list ?? []).entries()].filter((entry): entry is [number, T] => entry[1] !== undefined);
}

/** Remembers who had a value first. */
export class Firsts<K> {
  readonly #seen = new Map<K, string>();

  /** Who had `key` before `holder`; `undefined` when `holder` is the first. */
  claim(key: K, holder: string): string | undefined {
    const first = this.#seen.get(key);
    if (first === undefined) this.#seen.set(key, holder);
    return first;
  }
}
