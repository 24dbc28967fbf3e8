/** Documents of the control API about connection sync; conventions as in `documents.ts`. */

/** Of `GET /v1/sync`. */
export interface SyncDocument {
  /**
   * `off`: the cluster file has no keys; `down`: there is no sync thread, or it is stuck; `syncing`: peers' connections are still
   * to be copied; `synced`.
   */
  readonly state: 'off' | 'down' | 'syncing' | 'synced';
  /** Why the state is `down`. */
  readonly fault: string | null;
  /** Who lives, this director among them, and who is known to be gone; null while nothing is known of that. */
  readonly members: SyncMembersDocument | null;
  /** Connections that are known here: all, those that this director carries, and the bytes of memory that they take. */
  readonly connections: { readonly total: number; readonly own: number; readonly bytes: number };
  /** Services whose connections are not synced although the cluster file has keys, and what becomes of one that moves. */
  readonly leftOut: readonly { readonly service: string; readonly reason: string }[];
  /** Are the others asked whose a packet is that nobody here knows? If not, such packets go where the hash sends new ones. */
  readonly secondChance: boolean;
  readonly peers: readonly SyncPeerDocument[];
  /** Since the sync thread began; a name that never occurred is left out. */
  readonly counters: Readonly<Record<string, number>>;
}

export interface SyncMembersDocument {
  /** `epoch`: 16 hexadecimal digits, others after each start. `age`: since it was found to live. */
  readonly living: readonly { readonly name: string; readonly epoch: string; readonly age: number }[];
  readonly dead: readonly { readonly name: string; readonly age: number }[];
}

export interface SyncPeerDocument {
  readonly name: string;
  readonly state: string;
  /** How long it has been in that state. */
  readonly age: number;
  /** From the kernel's event here to the peer's acknowledgement, over the last minute; null while there were none. */
  readonly lag: { readonly p50: number; readonly p99: number } | null;
  /** Per second. */
  readonly recordsOut: number;
  readonly recordsIn: number;
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** Bytes that it has not acknowledged yet. */
  readonly unacknowledged: number;
  /** Has it the same cluster file? Null while it is not there. */
  readonly sameFile: boolean | null;
  /** Did its digests agree with ours when they were last compared? Null before that. */
  readonly digestsMatch: boolean | null;
  /** Connections of this director that the peer is not known to hold. */
  readonly unprotected: number;
  readonly lastError: string | null;
}

/** Of `GET /v1/connections`. */
export interface ConnectionsDocument {
  /** At most some thousands; none is no sign that there are no more. */
  readonly connections: readonly ConnectionDocument[];
  /** For the query of the next page; null = this was the last. */
  readonly cursor: number | null;
}

export interface ConnectionDocument {
  readonly protocol: string;
  /** Endpoints are `ADDRESS:PORT`. */
  readonly client: string;
  readonly vip: string;
  readonly server: string;
  /** What the server sees as its client; the client itself unless an address of ours is put in its place. */
  readonly local: string;
  /** Null: of none that the data plane has now. */
  readonly service: string | null;
  /** The director that carries it: its name, or its router id when the file has it no more. */
  readonly owner: string;
  /** How often it has changed its owner. */
  readonly epoch: number;
  /** As conntrack has it; `-` where there are no states. */
  readonly state: string;
  /** Nobody told of it: it was computed from what a director that is gone must have done. */
  readonly predicted: boolean;
  /** Milliseconds until it is forgotten if nobody hears of it. */
  readonly expiresIn: number;
}
