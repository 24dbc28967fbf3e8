/**
 * The whole conversation between the OSPF instance and its shell: what may come in, what may be wished for.
 * Everything here is plain data, so that a run can be recorded as JSON lines and replayed.
 */
import type { DecodeReason } from '../base/decode-error.ts';
import type { Ipv4, Prefix } from '../base/ipv4.ts';
import type { Instant, Millis } from '../base/machine.ts';
import type { Algorithm, KeysInForce } from '../model/keys.ts';
import type { AnnouncedAs, AreaType } from '../model/routing.ts';
import type { Digester } from './authentication/digester.ts';
import type { Lsa } from './lsa/lsa.ts';

/** RFC 2328 1.2. The file core/model/cluster.ts has the same words. */
export type NetworkType = 'broadcast' | 'nbma' | 'point-to-point' | 'point-to-multipoint';

/** A neighbor that the file names, because multicast does not find it (RFC 2328 C.5, C.6). */
export interface StaticNeighbor {
  readonly address: Ipv4;
  /** NBMA: whether it may become DR (not 0), until its own Hello says so. */
  readonly priority: number;
}

/** Per-interface settings; times in milliseconds. */
export interface InterfaceConfig {
  readonly name: string;
  readonly network: NetworkType;
  /** Metric of our own link in our router-LSA, unless `maxMetric` overrides it. */
  readonly cost: number;
  readonly helloInterval: Millis;
  readonly deadInterval: Millis;
  /** 0 = never DR or BDR, the default for a director. */
  readonly priority: number;
  /** How long we wait for an acknowledgement before the next try; for the first two tries it is 1.1 s. */
  readonly rxmtInterval: Millis;
  readonly mtuIgnore: boolean;
  /** The network is announced, nothing is sent, and what comes in is dropped. */
  readonly passive: boolean;
  /** NBMA and point-to-multipoint: whom to greet by unicast. Without any, a point-to-multipoint link multicasts its Hellos. */
  readonly neighbors: readonly StaticNeighbor[];
  /** How often a static neighbor that has not answered is greeted (RFC 2328 9.5.1). */
  readonly pollInterval: Millis;
  /** Undefined = null authentication (RFC 2328 D.4.1). The keys come by the input `keys`. */
  readonly authentication?: InterfaceAuthentication | undefined;
}

export interface InterfaceAuthentication {
  readonly algorithm: Algorithm;
  /** On the way to authentication: packets without are accepted too, and sent where they are needed. */
  readonly migrate: boolean;
}

export interface InstanceConfig {
  readonly routerId: Ipv4;
  readonly areaId: Ipv4;
  readonly areaType: AreaType;
  /** Those to begin with; the input `configure` changes them. */
  readonly interfaces: readonly InterfaceConfig[];
  /** Never transit: RFC 6987 metric on transit and point-to-point links, and the H-bit (RFC 8770). */
  readonly stubRouter: boolean;
  /** Floor between two instances of an LSA of our own; the first change goes out at once. 1,100 ms by default. */
  readonly originateFloor: Millis;
  /** How long the answer to a request for our own router-LSA may be held back until we are Full. 0 = never held. */
  readonly holdLimit: Millis;
  /**
   * How long adjacencies wait in Loading for the first prefix to announce, counted from the instance's start, so that the
   * first router-LSA that a neighbor sees has the prefixes in it and none has to wait for the floor. 0 = no wait.
   */
  readonly firstAnnounceLimit?: Millis;
  /**
   * For how long, counted from the instance's start, LSAs of ours that announce prefixes and come back from an earlier life may
   * stay in force until those prefixes are wanted again. 0: there is nothing that would serve them, so they are outdone at once.
   * Undefined: they are treated like any other LSA of ours that comes back.
   */
  readonly inheritLimit?: Millis;
  /** Seeds jitter and DD sequence numbers. */
  readonly seed: number;
  /** Needed where the authentication of an interface is cryptographic. */
  readonly digester?: Digester;
  /**
   * The number before that of the first packet with cryptographic authentication, unsigned 32 bits: not below any that
   * an earlier process has sent, or the neighbors drop us until they have forgotten it.
   */
  readonly firstSequence?: number;
  /** LSAs of others are refused once the database has so many; 65,536 by default. */
  readonly lsdbLimit?: number;
}

/** A prefix of ours to announce. The metric has 16 bits in a stub link, 24 in an LSA of its own. */
export interface AnnouncedPrefix {
  readonly prefix: Prefix;
  readonly metric: number;
  readonly lsa: AnnouncedAs;
  /** A host address of this router alone: good as a forwarding address (RFC 3101 2.3). */
  readonly local?: boolean;
  /** A host address of several routers, and no service's: not good for that. */
  readonly shared?: boolean;
}

/** RFC 3623 B.3, in its order. */
export type RestartReason = 'unknown' | 'restart' | 'upgrade' | 'redundantProcessor';

/**
 * What to do for a neighbor that restarts (RFC 3623 3): `strict` helps it until the topology changes, `lenient` whatever
 * changes.
 */
export type HelperMode = 'strict' | 'lenient' | 'off';

