/**
 * The host's connections as records that directors exchange: what happens here is told as records, and records of other
 * directors become entries here.
 *
 * In and out are batches of records (src/core/sync/records/record.ts), never an object per connection. What is told has neither owner
 * nor epoch (both 0): these are not the kernel's to know. What began here has a birth, which stays what it is. The marks of this host (which id a server has, who carries an entry)
 * never leave it: records name service and server, and a flag says that another director carries the entry.
 *
 * Adapters: `replication-netlink.ts`, and `replication-fake.ts`; both pass the suite in test/contract/conntrack. Not here: who
 * owns a connection, what is sent to whom, when a copy is refreshed.
 */
import type { SyncService } from '../../core/model/sync.ts';
import type { Tuple } from '../../core/netlink/conntrack.ts';
import type { KernelError } from '../../io/kernel-error.ts';

export interface ReplicationListener {
  /**
   * What the kernel told, in its order; never what `apply` has done. The bytes are the listener's for the call only.
   *
   *   put      a connection is established, or answered (UDP). Of a service that syncs `all`: also each step before.
   *            Flag `claimed`: a packet of its client has made it ours, which another director carried. It may be told more
   *            than once, and has no window scale.
   *   delete   it is over: both ends have closed, or one has reset; or the entry is gone.
   *            Flag `replica`: only the copy of what another director carries is gone.
   *   closing  of an entry that another director carries: FIN or RST went by this host, `state` says which.
   */
  records(records: Uint8Array): void;
  /** Events were lost: what is known may be wrong until it is dumped. Lost claims are not lost: they are told again. */
  lost(): void;
  /** No event will come any more. */
  failed(error: KernelError): void;
}

/** What became of a batch. */
export interface Applied {
  /** Records whose entry is now as they say: made, changed, or gone. */
  readonly taken: number;
  /**
   * Records that could not be put, as they were given. What lacks a server id here is kept, within bounds, and tried again
   * when `configure` brings one; the others are taken by somebody: tuples in use, a full table.
   */
  readonly refused: Uint8Array;
  /** How many of those are refused because somebody has their tuples. */
  readonly inUse: number;
}

/** Which entries of ours a dump is to tell. */
export interface DumpOptions {
  /** Those that other directors carry; those carried here; undefined = all. */
  readonly replicas: boolean | undefined;
  /** Those of one service alone, by the hash of its name, whether it is synced or not. */
  readonly service?: number;
  /** About so many are enough. */
  readonly most?: number;
}

/** Since `open`, by name; all of them only grow. */
export interface ReplicationCounts {
  /** Records told to the listener. */
  readonly told: number;
  /** Events of entries that belong to no service that is synced. */
  readonly foreign: number;
  /** Times that events were lost, and that claims were. */
  readonly lost: number;
  readonly claimsLost: number;
  readonly created: number;
  readonly updated: number;
  readonly refreshed: number;
  readonly demoted: number;
  readonly deleted: number;
  /** Deletes that found nothing, or something that is not a copy. */
  readonly notDeleted: number;
  readonly refusedNoServer: number;
  readonly refusedConflict: number;
  /** Everything else that the kernel did not take, a full table above all. */
  readonly refusedOther: number;
  /** Waiting for their server to get an id; the only one that shrinks. */
  readonly waiting: number;
}

export interface Replication {
  /**
   * Tells of connections from now on; nothing before `configure`.
   *
   * @throws KernelError `conntrack-subscribe` (`EPERM`)
   */
  open(listener: ReplicationListener): Promise<void>;
  /** All services that there are; what belongs to none of them, or to one that is not synced, is not told. */
  configure(services: readonly SyncService[]): void;
  /**
   * All connections of services that are synced and worth telling, as `put`, in any order; entries that another director
   * carries have the flag `replica`. What changes meanwhile may be in it or not; what has begun before an entry is told of was
   * told as an event before. The bytes are for the call only; the next
   * records come when `on` has resolved.
   *
   * @throws KernelError `conntrack-dump`
   */
  dump(options: DumpOptions, on: (records: Uint8Array) => void | Promise<void>): Promise<void>;
  /**
   * Makes entries be as the records say, in their order; batches in the order of calls.
   *
   *   put      an entry that another director carries, with the server's id of this host; one that is there already gets
   *            state and timeout. Flag `demote`: an entry carried here is carried by another director from now on; nothing
   *            else of it changes.
   *   refresh  the timeout, nothing else; an entry that is not there is made.
   *   delete   the entry, if another director carries it.
   *   closing  nothing.
   *
   * @throws KernelError `conntrack-apply` when the socket fails; what one message cannot do is in the answer
   */
  apply(records: Uint8Array): Promise<Applied>;
  /**
   * The connection that a packet belongs to, as `put`: with the packet's own tuple, `original` for packets of the client,
   * `reply` for those of the server. Undefined: none, or none of ours.
   *
   * @throws KernelError `conntrack-get`
   */
  get(direction: 'original' | 'reply', tuple: Tuple): Promise<Uint8Array | undefined>;
  counts(): ReplicationCounts;
  close(): Promise<void>;
}
