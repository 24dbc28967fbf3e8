/** What the data plane should look like, and what it was found to look like. Shared by the planner, the drivers and the policy. */
import type { Ipv4, Prefix } from '../base/ipv4.ts';
import type { Millis } from '../base/machine.ts';
import type { Plane } from './plane.ts';
import type { Protocol } from './protocol.ts';
import type { Scheduler } from './scheduler.ts';
import type { SyncScope } from './sync-scope.ts';
import type { Timeouts } from './timeouts.ts';
import type { Tunnel } from './tunnel.ts';

/** `up` takes new connections; `down` and `drained` keep their hash slots, which fall back to a live server. */
export type ServerState = 'up' | 'down' | 'drained';

export interface DesiredServer {
  readonly name: string;
  readonly address: Ipv4;
  /** From the file, never from health: all directors compute the same table from it. 0: it has left the file, and drains. */
  readonly weight: number;
  readonly state: ServerState;
  /** Of one that is up, how many tenths of its slots it has; undefined = all. It was away, and starts slowly. */
  readonly tenths?: number | undefined;
  /** Its connections are ended: both ends hear RST as soon as they send. With direct routing: its sticky flows meet another. */
  readonly ended?: boolean | undefined;
  /** Connections at once; undefined = any number. */
  readonly limit?: number | undefined;
  /** A server that had as many is given new ones again when it has fewer than so many; undefined = when it has fewer than `limit`. */
  readonly resume?: number | undefined;
  /** The director that it is as well. */
  readonly director?: string | undefined;
}

export interface DesiredService {
  readonly name: string;
  readonly vips: readonly Ipv4[];
  /** None where packets are known by `fwmark`. */
  readonly ports: readonly number[];
  /** Of the ports; where there are none both are meant. */
  readonly protocol: Protocol;
  readonly servers: readonly DesiredServer[];
  /** Packets with this mark (meta mark) are the service's, whatever their destination; never 0. */
  readonly fwmark?: number | undefined;
  /** Undefined = `DEFAULT_SCHEDULER`. */
  readonly scheduler?: Scheduler | undefined;
  /** A client keeps its server until it has sent nothing for so long; whole seconds. */
  readonly persistence?: Millis | undefined;
  /** Clients whose addresses are alike in so many leading bits count as one to `persistence`; undefined = in all 32. */
  readonly persistenceMask?: number | undefined;
  /** Every datagram meets a server by itself. UDP only. */
  readonly onePacket?: boolean | undefined;
  readonly timeouts?: Timeouts | undefined;
  /** Packets go on as they came, and no connection is kept; undefined = the destination is translated. */
  readonly direct?: DesiredDirect | undefined;
  /** Packets go on as they came, inside another packet to the server's address. */
  readonly tunnel?: Tunnel | undefined;
  /** The server sees a local address in place of the client's. */
  readonly fullnat?: boolean | undefined;
  /** Which of its connections other directors hold as well, and hence have to be told; undefined = none. */
  readonly sync?: SyncScope | undefined;
  /** Gets the new connections while no server is up. */
  readonly sorry?: Ipv4 | undefined;
}

/** Direct routing: where a service's packets go on. */
export interface DesiredDirect {
  /** The interface, by its name on this host, on the servers' network; undefined = the file knows none. */
  readonly device: string | undefined;
  /** A flow stays with its server until it has sent nothing for so long; undefined = the hash alone decides. */
  readonly sticky?: Millis | undefined;
}

/** LIPs: source addresses of FullNAT towards the real servers, as the cluster file has them. */
export interface LocalAddresses {
  /** Every director of the file, with the addresses of it alone. */
  readonly directors: readonly { readonly name: string; readonly local: readonly Ipv4[] }[];
  /** Of all directors together. */
  readonly shared: readonly Ipv4[];
}

/** Connections that come from `from` leave with an address of the pool. */
export interface DesiredPool {
  readonly name: string;
  readonly from: Prefix;
  readonly pool: readonly Ipv4[];
}

/** How an answer to a shared local address gets to the director whose port it is for. */
export interface DesiredHandOver {
  /** The interface to send it by, by its name on this host; by it, others' hand-overs come in. */
  readonly device: string;
  /** By director: its address as next hop on that interface. */
  readonly peers: Readonly<Record<string, Ipv4>>;
  /** The UDP port of the tunnels, where the interface is one. */
  readonly tunnelPort?: number | undefined;
}

export interface DesiredDataplane {
  /** Which plane holds it: they spread connections differently. Undefined = nftables. */
  readonly plane?: Plane | undefined;
  readonly services: readonly DesiredService[];
  /** Interfaces towards those who hear of the VIPs: nothing but our own flows may come in by one and leave by one. */
  readonly upstream: readonly string[];
  /** This director's name. */
  readonly self?: string;
  /** Names of the directors that live, this one among them. */
  readonly members?: readonly string[];
  readonly local?: LocalAddresses;
  /** MAC addresses of directors, by their names, as far as the file has them. */
  readonly macs?: Readonly<Record<string, readonly string[]>>;
  /** SNAT of connections that servers open, where they leave by one of these interfaces. */
  readonly egress?: { readonly links: readonly string[]; readonly pools: readonly DesiredPool[] };
  /** Undefined = nothing is handed over. */
  readonly handOver?: DesiredHandOver | undefined;
}

/** Counters of one service since its table was made. */
export interface ServiceCounters {
  readonly service: string;
  /** With direct routing: SYNs; of UDP, flows that stick to no server yet, hence none where flows never do. */
  readonly newConnections: number;
  /** New connections that found no server to go to, and were dropped. */
  readonly misses: number;
  /** New connections of clients that there was no room to remember: they went where the scheduler said. */
  readonly persistenceFull: number;
  /** Client to server. */
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

export interface ServerCounters {
  readonly service: string;
  readonly server: string;
  readonly newConnections: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

/** Packets that were dropped because they are nobody's business here, since the tables were made. */
export interface GuardCounters {
  /** For a VIP, but of no service or of no connection that this director knows. */
  readonly vipUnknown: number;
  /** From a real server's service port, and of no connection that this director translates. */
  readonly serverUntranslated: number;
  /** On their way from one upstream interface to another, and no flow of ours. */
  readonly transit: number;
  /** For a local address, and of no connection that this director knows. */
  readonly lipUnknown: number;
  /** For an address of a SNAT pool, and of no connection that this director knows. */
  readonly poolUnknown: number;
  /** On their way out from a prefix that has a pool, and not translated. */
  readonly egressUntranslated: number;
  /** New connections to a server that had as many as it may have; refused, not dropped. */
  readonly serverFull: number;
}

export interface FullnatCounters {
  /** New connections dropped because this director has no port block. */
  readonly noBlock: number;
  /** Answers sent on to the director whose port they are for, those to SNAT pools among them. */
  readonly handedOver: number;
}

/** Of all services and their servers, of FullNAT and of the guard. */
export interface DataplaneCounters {
  readonly fullnat: FullnatCounters;
  readonly services: readonly ServiceCounters[];
  readonly servers: readonly ServerCounters[];
  readonly guard: GuardCounters;
}