/** An interface as an earlier process left it. */
export interface EarlierInterface {
  readonly interface: string;
  /** Who was Full. */
  readonly routerIds: readonly Ipv4[];
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
}

/** What is known of a process of ours that ended without taking leave of the neighbors. */
export interface EarlierLife {
  /** It asked the neighbors for a grace period. Else it died within the last dead interval, and they do not know. */
  readonly planned: boolean;
  /** When the grace period is over. */
  readonly until: Instant;
  /** Until when to wait for `expected`. */
  readonly announceBy: Instant;
  /** The prefixes that it announced. */
  readonly expected: readonly Prefix[];
  readonly interfaces: readonly EarlierInterface[];
  /** The first sequence number for Grace-LSAs of ours, greater than any that an earlier process had. Signed. */
  readonly sequence: number;
}

export type OspfInput =
  /** The interface is up and has this primary address; repeated when address, prefix length or MTU changes. */
  | {
      readonly kind: 'interfaceUp';
      readonly name: string;
      readonly address: Ipv4;
      readonly prefixLength: number;
      readonly mtu: number;
      /** The kernel's index: on an unnumbered link it stands for the address (RFC 2328 12.4.1.1). */
      readonly ifindex: number;
    }
  | { readonly kind: 'interfaceDown'; readonly name: string }
  /** `bytes` is the OSPF packet without the IP header; it is only borrowed for the call. */
  | {
      readonly kind: 'packet';
      readonly interface: string;
      readonly source: Ipv4;
      readonly destination: Ipv4;
      readonly bytes: Uint8Array;
    }
  /**
   * The whole set of interfaces with their settings, by name; idempotent. What does not differ is not touched. One that is
   * new waits for its `interfaceUp`; one that is missing from the list leaves with a goodbye.
   */
  | { readonly kind: 'configure'; readonly interfaces: readonly InterfaceConfig[] }
  /** The keys that count on an interface from now on, also one that is still to be configured; idempotent. */
  | { readonly kind: 'keys'; readonly interface: string; readonly keys: KeysInForce }
  /** The whole set of prefixes that we want announced; idempotent. */
  | { readonly kind: 'announce'; readonly prefixes: readonly AnnouncedPrefix[] }
  | { readonly kind: 'timer' }
  /** Whether neighbors that restart are helped; `strict` until told otherwise. */
  | { readonly kind: 'helper'; readonly mode: HelperMode }
  /** Takes over from an earlier process. The first input, if there is one to take over from; see restart/take-over.ts. */
  | ({ readonly kind: 'takeOver' } & EarlierLife)
  /**
   * Ask the neighbors to wait for our next process, and leave everything as it is: `stopped` follows. `period` is in whole
   * seconds. `sequence`: as in EarlierLife.
   */
  | {
      readonly kind: 'handOver';
      readonly period: Millis;
      readonly reason: RestartReason;
      readonly sequence: number;
    }
  /** Flush what we originated, wait briefly for acks, say goodbye: `stopped` follows. */
  | { readonly kind: 'stop' };

/** RFC 2328 9.1; a passive interface is up and silent. */
export type InterfaceStateName = 'down' | 'passive' | 'waiting' | 'pointToPoint' | 'drOther' | 'backup' | 'dr';
export type NeighborStateName = 'down' | 'attempt' | 'init' | 'twoWay' | 'exStart' | 'exchange' | 'loading' | 'full';

export interface NextHop {
  readonly interface: string;
  /** Undefined for a directly connected destination. */
  readonly gateway: Ipv4 | undefined;
}

export type PathType = 'intraArea' | 'interArea' | 'external1' | 'external2';

export interface OspfRoute {
  readonly prefix: Prefix;
  readonly pathType: PathType;
  readonly cost: number;
  /** Sorted by interface, then gateway; more than one means ECMP. */
  readonly nextHops: readonly NextHop[];
}

/** Why there is no adjacency, or an unsound one, as far as we can tell. */
export type TroubleReason =
  | 'area'
  | 'areaType'
  | 'mask'
  | 'helloInterval'
  | 'deadInterval'
  | 'authentication'
  | 'mtu'
  | 'noAnswer'
  | 'duplicateRouterId';

/** Why a packet, or an LSA inside one, was not used. Counter labels. */
export type DropReason =
  | DecodeReason
  /** A sequence number below the neighbor's last: a repetition of something old. */
  | 'authSequence'
  /** Ours to send, but there is no key to send it with. */
  | 'noKey'
  | 'interfaceDown'
  | 'passive'
  | 'ownPacket'
  | 'area'
  | 'subnet'
  | 'notDr'
  | 'unknownNeighbor'
  | 'duplicateRouterId'
  | 'helloMismatch'
  | 'mtu'
  | 'badState'
  | 'badLsRequest'
  | 'minLsArrival'
  | 'lsa'
  | 'tooManyNeighbors'
  | 'lsdbFull';

