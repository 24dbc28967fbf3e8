/** The cluster file once parsed and checked: plain values, units resolved, every default filled in. */
import type { Ipv4, Prefix } from '../base/ipv4.ts';
import type { Millis } from '../base/machine.ts';
import type { Algorithm } from './keys.ts';
import type { DataplaneChoice, PlaneNeeded } from './plane.ts';
import type { Protocol } from './protocol.ts';
import type { AnnouncedAs, AreaType, FrrSettings } from './routing.ts';
import type { Scheduler } from './scheduler.ts';
import type { Endpoint } from './sync.ts';
import type { SyncScope } from './sync-scope.ts';
import type { Timeouts } from './timeouts.ts';
import type { Tunnel } from './tunnel.ts';

export interface Director {
  readonly name: string;
  readonly routerId: Ipv4;
  /** Alias used under `routing` to the interface's name on this host. */
  readonly interfaces: Readonly<Record<string, string>>;
  /** Addresses of this director alone, on `lo`; announced by the instances that name the class `local`. */
  readonly local: readonly Ipv4[];
  /** Where its peers hand answers over to it; undefined where nothing is handed over. */
  readonly handOver?: Ipv4 | undefined;
  /** Where it takes its peers' connections; undefined where nothing is synced. */
  readonly sync?: Endpoint | undefined;
  /** Of its interfaces, in small letters: by which others know what it sends. */
  readonly macs?: readonly string[] | undefined;
  /** By which the real servers of a segment send answers back to it; another director holds it when this one is dead. */
  readonly inside?: Ipv4 | undefined;
}

/** How an answer to a shared local address gets from the director that it met to the one that knows its connection. */
export type HandOver =
  /** Over the interface of this alias, on a segment that all directors have in common. */
  | { readonly kind: 'segment'; readonly alias: string }
  /** By tunnels; without `mtu`, as large as the path between the directors takes. */
  | { readonly kind: 'vxlan'; readonly id: number; readonly port: number; readonly mtu: number | undefined };

/** How OSPF packets are authenticated. */
export interface RoutingAuthentication {
  readonly algorithm: Algorithm;
  /** The key file, as written: relative to the cluster file unless it begins with /. */
  readonly keys: string;
  /** On the way to authentication: both kinds of packets are accepted. */
  readonly migrate: boolean;
}

export interface RoutingInterface {
  /** The alias; the director's `interfaces` resolve it. */
  readonly alias: string;
  readonly network: 'broadcast' | 'nbma' | 'point-to-point' | 'point-to-multipoint';
  readonly cost: number;
  readonly hello: Millis;
  readonly dead: Millis;
  readonly priority: number;
  readonly mtuIgnore: boolean;
  /** Kept administratively down until this director can serve. */
  readonly holdLink: boolean;
  /** The network is announced, OSPF is not spoken. */
  readonly passive: boolean;
  /** Whom to greet where multicast does not reach: NBMA, and point-to-multipoint if there are any. */
  readonly neighbors: readonly { readonly address: Ipv4; readonly priority: number }[];
  /** How often a neighbor of the list that does not answer is greeted. */
  readonly poll: Millis;
  /** Undefined = none. */
  readonly auth?: RoutingAuthentication | undefined;
}

/** What an instance announces: VIPs, the directors' own addresses, the pools of SNAT. */
export type PrefixClass = 'vip' | 'local' | 'snat';

/** A learned route that may go into the kernel: this prefix, and with `orLonger` every prefix inside it. */
export interface ImportRule {
  readonly prefix: Prefix;
  readonly orLonger: boolean;
}

export interface RoutingInstance {
  readonly name: string;
  readonly area: Ipv4;
  readonly areaType: AreaType;
  readonly announce: readonly PrefixClass[];
  /** A learned route that no rule allows stays out of the kernel; without a rule, all do. */
  readonly import: readonly ImportRule[];
  readonly interfaces: readonly RoutingInterface[];
  /** Whether neighbors that restart are helped (RFC 3623 3), and how far. */
  readonly gracefulRestart: { readonly helper: 'strict' | 'lenient' | 'off' };
}

export interface Routing {
  readonly speaker: 'ospf' | 'frr';
  /** With the speaker `frr` only. */
  readonly frr?: FrrSettings | undefined;
  readonly instances: readonly RoutingInstance[];
}

export interface RealServer {
  readonly name: string;
  readonly address: Ipv4;
  readonly weight: number;
  /** Connections at once through each director; undefined = any number. */
  readonly limit?: number | undefined;
  /** A server that had as many as `limit` is given new ones again when it has fewer than so many; undefined = fewer than `limit`. */
  readonly resume?: number | undefined;
  /** Of the director that it is as well; undefined = it is none. */
  readonly director?: string | undefined;
}

