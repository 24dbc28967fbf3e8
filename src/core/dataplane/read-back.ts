/**
 * `nft -j list table …` to `FoundTable`.
 *
 * The JSON of nft 1.0.6 and 1.1.3 differs: order of objects, how types are named, names or numbers for protocols. All of
 * that is left aside here: types are not read, order does not matter, protocols become names. What is not understood is
 * skipped, so that an object which somebody else put into our table cannot stop us from repairing the rest.
 */
import type { BaseChain, FoundChain, FoundSet, FoundTable, Tally } from './ruleset.ts';

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const PROTOCOLS: Readonly<Record<number, string>> = { 6: 'tcp', 17: 'udp' };

/** An element's key or data as the planner writes it; `undefined` for forms that we never load (ranges, prefixes). */
function valueText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return value;
  if (!isObject(value)) return undefined;
  if (Array.isArray(value['concat'])) {
    const parts = value['concat'].map((part, i) =>
      // Second part of all our concatenations: the protocol, which `nft -n` gives as a number.
      i === 1 && typeof part === 'number' ? (PROTOCOLS[part] ?? String(part)) : valueText(part),
    );
    return parts.includes(undefined) ? undefined : parts.join(' . ');
  }
  if (isObject(value['goto']) && typeof value['goto']['target'] === 'string') return `goto ${value['goto']['target']}`;
  if (isObject(value['jump']) && typeof value['jump']['target'] === 'string') return `jump ${value['jump']['target']}`;
  return undefined;
}

function readTally(value: unknown): Tally | undefined {
  if (!isObject(value)) return undefined;
  const { packets, bytes } = value as { packets?: unknown; bytes?: unknown };
  return typeof packets === 'number' && typeof bytes === 'number' ? { packets, bytes } : undefined;
}

/** `elem` holds bare keys, `{elem: {val, counter}}`, or pairs of one of these and the data. */
function readSet(object: Json, kind: 'set' | 'map'): FoundSet {
  const elements = new Map<string, string>();
  const tallies = new Map<string, Tally>();
  const list = Array.isArray(object['elem']) ? (object['elem'] as readonly unknown[]) : [];
  for (const entry of list) {
    const [head, data] = kind === 'map' && Array.isArray(entry) ? [entry[0], valueText(entry[1])] : [entry, ''];
    const detail = isObject(head) && isObject(head['elem']) ? head['elem'] : undefined;
    const key = valueText(detail === undefined ? head : detail['val']);
    if (key === undefined || data === undefined) continue;
    elements.set(key, data);
    const tally = readTally(detail?.['counter']);
    if (tally !== undefined) tallies.set(key, tally);
  }
  return { kind, elements, tallies };
}

function readBase(object: Json): BaseChain | undefined {
  const { type, hook, prio } = object as { type?: unknown; hook?: unknown; prio?: unknown };
  if (typeof type !== 'string' || typeof hook !== 'string' || typeof prio !== 'number') return undefined;
  return { type: type as BaseChain['type'], hook, priority: prio };
}

interface OpenChain extends FoundChain {
  readonly stamps: string[];
  readonly shapes: string[];
}

/**
 * The first table of a listing, or `undefined` when there is none.
 *
 * @param listing the parsed JSON of `nft -j list table ip NAME`
 */
export function readTable(listing: unknown): FoundTable | undefined {
  const objects = isObject(listing) && Array.isArray(listing['nftables']) ? (listing['nftables'] as unknown[]) : [];
  const of = (kind: string): Json[] =>
    objects.flatMap((object) => (isObject(object) && isObject(object[kind]) ? [object[kind]] : []));
  if (of('table').length === 0) return undefined;

  const chains = new Map<string, OpenChain>();
  for (const chain of of('chain')) {
    chains.set(String(chain['name']), { base: readBase(chain), stamps: [], shapes: [] });
  }
  for (const rule of of('rule')) {
    const chain = chains.get(String(rule['chain']));
    chain?.stamps.push(typeof rule['comment'] === 'string' ? rule['comment'] : '');
    chain?.shapes.push(JSON.stringify(rule['expr']));
  }
  const sets = new Map<string, FoundSet>();
  for (const set of of('set')) sets.set(String(set['name']), readSet(set, 'set'));
  for (const map of of('map')) sets.set(String(map['name']), readSet(map, 'map'));
  const counters = new Map(
    of('counter').map((counter) => [String(counter['name']), readTally(counter) ?? { packets: 0, bytes: 0 }]),
  );
  return { chains, sets, counters };
}
