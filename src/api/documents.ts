/**
 * The documents of the control API (HTTP + JSON on a unix socket), as `--json` prints them. Addresses are dotted quads,
 * durations milliseconds, times of day ISO 8601; `t` is milliseconds on the agent's monotonic clock since its start.
 */
import type { Finding } from '../core/dataplane/findings.ts';
import type { SyncEventName } from '../core/model/sync.ts';

export type LifecycleState = 'starting' | 'syncing' | 'ready' | 'active' | 'draining' | 'drained' | 'failed';

export interface PortBlockStatus {
  readonly address: string;
  /** 1,024 ports each. */
  readonly blocks: number;
  /** From these ports, closed ones among them whose ports the kernel still holds. */
  readonly connections: number;
  /** Share of the ports that are in use towards the busiest server, 0 to 1; near 1 new connections are dropped. */
  readonly fill: number;
}

export interface VipStatus {
  readonly vip: string;
  readonly announced: boolean;
  /** Metric in the last LSA that went out; null when not announced. */
  readonly metric: number | null;
  /** How: `stub`, `external E1`, `nssa E2 tag 7`; null when not announced. */
  readonly lsa: string | null;
  /** Why it is not announced, or not at its normal metric, and what it waits for; empty when all is well. */
  readonly waitingFor: readonly string[];
  readonly services: readonly string[];
}

export interface StatusDocument {
  readonly cluster: string;
  readonly director: string;
  readonly routerId: string;
  readonly version: string;
  readonly pid: number;
  readonly state: LifecycleState;
  /** What a drain under way waits for. */
  readonly waitingFor: readonly string[];
  readonly uptime: number;
  readonly startedAt: string;
  /** SHA-256 of the cluster file in force, and whether the file on disk was refused since. */
  readonly config: { readonly path: string; readonly hash: string; readonly stale: string | null };
  readonly dataplane: {
    readonly name: string;
    /** Why it is this one, where an agent has chosen. */
    readonly reason: string | null;
    /** Services that others have made in the same table of the kernel. */
    readonly foreign: readonly string[];
    readonly programmed: readonly string[];
    /** `t` of the last apply that succeeded. */
    readonly lastApply: number | null;
    readonly fault: string | null;
    /** Why source ports from our own blocks cannot be predicted, where the kernel refuses to choose them by offset. */
    readonly plainPorts: string | null;
  };
  readonly vips: readonly VipStatus[];
  /** This director's own addresses, and those of SNAT pools. */
  readonly local: readonly {
    readonly address: string;
    readonly class: 'local' | 'snat';
    readonly announced: boolean;
  }[];
  /** FullNAT: what this director translates to; null without it. */
  readonly portBlocks: {
    /** Of who owns which blocks: the same on directors that agree. */
    readonly digest: string;
    /** By address with blocks of this director; null while connections are not counted. */
    readonly addresses: readonly PortBlockStatus[] | null;
  } | null;
  /** Instances that continue what an earlier agent began; neither routes nor announcements change meanwhile. */
  readonly restarts: readonly {
    readonly instance: string;
    /** It asked the routers to wait; else it died. */
    readonly planned: boolean;
    /** Milliseconds until it is over at the latest. */
    readonly left: number;
    readonly waitingFor: readonly string[];
  }[];
  /** Connection sync in short; `GET /v1/sync` has the rest. Null where nothing is synced. */
  readonly sync: {
    readonly state: 'down' | 'syncing' | 'synced';
    readonly fault: string | null;
    /** Directors that live, this one among them; null while that is not known. */
    readonly living: readonly string[] | null;
    readonly dead: readonly string[];
    /** Peers that are not as they should be: their name and state; services that are left out. */
    readonly troubles: readonly string[];
  } | null;
  readonly neighbors: {
    readonly full: number;
    readonly total: number;
    /** Interfaces of the file on which no neighbor is full, each with the reason. */
    readonly missing: readonly string[];
  };
  /** Interfaces with `holdLink`. */
  readonly heldLinks: readonly HeldLinkStatus[];
  readonly process: ProcessStatus;
}

export interface HeldLinkStatus {
  readonly interface: string;
  /** `held` (down until the data plane is programmed), `missing`, `released`, or `refused`: taking it down is too dangerous. */
  readonly state: 'missing' | 'held' | 'released' | 'refused';
}

