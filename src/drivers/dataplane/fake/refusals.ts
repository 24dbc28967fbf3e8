/** Connections that end or are refused, for the fake: it interprets the elements as the kernel would. */
import { type Ipv4, parseIpv4 } from '../../../core/base/ipv4.ts';
import { ENDED_SET, LIMITS_SET, REFUSED_COUNTER } from '../../../core/dataplane/names.ts';
import type { Connection, Tuple } from '../../../core/netlink/conntrack.ts';
import {
  IPS_ASSURED,
  IPS_DST_NAT,
  IPS_SRC_NAT,
  TCP_CONNTRACK_CLOSE,
  TCP_CONNTRACK_ESTABLISHED,
} from '../../../core/netlink/conntrack-codes.ts';
import type { ConnectionsInMemory } from '../../conntrack/connections-in-memory.ts';
import { type CountingTable, type FakeFlow, plusOne } from './direct.ts';

const PROTOCOL_NUMBERS = { tcp: 6, udp: 17 } as const;

/** As the client sends. */
export function tupleOf({ protocol, source, sport, vip, port }: FakeFlow): Tuple {
  return { protocol: PROTOCOL_NUMBERS[protocol], source, sport, destination: vip, dport: port };
}

/** What the kernel knows of a connection once both ends have sent. `source`: whom the server sees, `ADDRESS:PORT`. */
export function tracked(
  flow: FakeFlow,
  { id, address, source }: { readonly id: string; readonly address: Ipv4; readonly source: string },
): Omit<Connection, 'id'> {
  const original = tupleOf(flow);
  const [host = '', port] = source.split(':');
  const reply = {
    ...original,
    source: address,
    sport: flow.port,
    destination: parseIpv4(host) ?? 0,
    dport: Number(port),
  };
  const translated = reply.destination === flow.source ? 0 : IPS_SRC_NAT;
  const tcpState = flow.protocol === 'tcp' ? TCP_CONNTRACK_ESTABLISHED : undefined;
  return { original, reply, mark: Number(id), status: IPS_ASSURED | IPS_DST_NAT | translated, tcpState };
}

/** Is a packet of it answered by RST? */
export function isEnded(table: CountingTable, { protocol }: FakeFlow, id: string): boolean {
  return protocol === 'tcp' && table.sets.get(ENDED_SET)?.elements.has(id) === true;
}

/** What the kernel counts for the elements of the set of limits: connections that it has seen through the rule, not closed since. */
export class FakeLimits {
  readonly #counted = new Map<string, Tuple[]>();
  readonly #connections: ConnectionsInMemory;

  constructor(connections: ConnectionsInMemory) {
    this.#connections = connections;
  }

  /** Is a new connection to a server refused? One that is not is counted. */
  refuses(table: CountingTable, id: string, flow: FakeFlow): boolean {
    if (flow.protocol === 'tcp' && flow.begins !== true) return false;
    const elements = table.sets.get(LIMITS_SET)?.elements ?? new Map<string, string>();
    for (const element of this.#counted.keys()) if (!elements.has(element)) this.#counted.delete(element);
    const element = [...elements.keys()].find((one) => one.startsWith(`${id} `));
    const limit = /^\d+ ct count over (\d+)$/.exec(element ?? '')?.[1];
    if (element === undefined || limit === undefined) return false;
    const open = (this.#counted.get(element) ?? []).filter((one) => {
      const known = this.#connections.of(one);
      return known !== undefined && known.tcpState !== TCP_CONNTRACK_CLOSE;
    });
    const isFull = open.length >= Number(limit);
    if (isFull) table.counters.set(REFUSED_COUNTER, plusOne(table.counters.get(REFUSED_COUNTER)));
    this.#counted.set(element, isFull ? open : [...open, tupleOf(flow)]);
    return isFull;
  }
}
