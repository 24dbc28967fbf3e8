/**
 * The table of direct routing, family netdev: packets of its services are taken where they come in, before anything else of
 * the host sees them, and go on as they came to the real server's own address on a network of the director's.
 *
 *   ingress_DEVICE   one for each upstream interface, as the chain of a device may go with it (up to Linux 6.15)
 *   service_S        [entry of a sticky flow ->] slot of (client address, client port) -> server id, as the packet's mark
 *                    -> server address and interface -> neighbour lookup there, TTL less one
 *   errors_S         an ICMP error about what a server sent to a client: the slot of that client, so that path MTU discovery
 *                    works although the router sent the error to whichever director
 *
 * There is no connection table: what the slot says counts for every packet. So flows do not mind which director they come by,
 * and a slot that moves takes its live flows along, which then end by RST. Against that there are sticky flows: the first
 * packet after the SYN writes down the server, in a map whose entries expire when the flow is silent. A SYN begins a new flow
 * and never looks there. Flows of servers that are down, or whose connections are to end, are not held to them.
 *
 * What does not come by an interface that VIPs are announced on, and fragments after the first (they have no ports), is not
 * taken, and ends at the guard.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import { takers } from '../../hash/service-table.ts';
import type { DesiredDataplane, DesiredDirect, DesiredService } from '../../model/dataplane.ts';
import { DEFAULT_SCHEDULER, type MaglevScheduler } from '../../model/scheduler.ts';
import { ERRORS_MAP, ingressChain, LINKS_MAP, NEW_SET, SERVICES_MAP, serviceNames } from '../names.ts';
import {
  type FoundTable,
  type Links,
  quotedElement,
  type WantedChain,
  type WantedSet,
  type WantedTable,
} from '../ruleset.ts';
import type { ServerIds } from '../server-ids.ts';
import {
  givenIds,
  hashedFlow,
  SERVICE_KEY,
  type SlotMaps,
  serversMap,
  servicesMap,
  slotExpression,
} from './service.ts';

/** A service whose packets are routed directly. */
type DirectService = DesiredService & { readonly direct: DesiredDirect };

export function isDirect(service: DesiredService): service is DirectService {
  return service.direct !== undefined;
}

/** Turns cannot be remembered without connections, so the cluster file admits nothing but a hash. */
function hashOf({ scheduler = DEFAULT_SCHEDULER }: DirectService): MaglevScheduler {
  return scheduler.name === 'mh' ? scheduler : DEFAULT_SCHEDULER;
}

/** A frame that a switch floods reaches the ingress of every director, whoever it is for: each would pass it on. */
const TO_US = 'meta pkttype host';

/** Looks up the interface first, so that a server's element counts only what goes on. */
const forward = (servers: string) => `fwd ip to meta mark map @${servers} device meta mark map @${LINKS_MAP}`;

const SYN = 'tcp flags & (syn | ack) == syn';
const NO_SYN = 'tcp flags & (syn | ack) != syn';

/** Of the packet that an ICMP error quotes: source, protocol, source port; only where its header has no options. */
const QUOTED_SERVICE = '@th,160,32 . @th,136,8 . @th,224,16';
const QUOTED_PLAIN = '@th,64,8 0x45';
/** Its destination: the client. */
const QUOTED_CLIENT = { address: '@th,192,32', port: '@th,240,16' };

/** Some 150 bytes each; a flow that finds the map full is not sticky. */
const MAX_FLOWS = 1_000_000;

/** @param links of the interfaces that are there: one that is not has no chain, and no server is behind it */
export function* directTable(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: FoundTable | undefined,
  links: Links,
  slotMaps: SlotMaps,
): Generator<void, WantedTable> {
  const services = desired.services.filter(isDirect).map((service) => ({ ...service, scheduler: hashOf(service) }));
  const given = givenIds(ids);
  const chains = new Map(desired.upstream.filter((device) => links.has(device)).map(ingress));
  const sets = new Map<string, WantedSet>([
    [SERVICES_MAP, servicesMap(services)],
    [ERRORS_MAP, errorsMap(services)],
  ]);
  const counters = new Set<string>();
  /** Server id to its service's interface, `undefined` while there is none. */
  const ways = new Map<string, number | undefined>();
  for (const service of services) {
    const names = serviceNames(service.name);
    const serviceIds = ids.get(service.name) ?? new Map<Ipv4, number>();
    const servers = serversMap(serviceIds, found?.sets.get(names.servers)?.elements, given);
    for (const id of servers.elements.keys()) ways.set(id, links.get(service.direct.device ?? ''));
    const { slot, map } = yield* slotMaps.of(service, serviceIds);
    sets.set(names.slots, map).set(names.servers, servers);
    for (const [name, set] of flowSets(service, serviceIds)) sets.set(name, set);
    chains.set(names.chain, { base: undefined, rules: serviceRules(service, slot) });
    chains.set(names.errors, { base: undefined, rules: errorRules(service) });
    counters.add(names.newConnections).add(names.misses);
    yield;
  }
  sets.set(LINKS_MAP, linksMap(ways)).set(NEW_SET, idSet([...ways.keys()], '; counter'));
  return { chains, sets, counters };
}

