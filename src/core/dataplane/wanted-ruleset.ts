/**
 * Duty: what nftables should hold for a desired data plane, NAT mode (the server's address replaces the VIP, the port stays).
 *
 * In: the model, the server ids, and what was found (for the entries of retired servers, which stay). Out: two tables.
 *
 *   sluice_v1        prerouting: VIP . protocol . port -> chain of the service -> slot of (client address, client port)
 *                    -> server id, kept as the connection's mark -> server address -> dnat
 *                    forward: packets and bytes by server id and direction
 *   sluice_guard_v1  see `guard.ts`
 *
 * Rules are few and never change with the servers; all that changes are elements, and those one by one. Every map and set is
 * declared by `typeof` and named: nft 1.0.6 crashes when it lists anything else that a newer nft has loaded. `th` in place
 * of tcp or udp, so that one map serves both. `numgen inc mod N` is merely the one way to name a key of type integer that
 * every nft can both load and list.
 *
 * Not here: comparing (`plan.ts`), the text of a transaction (`nft-text.ts`), routes to the VIPs.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { NO_SERVER } from '../hash/maglev.ts';
import type { DesiredDataplane, DesiredService } from '../model/dataplane.ts';
import { guardTable } from './guard.ts';
import { SERVER_ID_EXPRESSION } from './mark.ts';
import { DATA_TABLE, GUARD_TABLE, SERVICES_MAP, serviceNames, TRAFFIC_IN_SET, TRAFFIC_OUT_SET } from './names.ts';
import {
  endpointElement,
  type Found,
  type FoundTable,
  type Wanted,
  type WantedChain,
  type WantedSet,
  type WantedTable,
} from './ruleset.ts';
import type { ServerIds } from './server-ids.ts';
import { FLOW_HASH, type ServiceTable, serviceTable } from './service-table.ts';

const SERVICE_KEY = 'ip daddr . meta l4proto . th dport';

/** Runs for the first packet of a connection only: nat chains see no other. */
function serviceChain(service: DesiredService): WantedChain {
  const names = serviceNames(service.name);
  const slot = `jhash ip saddr . th sport mod ${FLOW_HASH.slots} seed 0x${FLOW_HASH.seed.toString(16)}`;
  return {
    base: undefined,
    rules: [
      `counter name ${names.newConnections}`,
      `ct mark set ${slot} map @${names.slots}`,
      `dnat to ${SERVER_ID_EXPRESSION} map @${names.servers}`,
      // Reached only when the slot is empty: dnat ends the chain.
      `counter name ${names.misses}`,
    ],
  };
}

function slotsMap(table: ServiceTable, ids: ReadonlyMap<Ipv4, number>): WantedSet {
  const idByIndex = table.servers.map((server) => String(ids.get(server.address)));
  const elements = new Map<string, string>();
  table.slots.forEach((index, slot) => {
    if (index !== NO_SERVER) elements.set(String(slot), idByIndex[index]!);
  });
  const declaration = `typeof numgen inc mod ${FLOW_HASH.slots} : ct mark; size ${FLOW_HASH.slots}`;
  return { kind: 'map', declaration, elements };
}

/** Entries of retired servers are kept as they were found, unless their id was given to another server. */
function serversMap(
  ids: ReadonlyMap<Ipv4, number>,
  found: ReadonlyMap<string, string> | undefined,
  given: ReadonlySet<string>,
): WantedSet {
  const elements = new Map<string, string>();
  for (const [key, data] of found ?? []) if (!given.has(key)) elements.set(key, data);
  for (const [address, id] of ids) elements.set(String(id), formatIpv4(address));
  return { kind: 'map', declaration: 'typeof ct mark : ip daddr; counter', elements };
}

/** Elements of retired ids are kept, also when their whole service is gone: they say which ids are taken. */
function trafficSet(found: FoundTable | undefined, name: string, given: ReadonlySet<string>): WantedSet {
  const elements = new Map<string, string>();
  for (const key of found?.sets.get(name)?.elements.keys() ?? []) elements.set(key, '');
  for (const key of given) elements.set(key, '');
  return { kind: 'set', declaration: 'typeof ct mark; counter', elements };
}

