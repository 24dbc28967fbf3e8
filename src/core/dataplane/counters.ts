/** Counters of the kernel's tables to counters of services and servers. */
import type { Ipv4 } from '../base/ipv4.ts';
import type {
  DataplaneCounters,
  DesiredDataplane,
  DesiredService,
  GuardCounters,
  ServerCounters,
  ServiceCounters,
} from '../model/dataplane.ts';
import {
  DATA_TABLE,
  GUARD_TABLE,
  serviceNames,
  TRAFFIC_IN_SET,
  TRAFFIC_OUT_SET,
  TRANSIT_COUNTER,
  UNKNOWN_COUNTER,
  UNTRANSLATED_COUNTER,
} from './names.ts';
import { type Found, type FoundTable, NO_TALLY, type Tally } from './ruleset.ts';
import type { ServerIds } from './server-ids.ts';

function tallyOf(table: FoundTable | undefined, set: string, key: string): Tally {
  return table?.sets.get(set)?.tallies.get(key) ?? NO_TALLY;
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

/** Retired servers are in the sum, so that a service's counters never run backwards. */
function serviceCounters(table: FoundTable | undefined, service: DesiredService): ServiceCounters {
  const names = serviceNames(service.name);
  const ids = [...(table?.sets.get(names.servers)?.elements.keys() ?? [])];
  const total = (set: string) => sum(ids.map((id) => tallyOf(table, set, id)));
  return {
    service: service.name,
    newConnections: (table?.counters.get(names.newConnections) ?? NO_TALLY).packets,
    misses: (table?.counters.get(names.misses) ?? NO_TALLY).packets,
    ...traffic(total(TRAFFIC_IN_SET), total(TRAFFIC_OUT_SET)),
  };
}

function serverCounters(
  table: FoundTable | undefined,
  service: DesiredService,
  ids: ReadonlyMap<Ipv4, number> | undefined,
): ServerCounters[] {
  const { servers } = serviceNames(service.name);
  return service.servers.map((server) => {
    const key = String(ids?.get(server.address));
    return {
      service: service.name,
      server: server.name,
      newConnections: tallyOf(table, servers, key).packets,
      ...traffic(tallyOf(table, TRAFFIC_IN_SET, key), tallyOf(table, TRAFFIC_OUT_SET, key)),
    };
  });
}

function guardCounters(table: FoundTable | undefined): GuardCounters {
  const packets = (counter: string) => (table?.counters.get(counter) ?? NO_TALLY).packets;
  return {
    vipUnknown: packets(UNKNOWN_COUNTER),
    serverUntranslated: packets(UNTRANSLATED_COUNTER),
    transit: packets(TRANSIT_COUNTER),
  };
}

/** By table: sets whose tallies are read, beside the named counters of the table. */
export type CountingSets = ReadonlyMap<string, readonly string[]>;

/** What `readCounters` reads. */
export function countingSets({ services }: DesiredDataplane): CountingSets {
  return new Map([
    [DATA_TABLE, [TRAFFIC_IN_SET, TRAFFIC_OUT_SET, ...services.map(({ name }) => serviceNames(name).servers)]],
    [GUARD_TABLE, []],
  ]);
}

/** Counters of the guard and of every service and server of `desired`; zero for what the kernel does not hold. */
export function readCounters(desired: DesiredDataplane, ids: ServerIds, found: Found): DataplaneCounters {
  const table = found.get(DATA_TABLE);
  return {
    services: desired.services.map((service) => serviceCounters(table, service)),
    servers: desired.services.flatMap((service) => serverCounters(table, service, ids.get(service.name))),
    guard: guardCounters(found.get(GUARD_TABLE)),
  };
}
