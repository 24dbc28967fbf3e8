/**
 * Connection sync as plain values: what the cluster file says of it, what the agent's main thread and its sync thread tell each
 * other, and what an operator may see of it. Everything here survives a structured clone.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Instant, Millis } from '../base/machine.ts';
import type { DesiredDataplane } from './dataplane.ts';
import type { Protocol } from './protocol.ts';
import type { SyncScope } from './sync-scope.ts';

/** TCP port of the streams between directors, unless the file says otherwise. */
export const SYNC_PORT = 7171;

export interface Endpoint {
  readonly address: Ipv4;
  readonly port: number;
}

/** `10.2.0.11:7171`, the port always. */
export function formatEndpoint({ address, port }: Endpoint): string {
  return `${formatIpv4(address)}:${port}`;
}

/** A service whose connections may be synced, as one director has it. */
export interface SyncService {
  readonly name: string;
  /** Stands for the name in records: `jhashText` with a seed that never changes. */
  readonly service: number;
  /** 16 hexadecimal digits over all that decides where its connections go: directors that differ in it would disagree. */
  readonly digest: string;
  readonly vips: readonly Ipv4[];
  /** None where packets are known by their mark; then its VIPs are of no other service. */
  readonly ports: readonly number[];
  readonly protocol: Protocol;
  /** Its connections have a local address of ours for a source, on their way to the server. */
  readonly fullnat: boolean;
  readonly sync: SyncScope;
  /** What stands for each of its servers in the marks of this director's connections; another director has other numbers. */
  readonly serverIds: readonly (readonly [server: Ipv4, id: number])[];
  /** Seconds that a connection of it lasts unused once it is established. */
  readonly establishedTimeout: number;
  /** Seconds that a client is remembered; undefined = clients are not. */
  readonly persistence: number | undefined;
}

export interface SyncDirector {
  readonly name: string;
  readonly routerId: Ipv4;
  readonly endpoint: Endpoint;
}

/** A key of the ring on its way to the thread: a `Secret` would arrive empty. */
export interface BareSyncKey {
  readonly id: string;
  readonly secret: Uint8Array;
  readonly acceptOnly: boolean;
}

/** All that the sync thread has to know; said again, as a whole, whenever anything of it has changed. */
export interface SyncSettings {
  readonly cluster: string;
  readonly self: SyncDirector;
  readonly peers: readonly SyncDirector[];
  readonly keys: readonly BareSyncKey[];
  /** SHA-256 of the cluster file, hexadecimal. */
  readonly configHash: string;
  /** 16 hexadecimal digits over how slots are hashed: directors that differ in it would disagree on every new connection. */
  readonly tableDigest: string;
  readonly syncTimeout: Millis;
  /** For so long at most a director is waited for that has said to be back soon. */
  readonly grace: Millis;
  readonly services: readonly SyncService[];
  /** It is not known yet what the kernel calls the servers: nothing in it could be told to be a connection of ours. */
  readonly unnamed?: boolean;
  /** What the kernel is to hold, by which it can be said where a connection of another director went. */
  readonly plane: DesiredDataplane;
  /** The file for who was behind an address of ours, absolute; undefined = nobody wants to know. */
  readonly mappingLog?: string | undefined;
}

/** A director that is known to live. */
export interface SyncMember {
  readonly name: string;
  readonly routerId: Ipv4;
  /** Of its process: another one after every start. */
  readonly epoch: string;
  /** On the agent's clock. */
  readonly since: Instant;
}

export interface DeadMember {
  readonly name: string;
  readonly since: Instant;
}

/** Who lives, this director among them, and who is known to be gone. */
export interface MemberView {
  readonly living: readonly SyncMember[];
  readonly dead: readonly DeadMember[];
}

/** What is known of the stream to one peer. Rates are of the last second, lags of the last minute. */
export interface SyncPeerStatus {
  readonly name: string;
  readonly state: string;
  readonly since: Instant;
  /** Milliseconds from the kernel's event to the peer's acknowledgement; undefined while there were none. */
  readonly lag: { readonly p50: number; readonly p99: number } | undefined;
  readonly recordsOut: number;
  readonly recordsIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Bytes that it has not acknowledged yet. */
  readonly unacknowledged: number;
  /** The beginning of its cluster file's hash, 16 hexadecimal digits; undefined while it is not there. */
  readonly fileHash: string | undefined;
  /** Did its digests agree with ours when they were last compared? Undefined before that. */
  readonly digestsMatch: boolean | undefined;
  /** Our connections that it is not known to hold. */
  readonly unprotected: number;
  readonly lastError: string | undefined;
}

