/**
 * The key file: text to a key ring, or every fault at once.
 *
 *     # ID  SECRET         options
 *     1     s3cret         accept-only
 *     2     hex:00ff17a4   send=2026-03-01T00:00:00Z/2026-09-01T00:00:00Z accept=2026-02-01T00:00:00Z/
 *     3     "two words"    algorithm=md5
 *
 * In: the text of the file, whatever it is, and the algorithm of the interface that uses it. Out: the keys in the file's order,
 * or all faults with line and column. Never throws, and never repeats what may be a part of a secret. Reading the file
 * is the caller's.
 */
import type { Fault } from '../base/fault.ts';
import { Secret } from '../base/secret.ts';
import {
  ALGORITHMS,
  type Algorithm,
  type KeyRing,
  type Lifetime,
  type RingKey,
  type UnixMillis,
} from '../model/keys.ts';
import { type Complain, fromHex, IdsSeen, keyLines, type Word } from './key-lines.ts';
import { anyOf } from './suggest.ts';

export type ParsedKeys = { readonly keys: KeyRing } | { readonly faults: readonly Fault[] };

/**
 * Most bytes of a secret. A password and an MD5 key have no more room. An HMAC key beyond the digest's length is hashed first by
 * RFC 5709 3.3, and not hashed by routers that follow RFC 2104, so it would be another key to each of them.
 */
const LONGEST: Readonly<Record<Algorithm, number>> = {
  simple: 8,
  md5: 16,
  'hmac-sha-1': 20,
  'hmac-sha-256': 32,
  'hmac-sha-384': 48,
  'hmac-sha-512': 64,
};

const ALWAYS: Lifetime = { from: Number.NEGATIVE_INFINITY, until: Number.POSITIVE_INFINITY };

const LIFETIME_FORM =
  'write FROM/UNTIL in UTC, such as 2026-03-01T00:00:00Z/2026-09-01T00:00:00Z; either may be left out';
const OPTIONS = 'accept-only, send=FROM/UNTIL, accept=FROM/UNTIL, algorithm=NAME';

export function parseKeyFile(text: string, algorithm: Algorithm): ParsedKeys {
  const faults: Fault[] = [];
  const keys: RingKey[] = [];
  const ids = new IdsSeen<number>();
  for (const line of keyLines(text, faults)) {
    const key = readKey(line.words, algorithm, line.complain);
    if (key === undefined) continue;
    ids.add(key.id, line);
    keys.push(key);
  }
  if (faults.length === 0 && keys.every(({ send }) => send === undefined)) faults.push(nothingToSend(keys));
  return faults.length > 0 ? { faults } : { keys };
}

function nothingToSend(keys: KeyRing): Fault {
  const message = keys.length === 0 ? 'there is no key' : 'every key is accept-only: there is none to send with';
  return { line: 1, column: 1, path: '', message };
}

function readKey(words: readonly Word[], interfaceAlgorithm: Algorithm, complain: Complain): RingKey | undefined {
  const [idWord, secretWord, ...options] = words;
  const id = readId(idWord!, complain);
  if (secretWord === undefined) {
    complain(idWord!.column, 'there is no secret behind the id', 'write: ID SECRET, and options if need be');
    return undefined;
  }
  const { algorithm, send, accept } = readOptions(options, interfaceAlgorithm, complain);
  const secret = readSecret(secretWord, algorithm, complain);
  return id === undefined || secret === undefined ? undefined : { id, algorithm, secret, send, accept };
}

function readId({ text, column }: Word, complain: Complain): number | undefined {
  const id = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (id >= 1 && id <= 255) return id;
  complain(column, 'a line begins with the key’s id, a number from 1 to 255');
  return undefined;
}

function readSecret({ text, column, quoted }: Word, algorithm: Algorithm, complain: Complain): Secret | undefined {
  const hex = !quoted && text.startsWith('hex:');
  const bytes = hex ? fromHex(text.slice(4)) : fromAscii(text);
  if (bytes === undefined) {
    if (hex) complain(column, 'hex: wants an even number of hexadecimal digits, at least two');
    else complain(column, 'a secret as text has printable ASCII characters only', 'write others as hex:DIGITS');
    return undefined;
  }
  const most = LONGEST[algorithm];
  if (bytes.length >= 1 && bytes.length <= most) return new Secret(bytes);
  complain(column, `the secret has ${bytes.length} bytes; ${algorithm} takes 1 to ${most}`);
  return undefined;
}

