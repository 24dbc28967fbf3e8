/**
 * Persistence by client address: a map per service remembers which server a client was given, and what it sends keeps the
 * entry alive.
 *
 *   new connection   entry whose server takes new connections -> that server; else the entry goes and the slot decides. What
 *                    was decided is remembered, unless the map is full: then the connection is counted, and goes where the
 *                    slot says all the same.
 *   packet after it  of a server that takes new connections: the entry lives on, or is made. So persistence follows a
 *                    connection to the director that takes it over, and leaves a server that is drained.
 *
 * A SYN proves nothing about its sender: for it a client is remembered for seconds only, long enough for the connections
 * that it opens at the same time, and for the whole time from the first packet on that follows an answer. Else some hundred
 * forged SYNs per second would keep the map full. UDP has no such proof, and flows of a single packet: there the first one counts.
 *
 * Packets write the entries, which changes no generation, and nobody reads them back: 65,536 would take longer to dump than
 * all the rest together. What is asked for is one entry at a time (`explain`).
 *
 * `update` leaves the data of an entry that is there as it is: only `delete` before it lets a client move. The time is the
 * statement's and not the map's, so that the clients outlive a change of it.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import { takers } from '../../hash/service-table.ts';
import type { DesiredService } from '../../model/dataplane.ts';
import { SERVER_ID_EXPRESSION } from '../mark.ts';
import { REFRESH_MAP, serviceNames, TAKERS_SET } from '../names.ts';
import { sizeFor, type WantedSet } from '../ruleset.ts';
import type { ServerIds } from '../server-ids.ts';
import type { Part } from './parts.ts';

/** Clients that a service remembers at most. */
export const MAX_CLIENTS = 65536;

const CLIENTS: WantedSet = {
  kind: 'map',
  declaration: `typeof ip saddr : ct mark; size ${MAX_CLIENTS}; flags dynamic,timeout`,
  elements: new Map(),
};

/** Seconds for which a SYN is remembered. */
const PROVISIONAL = 10;

const PROTOCOLS = ['tcp', 'udp'] as const;

interface Remembering {
  /** A match that all rules of a service with both protocols need, else empty. */
  readonly match: string;
  readonly first: string;
  readonly further: string;
}

/** What remembers the client of a first packet, and of those after it. `add` leaves the time of an entry that is there. */
function remembering(service: DesiredService): readonly Remembering[] {
  const { clients } = serviceNames(service.name);
  const time = (service.persistence ?? 0) / 1000;
  const entry = (seconds: number) => `@${clients} { ip saddr timeout ${seconds}s : ${SERVER_ID_EXPRESSION} }`;
  const update = `update ${entry(time)}`;
  const tcp = { first: `add ${entry(Math.min(time, PROVISIONAL))}`, further: `ct state established ${update}` };
  const flow = { first: update, further: update };
  const by = { tcp, udp: flow, sctp: flow };
  if (service.fwmark === undefined) return [{ match: '', ...by[service.protocol] }];
  return PROTOCOLS.map((protocol) => ({ match: `meta l4proto ${protocol} `, ...by[protocol] }));
}

/** Rules before the slot is looked up: afterwards the mark has the id of the client's server, or none. */
export function recallRules(service: DesiredService): readonly string[] {
  if (service.persistence === undefined) return [];
  const { clients } = serviceNames(service.name);
  return [
    `ct mark set ip saddr map @${clients}`,
    `${SERVER_ID_EXPRESSION} != @${TAKERS_SET} delete @${clients} { ip saddr : ct mark } ct mark set 0`,
  ];
}

/** What must be true for the slot to be looked up. */
export function unlessRecalled(service: DesiredService): string {
  return service.persistence === undefined ? '' : `${SERVER_ID_EXPRESSION} == 0 `;
}

/** The rules that end with `translate`: with the client remembered, and where that fails without. */
export function rememberRules(service: DesiredService, translate: string): readonly string[] {
  if (service.persistence === undefined) return [translate];
  const chosen = `${SERVER_ID_EXPRESSION} != 0`;
  return [
    ...remembering(service).map(({ match, first }) => `${match}${chosen} ${first} ${translate}`),
    `${chosen} counter name ${serviceNames(service.name).full} ${translate}`,
  ];
}

function refreshRules(service: DesiredService): readonly string[] {
  return remembering(service).map(({ match, further }) => `${match}${further}`);
}

/** For the plain packets of clients (`known.ts`). */
const PLAIN_CHAIN = 'refresh';

/** What becomes of a client's plain packet when it is counted. */
export function plainVerdict(services: readonly DesiredService[]): string {
  return services.some(({ persistence }) => persistence !== undefined) ? `goto ${PLAIN_CHAIN}` : 'accept';
}

/** What all services with persistence have together, and each one's map of clients; nothing when there is none. */
export function persistencePart(services: readonly DesiredService[], ids: ServerIds): Part {
  const persistent = services.filter(({ persistence }) => persistence !== undefined);
  if (persistent.length === 0) return {};
  const refresh = new Map<string, string>();
  for (const service of persistent) {
    const byAddress = ids.get(service.name) ?? new Map<Ipv4, number>();
    for (const { address } of takers(service)) {
      refresh.set(String(byAddress.get(address)), `jump ${serviceNames(service.name).refresh}`);
    }
  }
  const masked = [`ct direction original ${SERVER_ID_EXPRESSION} vmap @${REFRESH_MAP}`];
  const names = persistent.map((service) => serviceNames(service.name));
  return {
    rules: { ending: masked, flagged: masked },
    chains: new Map([
      [PLAIN_CHAIN, [`ct mark vmap @${REFRESH_MAP}`]],
      ...persistent.map((service) => [serviceNames(service.name).refresh, refreshRules(service)] as const),
    ]),
    sets: new Map([
      [
        TAKERS_SET,
        {
          kind: 'set',
          declaration: `typeof ct mark${sizeFor(refresh.size)}`,
          elements: new Map([...refresh.keys()].map((id) => [id, ''])),
        },
      ],
      [
        REFRESH_MAP,
        { kind: 'map', declaration: `typeof ct mark : verdict${sizeFor(refresh.size)}`, elements: refresh },
      ],
      ...names.map(({ clients }): [string, WantedSet] => [clients, CLIENTS]),
    ]),
    counters: names.map(({ full }) => full),
  };
}