function servicesMap(services: readonly DesiredService[]): WantedSet {
  const elements = new Map<string, string>();
  for (const { name, vips, protocol, ports } of services) {
    const verdict = `goto ${serviceNames(name).chain}`;
    for (const vip of vips) for (const port of ports) elements.set(endpointElement(vip, protocol, port), verdict);
  }
  return { kind: 'map', declaration: `typeof ${SERVICE_KEY} : verdict`, elements };
}

const PREROUTING: WantedChain = {
  base: { type: 'nat', hook: 'prerouting', priority: -100 },
  rules: [`${SERVICE_KEY} vmap @${SERVICES_MAP}`],
};

/** `ct status dnat` first: connections that merely pass through may carry somebody else's marks. */
const FORWARD: WantedChain = {
  base: { type: 'filter', hook: 'forward', priority: 0 },
  rules: [
    `ct status dnat ct direction original ${SERVER_ID_EXPRESSION} @${TRAFFIC_IN_SET}`,
    `ct status dnat ct direction reply ${SERVER_ID_EXPRESSION} @${TRAFFIC_OUT_SET}`,
  ],
};

/**
 * Slot maps of services that have not changed, so that they are neither computed nor compared again. It remembers those of
 * the last data plane only.
 */
export class SlotMaps {
  #last: ReadonlyMap<string, WantedSet> = new Map();
  #next = new Map<string, WantedSet>();

  /** The map for these servers with these ids; the very same object as last time when nothing differs. */
  of(service: DesiredService, ids: ReadonlyMap<Ipv4, number>): WantedSet {
    const key = service.servers
      .map(({ address, weight, state }) => `${address} ${weight} ${state} ${ids.get(address)}`)
      .join();
    const map = this.#next.get(key) ?? this.#last.get(key) ?? slotsMap(serviceTable(service), ids);
    this.#next.set(key, map);
    return map;
  }

  /** All services have been asked for: what was not is forgotten. */
  settle(): void {
    this.#last = this.#next;
    this.#next = new Map();
  }
}

function* dataTable(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: FoundTable | undefined,
  slotMaps: SlotMaps,
): Generator<void, WantedTable> {
  const given = new Set([...ids.values()].flatMap((byAddress) => [...byAddress.values()].map(String)));
  const chains = new Map<string, WantedChain>([
    ['prerouting', PREROUTING],
    ['forward', FORWARD],
  ]);
  const sets = new Map<string, WantedSet>([
    [SERVICES_MAP, servicesMap(desired.services)],
    [TRAFFIC_IN_SET, trafficSet(found, TRAFFIC_IN_SET, given)],
    [TRAFFIC_OUT_SET, trafficSet(found, TRAFFIC_OUT_SET, given)],
  ]);
  const counters = new Set<string>();
  for (const service of desired.services) {
    const names = serviceNames(service.name);
    const serviceIds = ids.get(service.name) ?? new Map<Ipv4, number>();
    counters.add(names.newConnections).add(names.misses);
    chains.set(names.chain, serviceChain(service));
    sets.set(names.slots, slotMaps.of(service, serviceIds));
    sets.set(names.servers, serversMap(serviceIds, found?.sets.get(names.servers)?.elements, given));
    yield;
  }
  slotMaps.settle();
  return { chains, sets, counters };
}

/** Both tables. `ids` must hold every server of every service (`assignServerIds`). Yields after each service. */
export function* wantedSteps(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: Found,
  slotMaps: SlotMaps,
): Generator<void, Wanted> {
  return new Map([
    [DATA_TABLE, yield* dataTable(desired, ids, found.get(DATA_TABLE), slotMaps)],
    [GUARD_TABLE, guardTable(desired)],
  ]);
}