/** What becomes of a server's connections and slots when it leaves and when it comes back. */
export interface ServerChanges {
  /** How long the connections of a drained server may go on. */
  readonly drain: Millis;
  /** How long a server that comes back takes to have all of its slots; 0 = at once. */
  readonly slowStart: Millis;
  /** Are the connections of a server that is found down ended, or left to themselves? */
  readonly whenDown: 'reset' | 'keep';
}

export type HealthCheck =
  | { readonly kind: 'tcp' }
  | { readonly kind: 'http'; readonly path: string; readonly expect: number; readonly host: string | undefined };

export interface Health {
  readonly check: HealthCheck;
  /** Port probed; the service's first port unless the file says otherwise. */
  readonly port: number;
  readonly interval: Millis;
  readonly timeout: Millis;
  readonly rise: number;
  readonly fall: number;
}

/** How many healthy real servers a VIP needs: a count, or a share of the servers in the file. */
export type Quorum =
  | { readonly kind: 'count'; readonly value: number }
  | { readonly kind: 'percent'; readonly value: number };

export type WhenDown = 'withdraw' | 'metric' | 'keep';

/**
 * How packets reach the real server: with its address in place of the VIP; with an address of ours in place of the client's,
 * too; as they came (direct routing); as they came, inside another packet (tunnel).
 */
export type Forward = 'nat' | 'fullnat' | 'dr' | 'tun';

/** What only direct routing asks: packets go on as they came, to the server's own address on a network of the director's. */
export interface Direct {
  /** The alias of the interface on that network; undefined = each director's only one that VIPs are not announced on. */
  readonly via: string | undefined;
  /** A flow stays with its server, whatever becomes of the slots, until it has sent nothing for so long; undefined = never. */
  readonly sticky: Millis | undefined;
}

export interface Service {
  readonly name: string;
  readonly vips: readonly Ipv4[];
  /** None where packets are known by their mark. */
  readonly ports: readonly number[];
  readonly protocol: Protocol;
  /** The mark that the operator's own rules give to the service's packets; in place of ports and protocol. */
  readonly fwmark?: number | undefined;
  readonly forward: Forward;
  /** Its VIPs are announced where the directors' own addresses are: on the servers' side, for clients there. */
  readonly inside: boolean;
  /** Direct routing only. */
  readonly direct?: Direct | undefined;
  /** `forward: tun` only. */
  readonly tunnel?: Tunnel | undefined;
  /** Every datagram meets a server by itself, as if its client had never sent one before. */
  readonly onePacket?: boolean | undefined;
  readonly scheduler: Scheduler;
  /** A client's new connections go to the same server until none of them has sent anything for so long. */
  readonly persistence?: Millis | undefined;
  /** Clients whose addresses are alike in so many leading bits count as one to `persistence`; undefined = in all 32. */
  readonly persistenceMask?: number | undefined;
  readonly timeouts?: Timeouts | undefined;
  readonly servers: readonly RealServer[];
  /** Gets the new connections while no server is up. */
  readonly sorry?: Ipv4 | undefined;
  readonly changes: ServerChanges;
  readonly health: Health | undefined;
  readonly announce: {
    readonly min: Quorum;
    readonly metric: number;
    readonly whenDown: WhenDown;
    readonly lsa: AnnouncedAs;
  };
  /** Which of its connections the other directors hold as well; undefined where nothing is synced. */
  readonly sync?: SyncScope | undefined;
}

export interface Lifecycle {
  readonly holdUp: Millis;
  readonly drain: Millis;
  /** How long routers are asked to wait for the agent that comes after a planned restart (RFC 3623). Whole seconds. */
  readonly grace: Millis;
  /** How long the announcement of VIPs waits for the other directors' connections; undefined where nothing is synced. */
  readonly syncTimeout?: Millis | undefined;
}

/** What goes out from `from` does so with an address of the pool, which all directors share. */
export interface SnatPool {
  readonly name: string;
  readonly from: Prefix;
  readonly pool: readonly Ipv4[];
}

export interface Cluster {
  readonly cluster: string;
  /** The file with the keys of connection sync, as written; undefined = nothing is synced. */
  readonly keys?: string | undefined;
  /** The file for who was behind an address of ours, absolute. */
  readonly mappingLog?: string | undefined;
  readonly directors: readonly Director[];
  readonly lifecycle: Lifecycle;
  readonly routing: Routing;
  /** As written. */
  readonly dataplane: DataplaneChoice;
  /** With `auto`: what decides for one data plane, whatever the kernel has; undefined = either will do. */
  readonly planeNeeded?: PlaneNeeded | undefined;
  /** Addresses of all directors together, on `lo` of each, announced by the class `local`. */
  readonly local: { readonly shared: readonly Ipv4[]; readonly handOver?: HandOver | undefined };
  readonly services: readonly Service[];
  readonly snat: readonly SnatPool[];
  /** Per VIP: does it need all of its services, or any one? */
  readonly vips: Readonly<Record<string, { readonly require: 'all' | 'any' }>>;
}