export interface SyncStatus {
  /** Are our peers' connections here, so that this director may announce? */
  readonly synced: boolean;
  readonly connections: { readonly total: number; readonly own: number; readonly bytes: number };
  readonly peers: readonly SyncPeerStatus[];
  /** By name, since the thread began. */
  readonly counters: Readonly<Record<string, number>>;
}

/** Connections that an operator asks for: those of which all that is given is true. */
export interface ConnectionFilter {
  readonly client?: Ipv4 | undefined;
  readonly vip?: Ipv4 | undefined;
  readonly server?: Ipv4 | undefined;
  /** Router id of the director that carries it. */
  readonly owner?: Ipv4 | undefined;
  /** What the server sees as its client: address and port. */
  readonly local?: Ipv4 | undefined;
  readonly localPort?: number | undefined;
}

/** What an operator hears of connection sync. */
export type SyncEventName =
  /** This director may announce: it holds its peers' connections, or waits no longer. */
  | 'sync-complete'
  | 'sync-peer-up'
  | 'sync-peer-down'
  /** A peer does not keep up, and gets what it lacks as a whole when it does again. */
  | 'sync-peer-behind'
  | 'sync-peer-caught-up'
  /** Who lives. */
  | 'sync-members'
  /** Somebody was not let in. */
  | 'sync-refused'
  /** A peer has another cluster file; another definition of a service. */
  | 'sync-file-differs'
  | 'sync-services-differ'
  /** The kernel's events were lost, and all connections are listed. */
  | 'sync-events-lost'
  /** Young connections are left out for want of time. */
  | 'sync-overload'
  | 'sync-fault'
  /** Lines of the mapping log cannot be written, or are left out; they are written again, and so many are missing. */
  | 'mapping-log-fault'
  | 'mapping-log-mended';

/** What the main thread says to the sync thread. */
export type SyncOrder =
  | { readonly kind: 'configure'; readonly settings: SyncSettings }
  /** This director is about to leave: every peer is to hold all that it has. Answered by `flushed`. */
  | { readonly kind: 'flush' }
  /** A page of the connections that match, from `cursor` on (0 at first); answered by `connections` with the same id. */
  | { readonly kind: 'list'; readonly id: number; readonly cursor: number; readonly filter: ConnectionFilter }
  /** Clients that this director remembers, as persistence entries: put and delete. */
  | { readonly kind: 'clients'; readonly records: Uint8Array }
  /** The files that are written may have been moved away: they are begun anew. */
  | { readonly kind: 'reopen' }
  /**
   * The end: with a goodbye to the peers, which count this director as gone at once, or when it is not back within `back`; or
   * without a word.
   */
  | { readonly kind: 'end'; readonly goodbye: string | undefined; readonly back?: Millis | undefined };

/** What the sync thread says to the main thread. */
export type SyncNews =
  | { readonly kind: 'members'; readonly view: MemberView }
  /** `waiting`: services that are not to be announced yet, as peers define them otherwise. Said again when that changes. */
  | { readonly kind: 'synced'; readonly reason: string; readonly waiting: readonly string[] }
  /** `silent`: peers that did not acknowledge in time. */
  | { readonly kind: 'flushed'; readonly silent: readonly string[] }
  /** Every second: the thread is alive. `answersMisses`: it is there to find out whose an unknown packet is. */
  | { readonly kind: 'status'; readonly status: SyncStatus; readonly answersMisses: boolean }
  | { readonly kind: 'event'; readonly event: SyncEventName; readonly values: Readonly<Record<string, unknown>> }
  /** Records; where the next page begins, undefined = there is none. */
  | {
      readonly kind: 'connections';
      readonly id: number;
      readonly records: Uint8Array;
      readonly cursor: number | undefined;
    }
  /** What is to become of clients that other directors remember, as persistence entries: put, refresh and delete. */
  | { readonly kind: 'clients'; readonly records: Uint8Array }
  /** Nothing is known of the clients that this director remembers: all are to be told. */
  | { readonly kind: 'clients-wanted' }
  /** After `end`: nothing more will come. */
  | { readonly kind: 'ended' };
