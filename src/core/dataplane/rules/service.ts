/**
 * What sends a new connection to a real server: VIP, protocol and port to the service's chain; there the hash slot to the
 * server's id, which becomes the connection's mark, and the id to the server's address.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import { numberText } from '../../base/number-text.ts';
import { STEP, type Steps } from '../../base/steps.ts';
import { NO_SERVER } from '../../hash/maglev.ts';
import { allServers, FLOW_SEED, type ServiceTable, slotSteps } from '../../hash/service-table.ts';
import type { DesiredService } from '../../model/dataplane.ts';
import {
  DEFAULT_SCHEDULER,
  formatScheduler,
  MAX_TURNS,
  type MaglevScheduler,
  type Scheduler,
} from '../../model/scheduler.ts';
import { SERVER_ID_EXPRESSION } from '../mark.ts';
import { FWMARKS_MAP, SERVICES_MAP, serviceNames } from '../names.ts';
import { endpointElement, type FoundTable, sizeFor, type WantedSet } from '../ruleset.ts';
import type { ServerIds } from '../server-ids.ts';
import { tellOfLife } from './ownership.ts';
import type { Part } from './parts.ts';
import { recallRules, rememberRules, unlessRecalled } from './persistence.ts';
import { timeoutRules } from './timeout-policies.ts';

export const SERVICE_KEY = 'ip daddr . meta l4proto . th dport';

/** The part that finds the chain of a packet's service. A mark goes before ports, as in LVS. */
export function servicesPart(services: readonly DesiredService[]): Part {
  const marked = services.filter(({ fwmark }) => fwmark !== undefined);
  // Slots are found by the client's port, and so are servers told apart: nothing but what has ports can be sent there.
  const byMark = marked.length === 0 ? [] : [`meta l4proto { tcp, udp } meta mark vmap @${FWMARKS_MAP}`];
  const sets: [string, WantedSet][] = marked.length === 0 ? [] : [[FWMARKS_MAP, fwmarksMap(marked)]];
  return {
    rules: { prerouting: [...byMark, `${SERVICE_KEY} vmap @${SERVICES_MAP}`] },
    sets: new Map([...sets, [SERVICES_MAP, servicesMap(services)]]),
  };
}

function fwmarksMap(services: readonly DesiredService[]): WantedSet {
  const elements = new Map(services.map(({ name, fwmark }) => [String(fwmark), `goto ${serviceNames(name).chain}`]));
  return { kind: 'map', declaration: 'typeof meta mark : verdict', elements };
}

export function servicesMap(services: readonly DesiredService[]): WantedSet {
  const elements = new Map<string, string>();
  for (const { name, vips, protocol, ports } of services) {
    const verdict = `goto ${serviceNames(name).chain}`;
    for (const vip of vips) for (const port of ports) elements.set(endpointElement(vip, protocol, port), verdict);
  }
  return { kind: 'map', declaration: `typeof ${SERVICE_KEY} : verdict${sizeFor(elements.size)}`, elements };
}

/**
 * The parts of all services, one each. Yields after each of them.
 *
 * @param given ids of servers that are wanted, in decimal
 */
export function* serviceParts(
  services: readonly DesiredService[],
  ids: ServerIds,
  found: FoundTable | undefined,
  given: ReadonlySet<string>,
  slotMaps: SlotMaps,
): Generator<void, readonly Part[]> {
  const parts: Part[] = [];
  for (const service of services) {
    const names = serviceNames(service.name);
    const serviceIds = ids.get(service.name) ?? new Map<Ipv4, number>();
    const { slot, map } = yield* slotMaps.of(service, serviceIds);
    parts.push({
      chains: new Map([[names.chain, serviceChain(service, slot)]]),
      sets: new Map([
        [names.slots, map],
        [names.servers, serversMap(serviceIds, found?.sets.get(names.servers)?.elements, given)],
      ]),
      counters: [names.newConnections, names.misses],
    });
    yield;
  }
  return parts;
}

/** Runs for the first packet of a connection only: nat chains see no other. */
function serviceChain(service: DesiredService, slot: string): readonly string[] {
  const names = serviceNames(service.name);
  return [
    `counter name ${names.newConnections}`,
    tellOfLife(service),
    ...timeoutRules(service),
    ...recallRules(service),
    `${unlessRecalled(service)}ct mark set ${slot} map @${names.slots}`,
    ...rememberRules(service, `dnat to ${SERVER_ID_EXPRESSION} map @${names.servers}`),
    // Reached only when the slot is empty: dnat ends the chain.
    `counter name ${names.misses}`,
  ];
}

