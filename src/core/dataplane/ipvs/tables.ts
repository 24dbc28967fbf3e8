/**
 * Duty: what nftables should hold beside IPVS: all that IPVS does not do itself.
 *
 *   sluice_v1        from_clients: marks of services with directors among their servers (`looped.ts`)
 *                    known: packets of connections that have a server's id: who carries the connection (`rules/ownership.ts`)
 *                    mid_life, for all others: answers that are another director's, what belongs to no connection here, but for
 *                    connections that IPVS alone translates
 *                    input, forward: who hears RST
 *                    postrouting: the id of the server that IPVS has chosen, as the connection's mark, and what the kernel tells of
 *                    it; source ports from own blocks (`rules/fullnat.ts`, `rules/egress.ts`)
 *   sluice_guard_v1  see `rules/guard.ts`
 *
 * IPVS takes requests at input and sends them on from output, and answers are translated in forward; conntrack knows both as one
 * connection from the client to the VIP (`net.ipv4.vs.conntrack`), and sets no status bit for the destination's translation. So
 * ours is what began as a connection to a VIP, and claims of connections are made in prerouting, where all of their packets pass.
 *
 * Not here: which server a connection goes to, and its packets and bytes, which IPVS counts.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import type { DesiredDataplane, DesiredService } from '../../model/dataplane.ts';
import type { Protocol } from '../../model/protocol.ts';
import { SERVER_ID_EXPRESSION, SERVER_ID_MASK } from '../mark.ts';
import {
  BY_HASH_SET,
  DATA_TABLE,
  ENDED_SET,
  GUARD_TABLE,
  MARKED_BY_HASH_SET,
  MARKED_MEMBERS_MAP,
  MEMBERS_MAP,
  TOLD_SETS,
  VIPS_SET,
} from '../names.ts';
import { egressPart } from '../rules/egress.ts';
import { fullnatPart } from '../rules/fullnat.ts';
import { type GuardTraits, guardTable } from '../rules/guard.ts';
import { handOverPart } from '../rules/hand-over.ts';
import { missPart } from '../rules/miss.ts';
import { OWNERSHIP_PART, TELL_OF, TELL_OF_LIFE, toldBesides } from '../rules/ownership.ts';
import { joinParts, type Part } from '../rules/parts.ts';
import type { PlaneTables } from '../rules/plane.ts';
import type { RulesetMemory } from '../rules/wanted.ts';
import {
  endpointElement,
  type Found,
  type FoundTable,
  type Links,
  markedElement,
  memberElement,
  type Wanted,
  type WantedSet,
  type WantedTable,
} from '../ruleset.ts';
import type { RecoveredIds, ServerIds } from '../server-ids.ts';
import { isMasqueraded } from './desired.ts';
import { loopedPart, ownEndpoints } from './looped.ts';

/** True of whatever began as a connection to a VIP. */
const OURS = `ct original ip daddr @${VIPS_SET}`;

/** The mark first: it is at hand, and most packets that are not ours have none. */
const KNOWN_PART: Part = { rules: { mid_life: [`${SERVER_ID_EXPRESSION} != 0 ${OURS} goto known`] } };

/**
 * No director is told of connections that IPVS alone translates, so there is nobody to ask and nothing to make an entry from: one that
 * is unknown here goes on to IPVS, which takes it up at the server that the hash finds (`sloppy_tcp`).
 */
function byHashPart(services: readonly DesiredService[]): Part {
  const those = services.filter(({ fullnat }) => fullnat !== true);
  const endpoints = those
    .filter(({ fwmark }) => fwmark === undefined)
    .flatMap(({ vips, ports, protocol }) => endpointElements(vips, ports, protocol));
  const marks = those.flatMap(({ fwmark }) => (fwmark === undefined ? [] : [String(fwmark)]));
  const rules: string[] = [];
  const sets = new Map<string, WantedSet>();
  if (endpoints.length > 0) {
    rules.push(`ip daddr . meta l4proto . th dport @${BY_HASH_SET} accept`);
    sets.set(BY_HASH_SET, setOf('typeof ip daddr . meta l4proto . th dport', endpoints));
  }
  if (marks.length > 0) {
    rules.push(`meta mark @${MARKED_BY_HASH_SET} accept`);
    sets.set(MARKED_BY_HASH_SET, setOf('typeof meta mark', marks));
  }
  return { rules: { mid_life: rules }, sets };
}

