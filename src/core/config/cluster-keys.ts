/**
 * The key file of the cluster, for the sync channel: text to a ring, or every fault at once; and the ring of the next step of a
 * rotation.
 *
 *     # ID  HEX                                                               options
 *     1     8f3c5d…  (32 to 128 hexadecimal digits)                           accept-only
 *     2     04b1e7…
 *
 * Exactly one key is not accept-only: with it this director opens streams. All are accepted from others. Keys stand in the order
 * of their age, the oldest first, so that the file itself says how far a rotation has come.
 *
 * In: the text of the file, whatever it is. Never throws, and never repeats what may be a part of a secret. Reading the file and
 * making secrets is the caller's.
 */
import type { Fault } from '../base/fault.ts';
import { Secret } from '../base/secret.ts';
import type { SyncKey, SyncKeyRing } from '../model/sync-keys.ts';
import { fromHex, IdsSeen, type KeyLine, keyLines } from './key-lines.ts';

export type ParsedClusterKeys = { readonly ring: SyncKeyRing } | { readonly faults: readonly Fault[] };

/** Bytes. Less can be guessed by who has recorded a handshake; OpenSSL takes no more than 256. */
const SHORTEST = 16;
const LONGEST = 64;

/** A key with its line, counted from 1. */
interface PlacedKey extends SyncKey {
  readonly line: number;
}

export function parseClusterKeys(text: string): ParsedClusterKeys {
  const { keys, faults } = readKeys(text);
  return faults.length > 0
    ? { faults }
    : { ring: keys.map(({ id, secret, acceptOnly }) => ({ id, secret, acceptOnly })) };
}

function readKeys(text: string): { readonly keys: readonly PlacedKey[]; readonly faults: readonly Fault[] } {
  const faults: Fault[] = [];
  const keys: PlacedKey[] = [];
  const ids = new IdsSeen<string>();
  for (const line of keyLines(text, faults)) {
    const key = readKey(line);
    if (key === undefined) continue;
    ids.add(key.id, line);
    compare(key, keys, line);
    keys.push({ ...key, line: line.line });
  }
  if (faults.length === 0 && keys.every(({ acceptOnly }) => acceptOnly)) faults.push(noneActive(keys));
  return { keys, faults };
}

function noneActive(keys: readonly PlacedKey[]): Fault {
  const place = { line: keys.at(-1)?.line ?? 1, column: 1, path: '' };
  if (keys.length === 0) return { ...place, message: 'there is no key', hint: '`sluice keys make` makes one' };
  const message = 'every key is accept-only: there is none to open streams with';
  return { ...place, message, hint: 'exactly one key is not accept-only' };
}

function readKey({ words, complain }: KeyLine): SyncKey | undefined {
  const [idWord, secretWord, ...options] = words;
  const id = /^(?!accept-only$)[A-Za-z0-9_-]{1,16}$/.test(idWord!.text) && !idWord!.quoted ? idWord!.text : undefined;
  if (id === undefined)
    complain(idWord!.column, 'a line begins with the key’s id: letters, digits, - and _, at most 16');
  if (secretWord === undefined) {
    complain(idWord!.column, 'there is no secret behind the id', 'write: ID HEX, and accept-only if need be');
    return undefined;
  }
  let acceptOnly = false;
  for (const { text, column } of options) {
    if (text !== 'accept-only') complain(column, 'this is no option', 'the only one is accept-only');
    else if (acceptOnly) complain(column, 'accept-only stands here twice');
    else acceptOnly = true;
  }
  const secret = readSecret(secretWord.text, (message, hint) => complain(secretWord.column, message, hint));
  return id === undefined || secret === undefined ? undefined : { id, secret, acceptOnly };
}

function readSecret(text: string, complain: (message: string, hint?: string) => void): Secret | undefined {
  const bytes = fromHex(text);
  if (bytes === undefined) {
    complain('the secret is an even number of hexadecimal digits', '`sluice keys make` makes one of 64');
    return undefined;
  }
  if (bytes.length >= SHORTEST && bytes.length <= LONGEST) return new Secret(bytes);
  complain(`the secret has ${bytes.length} bytes; it takes ${SHORTEST} to ${LONGEST}`, '32 random bytes are enough');
  return undefined;
}

/** What a key must not have in common with those above it. */
function compare(key: SyncKey, above: readonly PlacedKey[], { words, complain }: KeyLine): void {
  const active = key.acceptOnly ? undefined : above.find(({ acceptOnly }) => !acceptOnly);
  if (active !== undefined) {
    complain(
      words[0]!.column,
      `key ${key.id} is to open streams with, and so is key ${active.id} in line ${active.line}`,
      'mark all but one accept-only',
    );
  }
  const twin = above.find(({ id, secret }) => id !== key.id && secret.equals(key.secret));
  if (twin !== undefined) {
    complain(words[1]!.column, `it is the secret of key ${twin.id} in line ${twin.line}`, 'every key has its own');
  }
}

/** A line of the file. `hex`: the secret as hexadecimal digits. */
export function clusterKeyLine(id: string, hex: string, acceptOnly: boolean): string {
  return `${id} ${hex}${acceptOnly ? ' accept-only' : ''}`;
}

/** What a step of a rotation did, to keys by their ids. */
export type RotationStep =
  | { readonly step: 'added'; readonly id: string }
  | { readonly step: 'activated'; readonly id: string; readonly before: string }
  | { readonly step: 'removed'; readonly ids: readonly string[] };

/** The next file, and what is done with it. */
export interface Rotation {
  readonly text: string;
  readonly done: RotationStep;
}

/**
 * The next step of a rotation. The order of the file says which it is: an accept-only key above the active one is of the past
 * and goes; one below it is of the future and becomes the active one; if there is neither, a new key is added below, accept-only.
 * Every other line stays as it is, comments included.
 *
 * @param newHex the secret of the key that is added, if one is: 32 random bytes in hexadecimal
 */
export function rotateClusterKeys(text: string, newHex: string): Rotation | { readonly faults: readonly Fault[] } {
  const { keys, faults } = readKeys(text);
  if (faults.length > 0) return { faults };
  const lines = text.replace(/\n*$/, '').split('\n');
  const at = keys.findIndex(({ acceptOnly }) => !acceptOnly);
  const [active, old, next] = [keys[at]!, keys.slice(0, at), keys[at + 1]];
  if (old.length > 0) {
    const gone = new Set(old.map(({ line }) => line));
    const kept = lines.filter((_, index) => !gone.has(index + 1));
    return { text: ended(kept), done: { step: 'removed', ids: old.map(({ id }) => id) } };
  }
  if (next !== undefined) {
    lines[active.line - 1] = withoutEnd(lines[active.line - 1]!).replace(/\s*$/, ' accept-only');
    lines[next.line - 1] = lines[next.line - 1]!.replace(/\s+accept-only(?=\s|$)/, '');
    return { text: ended(lines), done: { step: 'activated', id: next.id, before: active.id } };
  }
  const id = newId(keys);
  return { text: ended([...lines, clusterKeyLine(id, newHex, true)]), done: { step: 'added', id } };
}

function ended(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

/** A line without the comment at its end, which may not be true of the key any more. */
function withoutEnd(line: string): string {
  return line.replace(/\s#.*$/, '');
}

/** The number after the greatest that is an id. */
function newId(keys: SyncKeyRing): string {
  const numbers = keys.flatMap(({ id }) => (/^\d{1,9}$/.test(id) ? Number(id) : []));
  return String(Math.max(0, ...numbers) + 1);
}