/** How well the agent's process is served by the machine. */
export interface ProcessStatus {
  /** Its nice value, and the errno that kept it from being raised; null when it was raised. */
  readonly priority: { readonly nice: number; readonly refused: string | null };
  /** Milliseconds by which its event loop was late, since the histogram began (see `POST /v1/event-loop/restart`). */
  readonly eventLoopDelay: EventLoopDocument;
}

/** One answer each 10 ms, fewer when the loop was late: `count` of them. */
export interface EventLoopDocument {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
  readonly count: number;
}

export interface NeighborDocument {
  readonly instance: string;
  readonly interface: string;
  readonly network: string;
  readonly routerId: string;
  readonly address: string;
  readonly priority: number;
  readonly state: string;
  /** `dr`, `backup` or `drOther`; null where nobody is elected, or it has not been heard. */
  readonly role: string | null;
  readonly designatedRouter: string;
  readonly backupDesignatedRouter: string;
  readonly deadIn: number;
  readonly retransmissions: number;
  readonly requests: number;
  /** What is known to be wrong with it now; null when nothing is. */
  readonly trouble: string | null;
  /** It restarts, and counts as full for so many milliseconds at most; null when it does not. */
  readonly helpedFor: number | null;
}

export interface LsaDocument {
  readonly instance: string;
  readonly type: number;
  readonly id: string;
  readonly advertisingRouter: string;
  /** Hexadecimal, e.g. `0x80000001`. */
  readonly sequence: string;
  readonly checksum: string;
  readonly age: number;
  readonly length: number;
  readonly own: boolean;
  readonly summary: readonly string[];
  /** The body as values; null unless asked for. */
  readonly content: LsaContentDocument | null;
}

/** An LSA's body, by kind. Masks are dotted quads. */
export type LsaContentDocument =
  | {
      readonly kind: 'router';
      /** Of `B`, `E`, `V`, `Nt` and `H`. */
      readonly flags: readonly string[];
      readonly links: readonly {
        /** `point-to-point`, `transit`, `stub`, `virtual`, or the number of an unknown type. */
        readonly type: string;
        readonly id: string;
        readonly data: string;
        readonly metric: number;
      }[];
    }
  | { readonly kind: 'network'; readonly mask: string; readonly attachedRouters: readonly string[] }
  | { readonly kind: 'summary'; readonly mask: string; readonly metric: number }
  | {
      readonly kind: 'external';
      readonly mask: string;
      readonly metricType: 1 | 2;
      readonly metric: number;
      readonly forwardingAddress: string;
      readonly tag: number;
    }
  /** `bytes`: what follows the header, hexadecimal. */
  | { readonly kind: 'opaque'; readonly opaqueType: number; readonly opaqueId: number; readonly bytes: string };

export interface RouteDocument {
  readonly instance: string;
  readonly prefix: string;
  readonly pathType: string;
  readonly cost: number;
  readonly nextHops: readonly { readonly interface: string; readonly gateway: string | null }[];
  readonly installed: boolean;
  /** Why it was not imported; null when it was. */
  readonly refusal: string | null;
}

/** A row of `GET /v1/upstream-view`: one router, as the link state database of one routing instance shows it. */
export interface UpstreamRouterDocument {
  readonly instance: string;
  /** Router id. */
  readonly router: string;
  /** Does a path lead there from here? If not, what the database says of it may be old. */
  readonly reachable: boolean;
  readonly vips: readonly UpstreamVipDocument[];
}

export interface UpstreamVipDocument {
  readonly vip: string;
  /** `intraArea`, `interArea`, `external1` or `external2`; null when the router has no route. */
  readonly pathType: string | null;
  readonly cost: number | null;
  /** `interface`: the router's own address on that link. */
  readonly nextHops: readonly { readonly interface: string; readonly gateway: string | null }[];
  readonly directors: readonly UpstreamDirectorDocument[];
  /** What the router's own settings may add to this, for a reader. */
  readonly warnings: readonly string[];
}

export interface UpstreamDirectorDocument {
  readonly director: string;
  readonly routerId: string;
  /** Does the router spread the VIP over it? `maybe`: it has more next hops than it takes (`maxPaths`). */
  readonly inSet: 'yes' | 'no' | 'maybe';
  readonly cost: number | null;
  /** Should it be in the set? Not while it announces the VIP as a last resort, in a drain for instance. */
  readonly expected: boolean;
  /**
   * Why it is not: `noRouterLsa`, `notAnnouncing`, `unreachable`, `missingBackLink`, `maxMetric`, `lastResort`, `pathType`,
   * `higherCost`, `leadsNowhere`, `pathLimit`; null when it is.
   */
  readonly reason: string | null;
  /** The same for a reader, with the figures. */
  readonly why: string | null;
}