function setOf(declaration: string, elements: readonly string[]): WantedSet {
  return { kind: 'set', declaration, elements: new Map(elements.map((element) => [element, ''])) };
}

function endpointElements(vips: readonly Ipv4[], ports: readonly number[], protocol: Protocol): readonly string[] {
  return vips.flatMap((vip) => ports.map((port) => endpointElement(vip, protocol, port)));
}

/** IPVS takes what it knows at priority 99 of input; source NAT has 100 in postrouting. */
const TRAITS: GuardTraits = {
  inputPriority: 110,
  translated: [`ct direction original ${OURS}`, `ct direction reply ip saddr @${VIPS_SET}`],
  // IPVS has forgotten the connection, or never kept it (one packet), and conntrack still knows it.
  untranslated: `ct direction reply ${OURS}`,
};

/** A packet in a tunnel is a new one, from this host, with the interface that the inner one came in by. */
const TUNNEL_TRAITS: GuardTraits = { ...TRAITS, made: 'fib saddr type local' };

const NO_ID = `${SERVER_ID_EXPRESSION} == 0`;
const MEMBER_KEY = 'ct original ip daddr . meta l4proto . ct original proto-dst . ip daddr';

function elementsOf({ fwmark, vips, ports, protocol }: DesiredService, server: Ipv4): readonly string[] {
  if (fwmark !== undefined) return [markedElement(fwmark, server)];
  return endpointElements(vips, ports, protocol).map((endpoint) => memberElement(endpoint, server));
}

/** Elements of servers that have left are kept, unless their id was given to another: they say which ids are taken. */
function withRetired(elements: Map<string, string>, found: FoundTable | undefined, map: string): Map<string, string> {
  const given = new Set(elements.values());
  for (const [key, id] of found?.sets.get(map)?.elements ?? []) {
    if (!given.has(id) && !elements.has(key)) elements.set(key, id);
  }
  return elements;
}

function membersMap(services: readonly DesiredService[], ids: ServerIds): Map<string, string> {
  const elements = new Map<string, string>();
  for (const service of services) {
    for (const [address, id] of ids.get(service.name) ?? []) {
      for (const element of elementsOf(service, address)) elements.set(element, String(id));
    }
  }
  return elements;
}

/** One rule per protocol: nft wants to know the one protocol that a connection's port is of. */
function membersPart(services: readonly DesiredService[], ids: ServerIds, found: FoundTable | undefined): Part {
  const plain = services.filter(({ fwmark }) => fwmark === undefined);
  const marked = services.filter(({ fwmark }) => fwmark !== undefined);
  const protocols = [...new Set<Protocol>(['tcp', 'udp', ...plain.map(({ protocol }) => protocol)])];
  const members = withRetired(membersMap(plain, ids), found, MEMBERS_MAP);
  const sets: [string, WantedSet][] = [
    [
      MEMBERS_MAP,
      {
        kind: 'map',
        declaration: 'typeof ip daddr . meta l4proto . th dport . ip saddr : ct mark',
        elements: members,
      },
    ],
  ];
  const byMark: string[] = [];
  if (marked.length > 0) {
    byMark.push(`meta mark != 0 ${NO_ID} ct mark set meta mark . ip daddr map @${MARKED_MEMBERS_MAP}`);
    const elements = withRetired(membersMap(marked, ids), found, MARKED_MEMBERS_MAP);
    sets.push([MARKED_MEMBERS_MAP, { kind: 'map', declaration: 'typeof meta mark . ip daddr : ct mark', elements }]);
  }
  const byPort = protocols.map(
    (protocol) => `meta l4proto ${protocol} ${NO_ID} ct mark set ${MEMBER_KEY} map @${MEMBERS_MAP}`,
  );
  return { rules: { postrouting: [...byMark, ...byPort] }, sets: new Map(sets) };
}

function idSet(ids: readonly number[]): WantedSet {
  return { kind: 'set', declaration: 'typeof ct mark', elements: new Map(ids.map((id) => [String(id), ''])) };
}

