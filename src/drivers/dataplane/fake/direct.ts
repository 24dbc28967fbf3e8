/** What the table of direct routing does with a packet, for the fake: it interprets the elements, as the kernel would. */
import { type Ipv4, parseIpv4 } from '../../../core/base/ipv4.ts';
import { LINKS_MAP, NEW_SET, namesByChain, SERVICES_MAP } from '../../../core/dataplane/names.ts';
import {
  endpointElement,
  type FoundChain,
  type FoundSet,
  NO_TALLY,
  type Tally,
} from '../../../core/dataplane/ruleset.ts';
import { slotOf } from '../../../core/hash/jhash.ts';

export interface FakeFlow {
  readonly protocol: 'tcp' | 'udp';
  readonly source: Ipv4;
  readonly sport: number;
  readonly vip: Ipv4;
  readonly port: number;
  /** The first packet of a connection, a SYN; only direct routing cares. */
  readonly begins?: boolean;
}

const HASHED_PORT = 'jhash ip saddr . th sport';
const PACKET_BYTES = 60;

export interface CountingSet extends FoundSet {
  readonly elements: Map<string, string>;
  readonly tallies: Map<string, Tally>;
}

/** A table that counts. */
export interface CountingTable {
  readonly chains: ReadonlyMap<string, FoundChain>;
  readonly sets: ReadonlyMap<string, CountingSet>;
  readonly counters: Map<string, Tally>;
}

export function plusOne({ packets, bytes }: Tally = NO_TALLY): Tally {
  return { packets: packets + 1, bytes: bytes + PACKET_BYTES };
}

/** What packets write into sets: their timed entries, which never grow old here. By set, so that they go with it. */
export type TimedEntries = WeakMap<FoundSet, Map<string, string>>;

export type Fate = { readonly server: Ipv4 } | 'dropped' | 'not ours';

/** A packet that came in by one of the interfaces that have a chain. */
export function directFate(table: CountingTable, flow: FakeFlow, timed: TimedEntries): Fate {
  const verdict = table.sets.get(SERVICES_MAP)?.elements.get(endpointElement(flow.vip, flow.protocol, flow.port));
  if (verdict === undefined) return 'not ours';
  const names = namesByChain(verdict.replace(/^goto /, ''));
  const bump = (counter: string) => table.counters.set(counter, plusOne(table.counters.get(counter)));
  const flows = table.sets.get(names.flows);
  const rules = table.chains.get(names.chain)?.shapes ?? [];
  const key = rules.some((rule) => rule.includes(HASHED_PORT)) ? `${flow.source} . ${flow.sport}` : `${flow.source}`;
  const entries = flows && (timed.get(flows) ?? new Map<string, string>());
  const begins = flow.begins === true && flow.protocol === 'tcp';
  const kept = begins ? undefined : entries?.get(key);
  const isKept = kept !== undefined && table.sets.get(names.down)?.elements.has(kept) !== true;
  const id = isKept ? kept : table.sets.get(names.slots)?.elements.get(String(hashedSlot(rules, flow)));
  if (begins || (flow.protocol === 'udp' && flows !== undefined && !isKept)) {
    bump(names.newConnections);
    if (id !== undefined) count(table, NEW_SET, id);
  }
  if (begins) entries?.delete(key);
  else if (id !== undefined) entries?.set(key, id);
  if (flows !== undefined && entries !== undefined) timed.set(flows, entries);
  const server = parseIpv4(table.sets.get(names.servers)?.elements.get(id ?? '') ?? '');
  if (id !== undefined && server !== undefined && table.sets.get(LINKS_MAP)?.elements.has(id) === true) {
    count(table, names.servers, id);
    return { server };
  }
  bump(names.misses);
  return 'dropped';
}

/** The slot of a flow by the hash that these rules name; `undefined` when they name none. */
export function hashedSlot(rules: readonly string[], { source, sport }: FakeFlow): number | undefined {
  const hash = /jhash ip saddr( \. th sport)? mod (\d+) seed (0x\w+)/.exec(rules.join('\n'));
  if (hash === null) return undefined;
  return slotOf(source, hash[1] === undefined ? undefined : sport, Number(hash[3]), Number(hash[2]));
}

export function count(table: CountingTable, set: string, key: string): void {
  const found = table.sets.get(set);
  if (found?.elements.has(key)) found.tallies.set(key, plusOne(found.tallies.get(key)));
}