/**
 * What a routing instance has counted since it started: packets by kind, what was dropped and why, LSAs, SPF runs. The last
 * row is that of the data plane: packets that it dropped because they are none of a service's, by reason.
 */
export interface CountersDocument {
  /** Name of the routing instance; `dataplane` in the last row. */
  readonly instance: string;
  /** E.g. `received.hello`, `dropped.checksum`; a reason that never occurred is left out. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface ServiceDocument {
  /** How its VIPs are announced: `stub`, `external E1`, `nssa E2 tag 7`. */
  readonly lsa: string;
  readonly service: string;
  readonly vips: readonly string[];
  /** Empty where packets are known by their mark. */
  readonly ports: readonly number[];
  readonly protocol: string;
  readonly fwmark: number | null;
  readonly forward: string;
  readonly scheduler: string;
  /** Milliseconds that a client keeps its server after its last packet; null = no longer than the connection. */
  readonly persistence: number | null;
  readonly healthy: number;
  readonly servers: number;
  readonly programmed: boolean;
  /** Of all its servers; null while they are not known. */
  readonly active: number | null;
  readonly newConnections: number;
  /** New connections that found no server to go to, and were dropped. */
  readonly misses: number;
  /** New connections of clients that there was no room to remember: they went where the scheduler said. */
  readonly persistenceFull: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

/** What one director makes of a new connection, and why. */
export interface ExplanationDocument {
  readonly director: string;
  /** `ADDRESS:PORT` */
  readonly client: string;
  readonly destination: string;
  /** Null = the packets are of no service. */
  readonly service: string | null;
  readonly protocol: 'tcp' | 'udp' | 'sctp' | null;
  readonly fwmark: number | null;
  readonly scheduler: string | null;
  /** Is the service in the kernel as it is explained? */
  readonly programmed: boolean;
  /**
   * `persistence`, `slot`, `fallback` (another server stands in for the owner of the slot), `turns` (whose is next cannot be
   * said), `nobody` (no server takes new connections), `no-service`.
   */
  readonly reason: 'persistence' | 'slot' | 'fallback' | 'turns' | 'nobody' | 'no-service';
  /** One sentence. */
  readonly why: string;
  readonly slot: { readonly number: number; readonly of: number } | null;
  /** Whose the slot is by the cluster file alone. */
  readonly owner: string | null;
  readonly server: { readonly name: string; readonly address: string; readonly port: number } | null;
  /** What the kernel remembers of the client, whether or not it counts; `server` is null when it has left the file. */
  readonly persistence: { readonly server: string | null; readonly address: string; readonly expiresIn: number } | null;
  /** FullNAT: what the server sees as its client. */
  readonly source: { readonly address: string; readonly port: number } | null;
}

export interface ServerDocument {
  readonly service: string;
  readonly server: string;
  readonly address: string;
  /** 0: it has left the cluster file and drains, or it is the sorry server. */
  readonly weight: number;
  readonly state: 'up' | 'down' | 'drained' | 'unknown';
  /**
   * `serving`; `draining`: its slots have moved, its connections live; `ending`: their ends hear RST; `drained`: nothing is
   * left. `sorry` for the sorry server.
   */
  readonly phase: 'serving' | 'draining' | 'ending' | 'drained' | 'sorry';
  /** Milliseconds until the phase ends at the latest; null when nothing but a command ends it. */
  readonly phaseEnds: number | null;
  /** How many tenths of its slots it has, 10 but after it has come back. */
  readonly tenths: number;
  /** Connections at once; null = any number. */
  readonly limit: number | null;
  /** Connections that both ends have sent on, and that are not closed; null while they are not known. */
  readonly active: number | null;
  readonly check: string;
  /** Milliseconds since the last probe ended; null before the first. */
  readonly lastRunAge: number | null;
  readonly lastResult: string | null;
  /** How late the last probe was started. */
  readonly lag: number | null;
  readonly newConnections: number;
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

/** The stable names of the event log. */
export type EventName =
  | SyncEventName
  | 'agent-started'
  | 'agent-stopped'
  | 'state-changed'
  | 'drain-step'
  | 'config-applied'
  | 'config-refused'
  | 'hello-sent'
  | 'interface-changed'
  | 'neighbor-changed'
  | 'neighbor-trouble'
  | 'packet-dropped'
  | 'key-changed'
  | 'keys-fault'
  | 'speaker-fault'
  | 'routes-installed'
  | 'routes-fault'
  | 'restart-announced'
  | 'restart-begun'
  | 'restart-ended'
  | 'neighbor-helped'
  | 'neighbor-not-helped'
  | 'neighbor-help-ended'
  | 'last-life-found'
  | 'state-file-fault'
  | 'link-held'
  | 'link-released'
  | 'link-hold-refused'
  | 'link-fault'
  | 'tunnels-changed'
  | 'hand-over-fault'
  | 'inside-changed'
  | 'inside-left'
  | 'inside-fault'
  | 'sync-left-out'
  | 'dataplane-chosen'
  | 'dataplane-foreign'
  | 'dataplane-programmed'
  | 'dataplane-drift'
  | 'dataplane-guarded'
  | 'conntrack-fault'
  | 'second-chance-fault'
  | 'persistence-fault'
  | 'conntrack-lost'
  | 'local-address-fill'
  | 'conntrack-drops'
  | 'dataplane-fault'
  | 'port-offset-refused'
  | 'server-state'
  | 'server-drain'
  | 'vip-announcing'
  | 'vip-announced'
  | 'vip-metric'
  | 'vip-withdrawing'
  | 'vip-withdrawn'
  | 'vip-unprogrammed';

/** One line of the event log. */
export interface EventDocument {
  readonly seq: number;
  readonly t: number;
  readonly at: string;
  readonly event: EventName;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface FaultDocument {
  /** A key file; absent for the cluster file. */
  readonly file?: string;
  readonly line: number;
  readonly column: number;
  readonly path: string;
  readonly message: string;
  readonly hint?: string;
}

export interface ReloadDocument {
  /** The cluster file. */
  readonly path: string;
  readonly applied: boolean;
  readonly changes: readonly string[];
  readonly faults: readonly FaultDocument[];
}

/** A row of `GET /v1/interfaces`: one interface of one routing instance. */
export interface InterfaceDocument {
  readonly instance: string;
  readonly interface: string;
  readonly network: string;
  /** Announced, but OSPF is not spoken there. */
  readonly passive: boolean;
  /** A point-to-point link without a subnet. */
  readonly unnumbered: boolean;
  readonly state: string;
  readonly address: string | null;
  readonly prefixLength: number;
  readonly mtu: number;
  readonly cost: number;
  readonly designatedRouter: string;
  readonly backupDesignatedRouter: string;
  readonly neighbors: number;
  /** What is known to be wrong with those who speak there now, each `ADDRESS: what`. */
  readonly troubles: readonly string[];
  readonly authentication: {
    readonly algorithm: string;
    /** The key that packets are sent with; null without authentication. */
    readonly keyId: number | null;
    readonly accepts: readonly number[];
    /** `early` and `expired`: used although it is not its time, for want of another. */
    readonly standing: 'valid' | 'early' | 'expired';
    /** Packets without authentication are accepted too. */
    readonly migrate: boolean;
  };
}

/** Answer to `POST /v1/drain` and `POST /v1/undrain`: where the director stands now. */
export interface LifecycleDocument {
  readonly state: LifecycleState;
  /** Milliseconds until a running drain withdraws whatever is left; null when nothing is draining. */
  readonly deadline: number | null;
}

/** Answer to `POST /v1/restart`. */
export interface RestartDocument {
  /** The agent that ends. */
  readonly pid: number;
  /** Milliseconds within which the next one has to start. */
  readonly grace: number;
}

/** Body of every answer whose HTTP status is not 2xx. */
export interface ErrorDocument {
  readonly error: {
    /** `bad-request`, `not-found`, `method-not-allowed`, `refused` or `internal`. */
    readonly code: string;
    readonly message: string;
  };
}

/** What `sluice doctor` found on a host; no agent is asked. */
export interface DoctorDocument {
  /** Nothing is missing. There may be warnings. */
  readonly met: boolean;
  /** As `uname -r` has it. */
  readonly kernel: string;
  readonly findings: readonly Finding[];
}
