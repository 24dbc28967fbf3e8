/** Counters of the kernel's tables to counters of services and servers. */
import type { Ipv4 } from '../base/ipv4.ts';
import { allServers } from '../hash/service-table.ts';
import type {
  DataplaneCounters,
  DesiredDataplane,
  DesiredService,
  FullnatCounters,
  GuardCounters,
  ServerCounters,
  ServiceCounters,
} from '../model/dataplane.ts';
import {
  DATA_TABLE,
  DR_TABLE,
  EGRESS_COUNTER,
  GUARD_TABLE,
  HAND_OVER_COUNTER,
  LIP_COUNTER,
  NEW_SET,
  NO_BLOCK_COUNTER,
  POOL_COUNTER,
  REFUSED_COUNTER,
  serviceNames,
  TRAFFIC_IN_SET,
  TRAFFIC_OUT_SET,
  TRANSIT_COUNTER,
  UNKNOWN_COUNTER,
  UNTRANSLATED_COUNTER,
} from './names.ts';
import { isDirect } from './rules/direct-table.ts';
import { type Found, type FoundTable, NO_TALLY, type Tally } from './ruleset.ts';
import type { ServerIds } from './server-ids.ts';

function tallyOf(table: FoundTable | undefined, set: string | undefined, key: string): Tally {
  return table?.sets.get(set ?? '')?.tallies.get(key) ?? NO_TALLY;
}

function sum(tallies: readonly Tally[]): Tally {
  return tallies.reduce((a, b) => ({ packets: a.packets + b.packets, bytes: a.bytes + b.bytes }), NO_TALLY);
}

function traffic(packetsIn: Tally, packetsOut: Tally) {
  return {
    packetsIn: packetsIn.packets,
    bytesIn: packetsIn.bytes,
    packetsOut: packetsOut.packets,
    bytesOut: packetsOut.bytes,
  };
}

/** Where a service is counted: its table, and what counts there by server id. The answers of direct routing pass us by. */
interface Tallied {
  readonly table: FoundTable | undefined;
  readonly new: string;
  /** Each packet is in one of them. */
  readonly in: readonly string[];
  readonly out: string | undefined;
}

function talliedOf(found: Found, service: DesiredService): Tallied {
  const { servers } = serviceNames(service.name);
  if (isDirect(service)) return { table: found.get(DR_TABLE), new: NEW_SET, in: [servers], out: undefined };
  return { table: found.get(DATA_TABLE), new: servers, in: [servers, TRAFFIC_IN_SET], out: TRAFFIC_OUT_SET };
}

/** Retired servers are in the sum, so that a service's counters never run backwards. */
function serviceCounters(tallied: Tallied, service: DesiredService): ServiceCounters {
  const { table } = tallied;
  const names = serviceNames(service.name);
  const ids = [...(table?.sets.get(names.servers)?.elements.keys() ?? [])];
  const total = (set: string | undefined) => sum(ids.map((id) => tallyOf(table, set, id)));
  return {
    service: service.name,
    newConnections: (table?.counters.get(names.newConnections) ?? NO_TALLY).packets,
    misses: (table?.counters.get(names.misses) ?? NO_TALLY).packets,
    persistenceFull: (table?.counters.get(names.full) ?? NO_TALLY).packets,
    ...traffic(sum(tallied.in.map(total)), total(tallied.out)),
  };
}

function serverCounters(
  { table, ...sets }: Tallied,
  service: DesiredService,
  ids: ReadonlyMap<Ipv4, number> | undefined,
): ServerCounters[] {
  return allServers(service).map((server) => {
    const tally = (set: string | undefined) => tallyOf(table, set, String(ids?.get(server.address)));
    return {
      service: service.name,
      server: server.name,
      newConnections: tally(sets.new).packets,
      ...traffic(sum(sets.in.map(tally)), tally(sets.out)),
    };
  });
}

function guardCounters(table: FoundTable | undefined, data: FoundTable | undefined): GuardCounters {
  const packets = (counter: string) => (table?.counters.get(counter) ?? NO_TALLY).packets;
  return {
    vipUnknown: packets(UNKNOWN_COUNTER),
    serverUntranslated: packets(UNTRANSLATED_COUNTER),
    transit: packets(TRANSIT_COUNTER),
    lipUnknown: packets(LIP_COUNTER),
    poolUnknown: packets(POOL_COUNTER),
    egressUntranslated: packets(EGRESS_COUNTER),
    serverFull: (data?.counters.get(REFUSED_COUNTER) ?? NO_TALLY).packets,
  };
}

/** By table: sets whose tallies are read, beside the named counters of the table. */
export type CountingSets = ReadonlyMap<string, readonly string[]>;

function fullnatCounters(table: FoundTable | undefined): FullnatCounters {
  const packets = (counter: string) => (table?.counters.get(counter) ?? NO_TALLY).packets;
  return { noBlock: packets(NO_BLOCK_COUNTER), handedOver: packets(HAND_OVER_COUNTER) };
}

/** What `readCounters` reads. */
export function countingSets({ services }: DesiredDataplane): CountingSets {
  const servers = (some: readonly DesiredService[]) => some.map(({ name }) => serviceNames(name).servers);
  const translated = services.filter((service) => !isDirect(service));
  const direct = services.filter(isDirect);
  const counting = new Map([
    [DATA_TABLE, [TRAFFIC_IN_SET, TRAFFIC_OUT_SET, ...servers(translated)]],
    [GUARD_TABLE, []],
  ]);
  return direct.length === 0 ? counting : counting.set(DR_TABLE, [NEW_SET, ...servers(direct)]);
}

/** Counters of the guard and of every service and server of `desired`; zero for what the kernel does not hold. */
export function readCounters(desired: DesiredDataplane, ids: ServerIds, found: Found): DataplaneCounters {
  const { services } = desired;
  return {
    services: services.map((service) => serviceCounters(talliedOf(found, service), service)),
    servers: services.flatMap((service) => serverCounters(talliedOf(found, service), service, ids.get(service.name))),
    fullnat: fullnatCounters(found.get(DATA_TABLE)),
    guard: guardCounters(found.get(GUARD_TABLE), found.get(DATA_TABLE)),
  };
}
