/**
 * The building blocks of the schema: scalars with units, choices, closed mappings.
 *
 * Every refusal is one text, `what is wrong` or `what is wrong; what to write instead`, in the operator's words.
 * Two valibot schema types carry a meaning for `parse.ts`: an issue of type `custom` is about a key rather than its value,
 * and one of type `object` is about a key that is missing.
 */
import * as v from 'valibot';
import { formatPrefix, type Ipv4, type Prefix, parseIpv4, parsePrefix } from '../base/ipv4.ts';
import type { Millis } from '../base/machine.ts';
import type { ImportRule } from '../model/cluster.ts';
import { IPVS_SCHEDULERS, MH_SLOTS, SCHEDULERS, type Scheduler } from '../model/scheduler.ts';
import { anyOf, didYouMean } from './suggest.ts';

/** Why a value is refused, and what to write instead. */
class Refusal {
  readonly text: string;

  constructor(message: string, hint?: string) {
    this.text = hint === undefined ? message : `${message}; ${hint}`;
  }
}

/** A value as an operator would recognise it. */
function shown(input: unknown): string {
  if (input === null || input === undefined) return 'nothing';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'a mapping';
  // Escaped: a file may hold anything, and this is printed on a terminal.
  const text = typeof input === 'string' ? JSON.stringify(input) : String(input);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** A schema for one value: `read` returns what it means, or why it is refused. */
function scalar<T>(read: (input: unknown) => T | Refusal) {
  return v.pipe(
    v.unknown(),
    v.rawTransform<unknown, T>(({ dataset, addIssue, NEVER }) => {
      const result = read(dataset.value);
      if (!(result instanceof Refusal)) return result;
      addIssue({ message: result.text });
      return NEVER;
    }),
  );
}

/** Any value is refused. The type says what would have been there. */
function refused(text: string) {
  return scalar<never>(() => new Refusal(text));
}

export function whole(what: string, least: number, most: number, hint?: string) {
  return scalar((input): number | Refusal => {
    if (typeof input === 'number' && Number.isInteger(input) && input >= least && input <= most) return input;
    return new Refusal(`expected ${what}, a whole number from ${least} to ${most}, got ${shown(input)}`, hint);
  });
}

export const yesOrNo = scalar((input): boolean | Refusal => {
  return typeof input === 'boolean' ? input : new Refusal(`expected true or false, got ${shown(input)}`);
});

const UNIT: Readonly<Record<string, Millis>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/;

function readDuration(input: unknown): Millis | Refusal {
  if (typeof input === 'number') {
    const guess = Number.isInteger(input) && input >= 0 ? `write ${input}s or ${input}ms` : undefined;
    return new Refusal(`expected a duration with a unit, got the plain number ${input}`, guess);
  }
  const match = typeof input === 'string' ? DURATION.exec(input) : null;
  if (match === null) {
    return new Refusal(`expected a duration, got ${shown(input)}`, 'a number with ms, s, m or h, such as 500ms or 2s');
  }
  const value = Number(match[1]) * UNIT[match[2]!]!;
  return Number.isInteger(value) ? value : new Refusal(`${shown(input)} is not a whole number of milliseconds`);
}

/** A duration of at least `least` and at most `most` milliseconds. */
export function duration(least: Millis, most: Millis) {
  return scalar((input): Millis | Refusal => {
    const value = readDuration(input);
    if (value instanceof Refusal || (value >= least && value <= most)) return value;
    return new Refusal(`${shown(input)} is out of range`, `from ${formatDuration(least)} to ${formatDuration(most)}`);
  });
}

/** Hello and dead intervals travel in OSPF Hellos as seconds in 16 and 32 bits (RFC 2328 A.3.2). */
export const wholeSeconds = scalar((input): Millis | Refusal => {
  const value = readDuration(input);
  if (value instanceof Refusal) return value;
  if (value % 1000 === 0 && value >= 1000 && value <= 65_535_000) return value;
  return new Refusal(`expected whole seconds from 1s to 65535s, got ${shown(input)}`, 'OSPF carries seconds');
});

/** Below a second Hellos say 0, and the dead interval is one second: two to twenty Hellos in it. */
export const helloInterval = scalar((input): Millis | Refusal => {
  const value = readDuration(input);
  if (value instanceof Refusal) return value;
  if (value % 1000 === 0 && value >= 1000 && value <= 65_535_000) return value;
  if (value >= 50 && value <= 500) return value;
  return new Refusal(
    `expected whole seconds from 1s to 65535s, or 50ms to 500ms, got ${shown(input)}`,
    'OSPF carries seconds; below a second two to twenty hellos fit the dead interval of 1s',
  );
});

/** A grace period travels in Grace-LSAs as seconds, and no LSA is left alone for longer than LSRefreshTime (RFC 3623 B). */
export const gracePeriod = scalar((input): Millis | Refusal => {
  const value = readDuration(input);
  if (value instanceof Refusal) return value;
  if (value % 1000 === 0 && value >= 1000 && value <= 1_800_000) return value;
  return new Refusal(`expected whole seconds from 1s to 30m, got ${shown(input)}`);
});

/** What the kernel counts in seconds: from 1s to `most` milliseconds. */
export function seconds(most: Millis) {
  return scalar((input): Millis | Refusal => {
    const value = readDuration(input);
    if (value instanceof Refusal) return value;
    if (value % 1000 === 0 && value >= 1000 && value <= most) return value;
    return new Refusal(`expected whole seconds from 1s to ${formatDuration(most)}, got ${shown(input)}`);
  });
}

/** `true` for the usual time, `false` for none, or a time of whole seconds. */
export function persistenceTime(most: Millis) {
  const time = seconds(most);
  return v.lazy((input): typeof yesOrNo | typeof time => (typeof input === 'boolean' ? yesOrNo : time));
}

/** Milliseconds in the largest unit that leaves a whole number. */
export function formatDuration(value: Millis): string {
  for (const unit of ['h', 'm', 's']) {
    if (value !== 0 && value % UNIT[unit]! === 0) return `${value / UNIT[unit]!}${unit}`;
  }
  return `${value}ms`;
}

function readAddress(input: unknown): Ipv4 | Refusal {
  const address = typeof input === 'string' ? parseIpv4(input) : undefined;
  if (address === undefined) return new Refusal(`expected an IPv4 address, got ${shown(input)}`);
  const first = address >>> 24;
  if (first === 0 || first === 127 || first >= 224) return new Refusal(`${shown(input)} is not a unicast address`);
  return address;
}

/** An address that a host can have. */
export const address = scalar(readAddress);

/** Of one host's interface, in small letters. */
export const macAddress = scalar((input): string | Refusal => {
  const mac =
    typeof input === 'string' && /^[\da-f]{2}(:[\da-f]{2}){5}$/i.test(input) ? input.toLowerCase() : undefined;
  if (mac === undefined) return new Refusal(`expected a MAC address, got ${shown(input)}`, 'such as 02:00:00:00:00:01');
  // The lowest bit of the first byte says that it is of a group.
  return Number.parseInt(mac.slice(0, 2), 16) % 2 === 1
    ? new Refusal(`${shown(input)} is of no single interface`)
    : mac;
});

/** `ADDRESS`, or `ADDRESS:PORT` where the port is not the usual one. */
export function endpoint(usual: number) {
  return scalar((input): { address: Ipv4; port: number } | Refusal => {
    const match = typeof input === 'string' ? /^([^:]+)(?::(\d{1,5}))?$/.exec(input) : null;
    if (match === null) {
      return new Refusal(`expected ADDRESS or ADDRESS:PORT, got ${shown(input)}`, `such as 10.2.0.11:${usual}`);
    }
    const read = readAddress(match[1]);
    if (read instanceof Refusal) return read;
    const port = match[2] === undefined ? usual : Number(match[2]);
    return port >= 1 && port <= 65_535 ? { address: read, port } : new Refusal(`${port} is not a port from 1 to 65535`);
  });
}

/** A prefix of hosts, in its shortest form. */
export const prefix = scalar((input): Prefix | Refusal => {
  const read = typeof input === 'string' ? parsePrefix(input) : undefined;
  if (read === undefined) return new Refusal(`expected a prefix, got ${shown(input)}`, 'such as 10.2.0.0/24');
  if (input !== formatPrefix(read)) {
    return new Refusal(`${shown(input)} has bits beyond its length`, `write ${formatPrefix(read)}`);
  }
  const first = read.address >>> 24;
  if (first !== 0 && first !== 127 && first < 224) return read;
  return new Refusal(`${shown(input)} is not a prefix of unicast addresses`);
});

/** The same, kept as text: for mappings with addresses as keys. */
export const addressText = scalar((input): string | Refusal => {
  const read = readAddress(input);
  return read instanceof Refusal ? read : String(input);
});

export const routerId = scalar((input): Ipv4 | Refusal => {
  const id = typeof input === 'string' ? parseIpv4(input) : undefined;
  if (id === undefined) return new Refusal(`expected a router id such as 10.255.0.1, got ${shown(input)}`);
  return id === 0 ? new Refusal('router id 0.0.0.0 is reserved') : id;
});

/** Dotted or as a number, as routers accept both. */
export const areaId = scalar((input): Ipv4 | Refusal => {
  if (typeof input === 'number' && Number.isInteger(input) && input >= 0 && input <= 0xffffffff) return input;
  const id = typeof input === 'string' ? parseIpv4(input) : undefined;
  return id ?? new Refusal(`expected an area id such as 0.0.0.0, got ${shown(input)}`);
});

/** A text that matches `pattern`; `form` says which do. */
export function word(what: string, pattern: RegExp, form: string) {
  return scalar((input): string | Refusal => {
    if (typeof input === 'string' && pattern.test(input)) return input;
    return new Refusal(`expected ${what}, got ${shown(input)}`, form);
  });
}

/** One of `options`. `later` are those that the design has and this version has not. */
export function choice<const T extends string>(options: readonly T[], later: readonly string[] = []) {
  return scalar((input): T | Refusal => {
    const found = options.find((option) => option === input);
    if (found !== undefined) return found;
    if (typeof input === 'string' && later.includes(input)) {
      return new Refusal(`"${input}" is not supported in this version`, `use ${anyOf(options)}`);
    }
    const hint = typeof input === 'string' ? didYouMean(input, options) : undefined;
    return new Refusal(`expected ${anyOf(options)}, got ${shown(input)}`, hint);
  });
}

const ALL_SCHEDULERS = [...SCHEDULERS, ...IPVS_SCHEDULERS];

/** The name of a scheduler, of either plane. */
export const schedulerName = scalar((input): Scheduler['name'] | Refusal => {
  const found = ALL_SCHEDULERS.find((name) => name === input);
  if (found !== undefined) return found;
  const hint = typeof input === 'string' ? didYouMean(input, ALL_SCHEDULERS) : undefined;
  return new Refusal(`expected the scheduler ${anyOf(ALL_SCHEDULERS)}, got ${shown(input)}`, hint);
});

export const mhSlots = scalar((input): (typeof MH_SLOTS)[number] | Refusal => {
  const found = MH_SLOTS.find((slots) => slots === input);
  return found ?? new Refusal(`expected ${anyOf(MH_SLOTS.map(String))} slots, got ${shown(input)}`);
});

const EVERYTHING = { address: 0, length: 0 };
const RULE_FORM = 'all, none, default, or prefixes such as 10.0.0.0/8 (exactly) or "10.0.0.0/8 orlonger"';

/** One line of an import filter. `none` has no rule; that it stands alone is checked elsewhere. */
export const importRule = scalar((input): ImportRule | 'none' | Refusal => {
  if (input === 'none') return 'none';
  if (input === 'all') return { prefix: EVERYTHING, orLonger: true };
  if (input === 'default') return { prefix: EVERYTHING, orLonger: false };
  const match = typeof input === 'string' ? /^(\S+)(?: (orlonger))?$/.exec(input) : null;
  const prefix = parsePrefix(match?.[1] ?? '');
  if (match === null || prefix === undefined) {
    return new Refusal(`expected what to import, got ${shown(input)}`, RULE_FORM);
  }
  if (match[1] !== formatPrefix(prefix)) {
    return new Refusal(`${shown(input)} has bits beyond its length`, `write ${formatPrefix(prefix)}`);
  }
  return { prefix, orLonger: match[2] !== undefined };
});

/** Number of healthy servers, or a share of them such as `50%`. */
export const quorum = scalar((input): { kind: 'count' | 'percent'; value: number } | Refusal => {
  if (typeof input === 'number' && Number.isInteger(input) && input >= 1) return { kind: 'count', value: input };
  const percent = typeof input === 'string' ? /^(\d{1,3})%$/.exec(input) : null;
  const value = Number(percent?.[1]);
  if (percent !== null && value >= 1 && value <= 100) return { kind: 'percent', value };
  return new Refusal(
    `expected a number of servers (at least 1) or a share from 1% to 100%, got ${shown(input)}`,
    input === 0 ? 'to announce whatever the health, use whenDown: keep' : undefined,
  );
});

function isMapping(input: unknown): input is Readonly<Record<string, unknown>> {
  return typeof input === 'object' && input !== null && Object.getPrototypeOf(input) === Object.prototype;
}

function unknownKey(key: string, known: readonly string[], later: readonly string[]): string {
  if (later.includes(key)) return 'not supported in this version; remove it';
  return `unknown key; ${didYouMean(key, known) ?? `known here: ${known.join(', ')}`}`;
}

/**
 * A mapping with these keys and no others. `later` are keys that the design has and this version has not: they are refused
 * in other words than a slip of the finger.
 */
export function closed<E extends v.ObjectEntries>(entries: E, later: readonly string[] = []) {
  const known = Object.keys(entries);
  return v.lazy((input): v.ObjectSchema<E, undefined> => {
    if (!isMapping(input)) return notMapping(input);
    const strange = Object.keys(input).filter((key) => !Object.hasOwn(entries, key));
    const refusals = strange.map((key) => [key, v.custom<never>(() => false, unknownKey(key, known, later))]);
    return v.object({ ...entries, ...Object.fromEntries(refusals) });
  });
}

/** A mapping from names of the operator's choice to values of one kind; not empty if `atLeastOne` names what it must have. */
export function mapOf<V extends v.GenericSchema>(key: v.GenericSchema<unknown, string>, value: V, atLeastOne?: string) {
  return v.lazy((input): v.GenericSchema<unknown, Record<string, v.InferOutput<V>>> => {
    if (!isMapping(input)) return notMapping(input);
    if (atLeastOne !== undefined && Object.keys(input).length === 0) {
      return refused(`expected at least one ${atLeastOne}, got an empty mapping`);
    }
    // A key is text always; `key` would take anything.
    const textKey = key as v.GenericSchema as v.GenericSchema<string, string>;
    return v.record(textKey, value) as v.GenericSchema<unknown, Record<string, v.InferOutput<V>>>;
  });
}

/** Stands in for the schema of a mapping where there is none: refuses, so its output is never seen. */
function notMapping<S>(input: unknown): S {
  return refused(`expected a mapping (indented "key: value" lines), got ${shown(input)}`) as unknown as S;
}

/** `{ file: PATH }`. What else may stand there is not repeated: it may be a key. */
export const keysFile = scalar((input): string | Refusal => {
  const file = isMapping(input) && Object.keys(input).length === 1 ? input['file'] : undefined;
  if (typeof file === 'string' && /^[^\0\n]{1,4095}$/.test(file)) return file;
  return new Refusal('expected { file: PATH }', 'keys stand in a file of their own');
});

/** A list, or one value for a list of one. Not empty. */
export function oneOrMany<V extends v.GenericSchema>(what: string, value: V) {
  return v.lazy((input): v.GenericSchema<unknown, v.InferOutput<V>[]> => {
    if (!Array.isArray(input)) {
      return v.pipe(
        value,
        v.transform((one) => [one]),
      ) as v.GenericSchema<unknown, v.InferOutput<V>[]>;
    }
    if (input.length === 0) return refused(`expected at least one ${what}, got an empty list`);
    return v.array(value) as v.GenericSchema<unknown, v.InferOutput<V>[]>;
  });
}

/** Reads text with one schema and everything else with another. */
export function textOr<A extends v.GenericSchema, B extends v.GenericSchema>(text: A, other: B) {
  return v.lazy((input): A | B => (typeof input === 'string' ? text : other));
}

/** Reads a mapping with one schema and everything else with another. */
export function mappingOr<A extends v.GenericSchema, B extends v.GenericSchema>(mapping: A, other: B) {
  return v.lazy((input): A | B => (isMapping(input) ? mapping : other));
}

export interface ServerSettings {
  address: Ipv4;
  weight: number;
  limit?: undefined;
  resume?: undefined;
  director?: undefined;
  port?: undefined;
}

/** `name: ADDRESS`, the short form of `name: { address: ADDRESS }`. */
export const serverAddress = scalar((input): ServerSettings | Refusal => {
  if (typeof input === 'string' && /^[\d.]+:\d+$/.test(input)) {
    return new Refusal(`expected an IPv4 address, got ${shown(input)}`, 'servers listen on the ports of the service');
  }
  const read = readAddress(input);
  return read instanceof Refusal ? read : { address: read, weight: 1 };
});

/** `ADDRESS`, the short form of `{ address: ADDRESS }`: a router, which may be designated router. */
export const neighborAddress = scalar((input): { address: Ipv4; priority: number } | Refusal => {
  const read = readAddress(input);
  return read instanceof Refusal ? read : { address: read, priority: 1 };
});

/** `check:` and `check: {}` mean the same. */
export function flag() {
  return scalar((input): true | Refusal => {
    if (input === null || (isMapping(input) && Object.keys(input).length === 0)) return true;
    return new Refusal(`expected {}, got ${shown(input)}`, 'this check has no settings of its own');
  });
}

/** The value `none`. */
export const none = scalar((input): undefined | Refusal => {
  return input === 'none' ? undefined : new Refusal(`expected a mapping or none, got ${shown(input)}`);
});
