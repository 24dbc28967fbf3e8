/** A neighbor as the speaker knows it (RFC 2328 10): what it said, how far the exchange is, what it still owes and is owed. */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import type { Instant } from '../../base/machine.ts';
import { ALL_SPF_ROUTERS } from '../codes.ts';
import type { NeighborStateName } from '../events.ts';
import { isPointToPoint, type OspfInterface } from '../interface/interface.ts';
import type { LsaHeader } from '../lsa/lsa.ts';
import type { LsdbEntry } from '../lsdb/lsdb.ts';
import type { DbDescription } from '../packet/packet.ts';

/** The database exchange (10.6, 10.8). */
export interface Exchange {
  /** Whether we are the master. */
  master: boolean;
  sequence: number;
  /** What makes two DD packets the same one. */
  lastReceived: Pick<DbDescription, 'flags' | 'options' | 'sequence'> | undefined;
  /** Repeated when the peer has not heard it; dropped when that can no longer be. */
  lastSent: DbDescription | undefined;
  /** Came while we waited for the election of a designated router, and is taken once that wants the adjacency. */
  early: DbDescription | undefined;
  /** Database keys that are still to be described. */
  summary: string[];
  /** How often the last packet went out. */
  tries: number;
}

export interface Retransmission {
  readonly entry: LsdbEntry;
  dueAt: Instant;
  tries: number;
}

export interface Neighbor {
  readonly interface: OspfInterface;
  /** 0 until a neighbor of the file's list has been heard; else it never changes. */
  routerId: Ipv4;
  /** May change on a point-to-point link. */
  address: Ipv4;
  /** The one before; 0 = none. */
  formerAddress: Ipv4;
  priority: number;
  /** Whom its last Hello named. */
  designatedRouter: Ipv4;
  backupDesignatedRouter: Ipv4;
  state: NeighborStateName;
  /** When its last Hello came. */
  helloAt: Instant;
  /** When our last Hello went to it alone. */
  greetedAt: Instant;
  /** When it counts as dead. */
  inactiveAt: Instant;
  /** The sequence number of its last packet with cryptographic authentication (RFC 2328 D.5.3); undefined before one. */
  sequence: number | undefined;
  /** Whether its last packet was authenticated; of interest while the link migrates. */
  authenticated: boolean;
  /** From its DD packets; the O-bit is there and nowhere else. */
  options: number;
  /** From its last DD packet; 0 = not heard of, or it does not say. */
  mtu: number;
  readonly exchange: Exchange;
  /** What the peer has and we want, by database key; the header as the peer described it. */
  readonly requests: Map<string, LsaHeader>;
  /** Those of them that the last LS Request asked for. */
  readonly outstanding: Set<string>;
  requestTries: number;
  /** What we sent and the peer has not acknowledged, by database key. */
  readonly retransmissions: Map<string, Retransmission>;
  /** The peer asked for our own router-LSA and gets it when we are Full, or at this time ("hold"). */
  heldUntil: Instant | undefined;
  /** The instance of our own router-LSA that it was last given in the present adjacency, and when. */
  routerLsaGiven: { readonly entry: LsdbEntry; readonly at: Instant } | undefined;
  /** It restarts, and counts as Full until then at most (RFC 3623 3). */
  helped: { readonly until: Instant } | undefined;
}

export function newNeighbor(iface: OspfInterface, routerId: Ipv4, address: Ipv4, firstSequence: number): Neighbor {
  return {
    interface: iface,
    routerId,
    address,
    formerAddress: 0,
    priority: 0,
    designatedRouter: 0,
    backupDesignatedRouter: 0,
    state: 'down',
    helloAt: Number.NEGATIVE_INFINITY,
    greetedAt: Number.NEGATIVE_INFINITY,
    inactiveAt: 0,
    sequence: undefined,
    authenticated: false,
    options: 0,
    mtu: 0,
    exchange: {
      master: true,
      sequence: firstSequence,
      lastReceived: undefined,
      lastSent: undefined,
      early: undefined,
      summary: [],
      tries: 0,
    },
    requests: new Map(),
    outstanding: new Set(),
    requestTries: 0,
    retransmissions: new Map(),
    heldUntil: undefined,
    routerLsaGiven: undefined,
    helped: undefined,
  };
}

const RANK: Readonly<Record<NeighborStateName, number>> = {
  down: 0,
  attempt: 1,
  init: 2,
  twoWay: 3,
  exStart: 4,
  exchange: 5,
  loading: 6,
  full: 7,
};

/** Whether a state is the given one or beyond it. */
export function atLeast(state: NeighborStateName, least: NeighborStateName): boolean {
  return RANK[state] >= RANK[least];
}

/** Where a packet for one neighbor goes: on point-to-point links always AllSPFRouters (RFC 2328 8.1). */
export function addressOf(neighbor: Neighbor): Ipv4 {
  return isPointToPoint(neighbor.interface) ? ALL_SPF_ROUTERS : neighbor.address;
}

/** Exchange or Loading: the states in which MaxAge LSAs must stay (RFC 2328 14). */
export function isSynchronizing(neighbor: Neighbor): boolean {
  return neighbor.state === 'exchange' || neighbor.state === 'loading';
}

export type NeighborTimer = 'inactivity' | 'description' | 'request' | 'retransmission' | 'hold';

export const NEIGHBOR_TIMERS: readonly NeighborTimer[] = [
  'inactivity',
  'description',
  'request',
  'retransmission',
  'hold',
];

/** By what a neighbor is known on its kind of link: of the rest, address or router id, something may change. */
export function neighborTimer(neighbor: Neighbor, timer: NeighborTimer): string {
  const name = isPointToPoint(neighbor.interface) ? neighbor.routerId : neighbor.address;
  return `${timer} ${neighbor.interface.name} ${formatIpv4(name)}`;
}
