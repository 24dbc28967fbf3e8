/**
 * Connection sync as plain values: what the cluster file says of it, what the agent's main thread and its sync thread tell each
 * other, and what an operator may see of it. Everything here survives a structured clone.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Instant, Millis } from '../base/machine.ts';

/** Which connections of a service the other directors hold as well: those that were answered, all of them, none. */
export const SYNC_SCOPES = ['established', 'all', 'off'] as const;
export type SyncScope = (typeof SYNC_SCOPES)[number];

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
  readonly protocol: 'tcp' | 'udp';
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

/** A pre-shared key; one that is accepted only is never offered. */
export interface SyncKey {
  readonly id: string;
  readonly secret: Uint8Array;
  readonly acceptOnly: boolean;
}

/** All that the sync thread has to know; said again, as a whole, whenever anything of it has changed. */
export interface SyncSettings {
  readonly cluster: string;
  readonly self: SyncDirector;
  readonly peers: readonly SyncDirector[];
  readonly keys: readonly SyncKey[];
  /** SHA-256 of the cluster file, hexadecimal. */
  readonly configHash: string;
  /** 16 hexadecimal digits over how slots are hashed: directors that differ in it would disagree on every new connection. */
  readonly tableDigest: string;
  readonly syncTimeout: Millis;
  readonly services: readonly SyncService[];
  /** Of all directors of the file: local addresses of each, and those that they share. */
  readonly local: {
    readonly directors: readonly { readonly name: string; readonly local: readonly Ipv4[] }[];
    readonly shared: readonly Ipv4[];
  };
}

/** A director that is known to live. */
export interface SyncMember {
  readonly name: string;
  readonly routerId: Ipv4;
  /** Of its process: another one after every start. */
  readonly epoch: string;
  /** On the clock of this director's sync thread. */
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

/** What the main thread says to the sync thread. */
export type SyncOrder =
  | { readonly kind: 'configure'; readonly settings: SyncSettings }
  /** This director is about to leave: every peer is to hold all that it has. Answered by `flushed`. */
  | { readonly kind: 'flush' }
  /** Connections that match, a page at a time: answered by `connections` until one of them is the last. */
  | { readonly kind: 'list'; readonly id: number; readonly limit: number }
  | { readonly kind: 'end-list'; readonly id: number }
  /** The end: with a goodbye to the peers, which count this director as gone at once; or without, if it is to be back soon. */
  | { readonly kind: 'end'; readonly goodbye: string | undefined };

/** What the sync thread says to the main thread. */
export type SyncNews =
  | { readonly kind: 'members'; readonly view: MemberView }
  | { readonly kind: 'synced'; readonly reason: string }
  /** `silent`: peers that did not acknowledge in time. */
  | { readonly kind: 'flushed'; readonly silent: readonly string[] }
  /** Every second: the thread is alive. */
  | { readonly kind: 'status'; readonly status: SyncStatus }
  | { readonly kind: 'event'; readonly event: string; readonly values: Readonly<Record<string, unknown>> }
  /** Records as on the wire, as many as fit. */
  | { readonly kind: 'connections'; readonly id: number; readonly records: Uint8Array; readonly last: boolean }
  /** After `end`: nothing more will come. */
  | { readonly kind: 'ended' };