function ingress(device: string): [string, WantedChain] {
  const rules = [
    `${TO_US} ${SERVICE_KEY} vmap @${SERVICES_MAP}`,
    `${TO_US} icmp type destination-unreachable ${QUOTED_PLAIN} ${QUOTED_SERVICE} vmap @${ERRORS_MAP}`,
  ];
  return [ingressChain(device), { base: { type: 'filter', hook: 'ingress', device, priority: 0 }, rules }];
}

/** The mark is whatever somebody before us made it, so it is taken away first: 0 is no server's id. */
function serviceRules(service: DirectService, slot: string): readonly string[] {
  const { name, protocol, direct } = service;
  const names = serviceNames(name);
  const bySlot = `meta mark set ${slot} map @${names.slots}`;
  const count = `counter name ${names.newConnections} meta mark @${NEW_SET}`;
  const end = [forward(names.servers), `counter name ${names.misses} drop`];
  if (direct.sticky === undefined) {
    return ['meta mark set 0', bySlot, ...(protocol === 'tcp' ? [`${SYN} ${count}`] : []), ...end];
  }
  const flow = hashedFlow(hashOf(service));
  const byFlow = `meta mark set ${flow} map @${names.flows}`;
  const keep = `meta mark != 0 update @${names.flows} { ${flow} timeout ${direct.sticky / 1000}s : meta mark }`;
  const unlessDown = `meta mark @${names.down} meta mark set 0`;
  if (protocol === 'udp') {
    return ['meta mark set 0', byFlow, unlessDown, `meta mark 0 ${bySlot} ${count}`, keep, ...end];
  }
  return [
    'meta mark set 0',
    `${NO_SYN} ${byFlow}`,
    unlessDown,
    `meta mark 0 ${bySlot}`,
    `${NO_SYN} ${keep}`,
    `${SYN} delete @${names.flows} { ${flow} : meta mark }`,
    `${SYN} ${count}`,
    ...end,
  ];
}

function errorRules(service: DirectService): readonly string[] {
  const names = serviceNames(service.name);
  const scheduler = hashOf(service);
  const slot = slotExpression({ scheduler, used: scheduler.slots }, QUOTED_CLIENT);
  return ['meta mark set 0', `meta mark set ${slot} map @${names.slots}`, forward(names.servers)];
}

function errorsMap(services: readonly DirectService[]): WantedSet {
  const elements = new Map<string, string>();
  for (const { name, vips, protocol, ports } of services) {
    const verdict = `goto ${serviceNames(name).errors}`;
    for (const vip of vips) for (const port of ports) elements.set(quotedElement(vip, protocol, port), verdict);
  }
  return { kind: 'map', declaration: `typeof ${QUOTED_SERVICE} : verdict`, elements };
}

/** Packets write the flows, and nobody reads them back. */
function flowSets(service: DirectService, ids: ReadonlyMap<Ipv4, number>): ReadonlyMap<string, WantedSet> {
  const { name, direct, servers } = service;
  if (direct.sticky === undefined) return new Map();
  const names = serviceNames(name);
  const timeout = `timeout ${direct.sticky / 1000}s`;
  const declaration = `typeof ${hashedFlow(hashOf(service))} : meta mark; size ${MAX_FLOWS}; flags dynamic,timeout; ${timeout}`;
  const takes = takers(service);
  const down = servers.filter((server) => server.ended || (server.state === 'down' && !takes.includes(server)));
  return new Map([
    [names.flows, { kind: 'map', declaration, elements: new Map() }],
    [names.down, idSet(down.map(({ address }) => String(ids.get(address))))],
  ]);
}

function linksMap(ways: ReadonlyMap<string, number | undefined>): WantedSet {
  const elements = new Map<string, string>();
  for (const [id, ifindex] of ways) if (ifindex !== undefined) elements.set(id, String(ifindex));
  return { kind: 'map', declaration: 'typeof meta mark : iif', elements };
}

function idSet(ids: readonly string[], more = ''): WantedSet {
  return { kind: 'set', declaration: `typeof meta mark${more}`, elements: new Map(ids.map((id) => [id, ''])) };
}