/** What the kernel tells of a connection: before it is confirmed, hence with the first packet, which is all that these rules see. */
function eventsPart(services: readonly DesiredService[], ids: ServerIds): Part {
  const rules = [`${SERVER_ID_EXPRESSION} != 0 ${TELL_OF_LIFE}`];
  const sets = new Map<string, WantedSet>();
  for (const told of ['answers', 'everything'] as const) {
    const those = services.filter((service) => toldBesides(service) === told);
    if (those.length === 0) continue;
    rules.push(`${SERVER_ID_EXPRESSION} @${TOLD_SETS[told]} ${TELL_OF[told]}`);
    sets.set(TOLD_SETS[told], idSet(those.flatMap(({ name }) => [...(ids.get(name)?.values() ?? [])])));
  }
  return { rules: { postrouting: rules }, sets };
}

/** As on the nftables plane, but that clients' packets come by input. */
function endedPart(services: readonly DesiredService[], ids: ServerIds): Part {
  const ended = services.flatMap(({ name, servers }) =>
    servers.flatMap((server) => (server.ended === true ? (ids.get(name)?.get(server.address) ?? []) : [])),
  );
  const rule = `${SERVER_ID_EXPRESSION} @${ENDED_SET} ${OURS} tcp flags & rst == 0 reject with tcp reset`;
  const rules = ended.length === 0 ? [] : [rule];
  return { rules: { input: rules, forward: rules }, sets: new Map([[ENDED_SET, idSet(ended)]]) };
}

function dataTable(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: FoundTable | undefined,
  memory: RulesetMemory,
  links: Links,
): WantedTable {
  const services = desired.services.filter(isMasqueraded);
  const table = joinParts([
    loopedPart(desired),
    KNOWN_PART,
    handOverPart(desired, links, memory.foreignBlocks),
    byHashPart(services),
    missPart(services),
    endedPart(services, ids),
    OWNERSHIP_PART,
    membersPart(services, ids, found),
    eventsPart(services, ids),
    fullnatPart(desired, ids, memory.blockMaps, OURS),
    egressPart(desired, memory.poolMaps),
  ]);
  const vips = new Map(desired.services.flatMap((service) => service.vips.map((vip) => [formatIpv4(vip), ''])));
  const vipsSet: WantedSet = { kind: 'set', declaration: 'typeof ip daddr', elements: vips };
  return { ...table, sets: new Map([...table.sets, [VIPS_SET, vipsSet]]) };
}

function ipvsGuard(desired: DesiredDataplane): WantedTable {
  const traits = desired.services.some(({ tunnel }) => tunnel !== undefined) ? TUNNEL_TRAITS : TRAITS;
  return guardTable(desired, { ...traits, own: ownEndpoints(desired) });
}

/** As `wantedSteps` of the nftables plane, without a table for direct routing. */
function* ipvsSteps(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: Found,
  memory: RulesetMemory,
  links: Links = new Map(),
): Generator<void, Wanted> {
  const data = dataTable(desired, ids, found.get(DATA_TABLE), memory, links);
  yield;
  return new Map([
    [DATA_TABLE, data],
    [GUARD_TABLE, ipvsGuard(desired)],
  ]);
}

/** Ids as these tables keep them. */
function idsByMember(found: Found): RecoveredIds {
  const sets = found.get(DATA_TABLE)?.sets;
  const maps = [MEMBERS_MAP, MARKED_MEMBERS_MAP].flatMap((name) => sets?.get(name)?.elements ?? []);
  const used = new Set(maps.flatMap((elements) => [...elements.values()].map(Number)));
  return {
    used,
    of(service, address) {
      for (const element of elementsOf(service, address)) {
        for (const elements of maps) {
          const id = elements.get(element);
          if (id !== undefined && (Number(id) & SERVER_ID_MASK) === Number(id)) return Number(id);
        }
      }
      return undefined;
    },
  };
}

export const IPVS_TABLES: PlaneTables = {
  steps: ipvsSteps,
  guard: ipvsGuard,
  recover: idsByMember,
  // Services and servers are counted by IPVS.
  counting: () =>
    new Map([
      [DATA_TABLE, []],
      [GUARD_TABLE, []],
    ]),
  linkOf: () => undefined,
};
