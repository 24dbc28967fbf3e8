/**
 * Connections that a server is not to have, by server id, in forward, where both ends can be answered as they know each other:
 *
 *   ended   all there are: a TCP packet of either end is answered by RST, so that both ends learn that it is over
 *   limits  new ones, while so many are open as the element says; the kernel counts them (nf_conncount)
 *
 * A RST itself passes: it is what the other end waits for. Only a SYN is held against a limit: a connection that comes in
 * mid-life from another director is never refused, nor counted. The kernel counts through this rule alone, so that after a
 * change of the limit, which makes another element, it counts from nothing.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { DesiredServer, DesiredService } from '../../model/dataplane.ts';
import { SERVER_ID_EXPRESSION } from '../mark.ts';
import { ENDED_SET, LIMITS_SET, REFUSED_COUNTER } from '../names.ts';
import { limitElement, type WantedSet } from '../ruleset.ts';
import type { ServerIds } from '../server-ids.ts';
import type { Part } from './parts.ts';

/** As everywhere: connections that merely pass through may carry somebody else's marks. */
const OF_OURS = `ct status dnat ${SERVER_ID_EXPRESSION}`;

/** The set first: hardly any packet is of such a server. */
const END = `${SERVER_ID_EXPRESSION} @${ENDED_SET} ct status dnat tcp flags & rst == 0 reject with tcp reset`;

const LIMIT: readonly string[] = [
  `tcp flags & (fin | syn | rst | ack) == syn ct state new ${OF_OURS} @${LIMITS_SET} counter name ${REFUSED_COUNTER} reject with tcp reset`,
  `meta l4proto udp ct state new ${OF_OURS} @${LIMITS_SET} counter name ${REFUSED_COUNTER} drop`,
];

export function refusalPart(services: readonly DesiredService[], ids: ServerIds): Part {
  const servers = services.flatMap(({ name, servers: own }) =>
    own.map((server) => ({ server, id: idOf(ids.get(name), server) })),
  );
  const ended = servers.filter(({ server }) => server.ended === true).map(({ id }) => String(id));
  const limits = servers.flatMap(({ server: { limit }, id }) => (limit === undefined ? [] : [limitElement(id, limit)]));
  const endedSet: [string, WantedSet] = [ENDED_SET, setOf('typeof ct mark', ended)];
  // Seldom is there any, and then for seconds: the look into an empty set would cost every packet more than all that is counted.
  const end = ended.length === 0 ? [] : [END];
  if (limits.length === 0) return { rules: { forward: end }, sets: new Map([endedSet]) };
  // The declaration's own figure is that of an element without one, and there is none.
  const limitsSet: [string, WantedSet] = [LIMITS_SET, setOf('typeof ct mark; ct count over 1', limits)];
  return {
    rules: { forward: [...end, ...LIMIT] },
    sets: new Map([endedSet, limitsSet]),
    counters: [REFUSED_COUNTER],
  };
}

function setOf(declaration: string, elements: readonly string[]): WantedSet {
  return { kind: 'set', declaration, elements: new Map(elements.map((element) => [element, ''])) };
}

function idOf(ids: ReadonlyMap<Ipv4, number> | undefined, { name, address }: DesiredServer): number {
  const id = ids?.get(address);
  if (id === undefined) throw new RangeError(`server ${name} has no id`);
  return id;
}