function fromAscii(text: string): Uint8Array | undefined {
  return /^[\x20-\x7e]*$/.test(text) ? Uint8Array.from(text, (letter) => letter.charCodeAt(0)) : undefined;
}

interface KeyOptions {
  algorithm: Algorithm;
  send: Lifetime | undefined;
  accept: Lifetime;
}

function readOptions(words: readonly Word[], interfaceAlgorithm: Algorithm, complain: Complain): KeyOptions {
  const options: KeyOptions = { algorithm: interfaceAlgorithm, send: ALWAYS, accept: ALWAYS };
  const seen = new Set<string>();
  for (const { text, column } of words) {
    const equals = text.indexOf('=');
    const name = equals < 0 ? text : text.slice(0, equals);
    const value = equals < 0 ? undefined : text.slice(equals + 1);
    if (seen.has(name)) complain(column, `${name} stands here twice`);
    else if (!readOption(options, name, value, (message, hint) => complain(column, message, hint))) {
      complain(column, 'this is no option', `options are ${OPTIONS}; a secret with blanks stands in quotes`);
    } else seen.add(name);
  }
  checkLifetimes(options, words[0]?.column ?? 1, complain);
  return options;
}

/** False when there is no such option. */
function readOption(
  options: KeyOptions,
  name: string,
  value: string | undefined,
  complain: (message: string, hint?: string) => void,
): boolean {
  if (name === 'accept-only' && value === undefined) {
    options.send = undefined;
    return true;
  }
  if (value === undefined) return false;
  if (name === 'send' || name === 'accept') {
    const lifetime = readLifetime(value);
    if (typeof lifetime === 'string') complain(lifetime, LIFETIME_FORM);
    else if (name === 'accept') options.accept = lifetime;
    else if (options.send === undefined) complain('a key that is accept-only is never sent with');
    else options.send = lifetime;
    return true;
  }
  if (name !== 'algorithm') return false;
  const algorithm = ALGORITHMS.find((one) => one === value);
  if (algorithm === undefined) complain('there is no such algorithm', `there are ${anyOf(ALGORITHMS)}`);
  else if ((algorithm === 'simple') !== (options.algorithm === 'simple')) {
    complain('a password and a cryptographic key cannot stand in for each other', 'use a file for each');
  } else options.algorithm = algorithm;
  return true;
}

/** We would refuse our own packets, and so would whoever has the same file. */
function checkLifetimes({ send, accept }: KeyOptions, column: number, complain: Complain): void {
  if (send === undefined || send === ALWAYS) return;
  if (send.from >= accept.from && send.until <= accept.until) return;
  complain(
    column,
    'it would be sent with while it is not accepted',
    'begin accept no later and end it no earlier than send',
  );
}

/** The lifetime, or what is wrong. */
function readLifetime(value: string): Lifetime | string {
  const parts = value.split('/');
  if (parts.length !== 2) return 'expected two times with a / in between';
  const from = parts[0] === '' ? ALWAYS.from : readTime(parts[0]!);
  const until = parts[1] === '' ? ALWAYS.until : readTime(parts[1]!);
  if (from === undefined || until === undefined) return 'expected times of RFC 3339 in UTC';
  return from < until ? { from, until } : 'it ends before it begins';
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})Z$/;
const DAY = 86_400;

/** Milliseconds since 1970; undefined for anything but a time of RFC 3339 in UTC, in whole seconds. */
function readTime(text: string): UnixMillis | undefined {
  const match = TIME.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || day > daysOf(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return (daysBefore(year, month, day) * DAY + hour * 3600 + minute * 60 + second) * 1000;
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

function daysOf(year: number, month: number): number {
  if (month === 2) return isLeap(year) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

/** Whole days from 1970-01-01 to that day, by the Gregorian calendar; negative before. */
function daysBefore(year: number, month: number, day: number): number {
  const years = year - 1;
  let days = 365 * years + Math.floor(years / 4) - Math.floor(years / 100) + Math.floor(years / 400) - DAYS_TO_1970;
  for (let earlier = 1; earlier < month; earlier++) days += daysOf(year, earlier);
  return days + day - 1;
}

/** From 0001-01-01. */
const DAYS_TO_1970 = 719_162;