export type OspfEffect =
  /** `bytes` belongs to the receiver of the effect. Source is the interface's address; TTL 1. */
  | { readonly kind: 'send'; readonly interface: string; readonly destination: Ipv4; readonly bytes: Uint8Array }
  | { readonly kind: 'joinAllDRouters'; readonly interface: string }
  | { readonly kind: 'leaveAllDRouters'; readonly interface: string }
  | {
      readonly kind: 'interfaceChanged';
      readonly interface: string;
      readonly from: InterfaceStateName;
      readonly to: InterfaceStateName;
    }
  | {
      readonly kind: 'neighborChanged';
      readonly interface: string;
      readonly routerId: Ipv4;
      readonly address: Ipv4;
      readonly from: NeighborStateName;
      readonly to: NeighborStateName;
      /** The event that did it, in RFC words, e.g. `inactivityTimer`. */
      readonly reason: string;
    }
  /** For the operator: told at first sight, then once a minute for the same neighbor and reason while it lasts. */
  | {
      readonly kind: 'neighborTrouble';
      readonly interface: string;
      readonly address: Ipv4;
      /** 0 where it is not known. */
      readonly routerId: Ipv4;
      readonly reason: TroubleReason;
      /** A sentence with both sides' values. */
      readonly detail: string;
    }
  /**
   * LSAs of ours that announce prefixes went out (or were flushed): these are announced now, by router-LSA and by LSAs of
   * their own. `sequence` is the router-LSA's.
   */
  | { readonly kind: 'originated'; readonly sequence: number; readonly prefixes: readonly AnnouncedPrefix[] }
  /** A restart of our own: announced to the neighbors, begun by the next process, over. `detail` is for people. */
  | { readonly kind: 'restart'; readonly step: 'announced' | 'begun' | 'ended'; readonly detail: string }
  /** A neighbor restarts, and is helped until `until` at most; is not helped; is helped no longer. */
  | {
      readonly kind: 'helper';
      readonly interface: string;
      readonly routerId: Ipv4;
      readonly step: 'entered' | 'refused' | 'left';
      readonly until: Instant;
      readonly reason: string;
    }
  /** The whole table, sent when it differs from the last one. */
  | { readonly kind: 'routes'; readonly routes: readonly OspfRoute[] }
  | {
      readonly kind: 'dropped';
      readonly interface: string;
      readonly source: Ipv4;
      readonly reason: DropReason;
      readonly detail: string;
    }
  | { readonly kind: 'stopped' };

/** A row of `sluice neighbors`. */
export interface NeighborView {
  readonly interface: string;
  readonly network: NetworkType;
  /** 0 while a neighbor of the file's list has not been heard. */
  readonly routerId: Ipv4;
  readonly address: Ipv4;
  readonly priority: number;
  readonly state: NeighborStateName;
  /** What it is on its network, as far as we agree; undefined where nobody is elected, or it has not been heard. */
  readonly role: 'dr' | 'backup' | 'drOther' | undefined;
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
  /** Milliseconds until the neighbor counts as dead. */
  readonly deadIn: Millis;
  readonly retransmissions: number;
  readonly requests: number;
  /** What is known to be wrong with it now. */
  readonly trouble: string | undefined;
  /** It restarts and counts as Full for so long at most; undefined when it does not restart. */
  readonly helpedFor: Millis | undefined;
}

/** A restart of ours that is not over yet. */
export interface TakeOverView {
  readonly planned: boolean;
  /** Until it is over at the latest. */
  readonly left: Millis;
  readonly waitingFor: readonly string[];
}

/** A row of `sluice lsdb`. */
export interface LsaView {
  readonly type: number;
  readonly id: Ipv4;
  readonly advertisingRouter: Ipv4;
  readonly sequence: number;
  readonly checksum: number;
  /** Seconds, as of now. */
  readonly age: number;
  readonly length: number;
  readonly own: boolean;
  /** Human-readable content: links of a router-LSA, mask and metric of the others. */
  readonly summary: readonly string[];
  /** As it is in the database; not to be changed. */
  readonly lsa: Lsa;
}

/** Which LSAs a view of the database is to show; what is left out does not matter. */
export interface LsaFilter {
  /** LS types. */
  readonly types?: ReadonlySet<number> | undefined;
  readonly advertisingRouter?: Ipv4 | undefined;
  readonly own?: boolean | undefined;
}

export interface InterfaceView {
  readonly name: string;
  readonly state: InterfaceStateName;
  readonly network: NetworkType;
  readonly passive: boolean;
  /** The address is borrowed, or has no subnet: the interface is named by its index (RFC 2328 12.4.1.1). */
  readonly unnumbered: boolean;
  readonly address: Ipv4 | undefined;
  readonly prefixLength: number;
  readonly mtu: number;
  readonly cost: number;
  readonly designatedRouter: Ipv4;
  readonly backupDesignatedRouter: Ipv4;
  readonly neighbors: number;
  /** What is known to be wrong with those who speak there now. */
  readonly troubles: readonly string[];
  readonly authentication: AuthenticationView;
}

export interface AuthenticationView {
  /** Of the key that is sent with, else of the settings. */
  readonly algorithm: Algorithm | 'none';
  /** What is sent with; undefined without authentication, or without a key. */
  readonly keyId: number | undefined;
  readonly accepts: readonly number[];
  readonly standing: KeysInForce['standing'];
  readonly migrate: boolean;
}