/** Ids of the servers that are wanted, in decimal. */
export function givenIds(ids: ServerIds): ReadonlySet<string> {
  return new Set([...ids.values()].flatMap((byAddress) => [...byAddress.values()].map(String)));
}

/** Where a packet says whose it is. */
export interface FlowSource {
  readonly address: string;
  readonly port: string;
}

const HEADERS: FlowSource = { address: 'ip saddr', port: 'th sport' };

/** What of a packet is hashed, as an nft expression. */
export function hashedFlow({ sourcePort }: MaglevScheduler, { address, port }: FlowSource = HEADERS): string {
  return sourcePort ? `${address} . ${port}` : address;
}

/** The slot of a packet, as an nft expression. */
export function slotExpression(
  { scheduler, used }: Pick<ServiceTable, 'scheduler' | 'used'>,
  source?: FlowSource,
): string {
  if (scheduler.name !== 'mh') return `numgen inc mod ${used}`;
  return `jhash ${hashedFlow(scheduler, source)} mod ${used} seed 0x${FLOW_SEED.toString(16)}`;
}

function* slotsMap(
  table: Pick<ServiceTable, 'scheduler' | 'servers' | 'slots'>,
  ids: ReadonlyMap<Ipv4, number>,
): Steps<WantedSet> {
  const idByIndex = table.servers.map((server) => String(ids.get(server.address)));
  const elements = new Map<string, string>();
  for (const [slot, index] of table.slots.entries()) {
    if (index !== NO_SERVER) elements.set(numberText(slot), idByIndex[index]!);
    if (slot % STEP === STEP - 1) yield;
  }
  return { kind: 'map', declaration: slotsDeclaration(table.scheduler), elements };
}

/** The same whatever the servers are: else each of them that comes or goes would make the map anew. */
function slotsDeclaration(scheduler: Scheduler): string {
  const size = scheduler.name === 'mh' ? scheduler.slots : MAX_TURNS;
  return `typeof numgen inc mod ${size} : ct mark; size ${size}`;
}

/** What a service's chain says of the slots, and what is in them. */
export interface SlotChoice {
  readonly slot: string;
  readonly map: WantedSet;
}

function* slotChoice(service: DesiredService, ids: ReadonlyMap<Ipv4, number>): Steps<SlotChoice> {
  const table = yield* slotSteps(service);
  return { slot: slotExpression(table), map: yield* slotsMap(table, ids) };
}

/** Entries of retired servers are kept as they were found, unless their id was given to another server. */
export function serversMap(
  ids: ReadonlyMap<Ipv4, number>,
  found: ReadonlyMap<string, string> | undefined,
  given: ReadonlySet<string>,
): WantedSet {
  const elements = new Map<string, string>();
  for (const [key, data] of found ?? []) if (!given.has(key)) elements.set(key, data);
  for (const [address, id] of ids) elements.set(String(id), formatIpv4(address));
  return { kind: 'map', declaration: `typeof ct mark : ip daddr${sizeFor(elements.size)}; counter`, elements };
}

/**
 * Slot maps of services that have not changed, so that they are neither computed nor compared again. It remembers those of
 * the last data plane only.
 */
export class SlotMaps {
  #last: ReadonlyMap<string, SlotChoice> = new Map();
  #next = new Map<string, SlotChoice>();

  /** For these servers with these ids; the very same object as last time when nothing differs. */
  *of(service: DesiredService, ids: ReadonlyMap<Ipv4, number>): Steps<SlotChoice> {
    const servers = allServers(service).map(
      ({ address, weight, state, tenths = 0 }) => `${address} ${weight} ${state} ${tenths} ${ids.get(address)}`,
    );
    const key = `${formatScheduler(service.scheduler ?? DEFAULT_SCHEDULER)}: ${servers}`;
    const choice = this.#next.get(key) ?? this.#last.get(key) ?? (yield* slotChoice(service, ids));
    this.#next.set(key, choice);
    return choice;
  }

  /** All services have been asked for: what was not is forgotten. */
  settle(): void {
    this.#last = this.#next;
    this.#next = new Map();
  }
}
