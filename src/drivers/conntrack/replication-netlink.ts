/**
 * Connection replication by ctnetlink, in the network namespace that we run in.
 *
 * Three sockets. One asks and writes; what it causes is kept out of the other two by its port. One hears of what begins and ends.
 * One hears of claims alone (a packet of the client has turned REPLICA into MOVED), so that a flood of new connections cannot
 * drown them; it is always read before the other, because what was claimed may have ended since. Lost claims are found again by
 * a dump of what is marked MOVED; other lost events are the listener's to repair.
 *
 * Which events there are is up to the ruleset (src/core/dataplane/rules/ownership.ts), which of them wake us to the filters
 * (src/core/netlink/conntrack-filters.ts), what they become is in `flow-record.ts`, and how records are written in
 * `record-writer.ts`.
 */
import { setImmediate } from 'node:timers/promises';
import { MOVED_BIT, REPLICA_BIT, SERVER_ID_MASK } from '../../core/dataplane/mark.ts';
import type { SyncService } from '../../core/model/sync.ts';
import type { SyncScope } from '../../core/model/sync-scope.ts';
import type { ConnectionFilter, Tuple } from '../../core/netlink/conntrack.ts';
import {
  IPCTNL_MSG_CT_DELETE,
  IPS_CONFIRMED,
  IPS_SEEN_REPLY,
  NFNLGRP_CONNTRACK_DESTROY,
  NFNLGRP_CONNTRACK_NEW,
  NFNLGRP_CONNTRACK_UPDATE,
} from '../../core/netlink/conntrack-codes.ts';
import { claimFilter, eventFilter } from '../../core/netlink/conntrack-filters.ts';
import { FLOW_WORDS, Flow, isRedirected, messageType, readFlow } from '../../core/netlink/flow.ts';
import { joinRecords, RECORD_BYTES } from '../../core/sync/records/record.ts';
import { type CtnetlinkSocket, type OpenCtnetlink, openCtnetlink } from '../../io/ctnetlink.ts';
import { KernelError } from '../../io/kernel-error.ts';
import { dumpFlows } from './flow-dump.ts';
import {
  type MarkedService,
  RecordBatch,
  ServiceIndex,
  toldOfChange,
  toldOfClaim,
  toldOfEnd,
  toldOfEntry,
} from './flow-record.ts';
import { type Outcome, RecordWriter } from './record-writer.ts';
import type { Applied, DumpOptions, Replication, ReplicationCounts, ReplicationListener } from './replication.ts';
import { WaitingRecords } from './waiting-records.ts';

/** A message is 232 bytes, and more with extensions that we do not use; not a power of two, so that slots share no cache line. */
const SLOT_BYTES = 1088;
const BATCH = 256;
/** 26,000 events: a quarter of a second at 100,000 a second. */
const EVENT_BYTES = 32 * 1024 * 1024;
/** All answers to a chunk, several times. */
const ANSWER_BYTES = 4 * 1024 * 1024;
/** 16,000 events a second: below, and in bursts, waking up for each costs less than a millisecond's wait would delay them. */
const REST = { from: 256, within: 16, milliseconds: 1 };
/** Chunks that are written before the event loop goes on. */
const CHUNKS_PER_TURN = 4;
const MARK_BITS = { serverId: SERVER_ID_MASK, replica: REPLICA_BIT, moved: MOVED_BIT };
/** Ids of events that belonged to no service when they came. */
const MAX_UNKNOWN_IDS = 1024;

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const NO_COUNTS: ReplicationCounts = {
  told: 0,
  foreign: 0,
  lost: 0,
  claimsLost: 0,
  created: 0,
  updated: 0,
  refreshed: 0,
  demoted: 0,
  deleted: 0,
  notDeleted: 0,
  refusedNoServer: 0,
  refusedConflict: 0,
  refusedOther: 0,
  waiting: 0,
};

const REFUSED: ReadonlySet<Outcome> = new Set<Outcome>(['refusedNoServer', 'refusedConflict', 'refusedOther']);

type Decide = (flow: Uint32Array, scope: SyncScope) => ReturnType<typeof toldOfChange>;
type DecideEntry = (flow: Uint32Array, marked: MarkedService) => ReturnType<typeof toldOfEntry>;

interface Sockets {
  readonly requests: CtnetlinkSocket;
  readonly events: CtnetlinkSocket;
  readonly claims: CtnetlinkSocket;
  readonly writer: RecordWriter;
}

export class NetlinkReplication implements Replication {
  readonly #open: OpenCtnetlink;
  #sockets: Sockets | undefined;
  #listener: ReplicationListener | undefined;
  #services = new ServiceIndex([]);
  readonly #counts: Mutable<ReplicationCounts> = { ...NO_COUNTS };
  readonly #waiting = new WaitingRecords();
  readonly #flow = new Uint32Array(FLOW_WORDS);
  readonly #told = new RecordBatch(BATCH);
  readonly #toldClaims = new RecordBatch(BATCH);
  readonly #unknownIds = new Set<number>();
  #refused: Uint8Array[] = [];
  #taken = 0;
  /** Batches wait for those before them. */
  #last: Promise<unknown> = Promise.resolve();
  #inLine = 0;
  #repairing: Promise<void> | undefined;

  constructor(open: OpenCtnetlink = openCtnetlink) {
    this.#open = open;
  }

  async open(listener: ReplicationListener): Promise<void> {
    const shape = { slotBytes: SLOT_BYTES, batch: BATCH };
    const requests = this.#open({ ...shape, receiveBytes: ANSWER_BYTES });
    const opened = [requests];
    try {
      const events = this.#listen(opened, [NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY], {
        filter: eventFilter(requests.portId, MARK_BITS, this.#services.wantsAll),
        batch: (socket, datagrams) => {
          this.#drainClaims();
          this.#tellEvents(socket, datagrams);
        },
        lost: () => {
          this.#counts.lost += 1;
          listener.lost();
        },
      });
      const claims = this.#listen(opened, [NFNLGRP_CONNTRACK_UPDATE], {
        filter: claimFilter(requests.portId, MARK_BITS),
        batch: (socket, datagrams) => this.#tellClaims(socket, datagrams),
        lost: () => this.#repairClaims(),
      });
      const writer = new RecordWriter(requests, { settled: this.#settle });
      this.#sockets = { requests, events, claims, writer };
    } catch (error) {
      for (const socket of opened) socket.close();
      throw error;
    }
    this.#listener = listener;
    if (this.#services.wantsAll) this.#sockets.events.join(NFNLGRP_CONNTRACK_NEW);
  }

  #listen(
    opened: CtnetlinkSocket[],
    groups: readonly number[],
    how: {
      readonly filter: ReturnType<typeof claimFilter>;
      batch(socket: CtnetlinkSocket, datagrams: number): void;
      lost(): void;
    },
  ): CtnetlinkSocket {
    const socket: CtnetlinkSocket = this.#open({
      slotBytes: SLOT_BYTES,
      batch: BATCH,
      receiveBytes: EVENT_BYTES,
      rest: REST,
      groups,
      filter: how.filter,
      listener: {
        batch: (datagrams) => how.batch(socket, datagrams),
        lost: () => how.lost(),
        failed: (error) => this.#listener?.failed(error),
      },
    });
    opened.push(socket);
    return socket;
  }

  configure(services: readonly SyncService[]): void {
    const { wantsAll } = this.#services;
    this.#services = new ServiceIndex(services);
    if (this.#sockets !== undefined && wantsAll !== this.#services.wantsAll) {
      const { events, requests } = this.#sockets;
      events.filter(eventFilter(requests.portId, MARK_BITS, this.#services.wantsAll));
      if (this.#services.wantsAll) events.join(NFNLGRP_CONNTRACK_NEW);
    }
    if (this.#waiting.size > 0) this.apply(this.#waiting.take()).catch(this.#fail);
    this.#askForUnknown();
  }

  /** What was told before its server was known is lost to the listener, as far as it can tell. */
  #askForUnknown(): void {
    const known = [...this.#unknownIds].some((id) => this.#services.ofMark(id) !== undefined);
    this.#unknownIds.clear();
    if (known) this.#listener?.lost();
  }

  readonly #fail = (error: unknown): void => {
    if (error instanceof KernelError) this.#listener?.failed(error);
    else throw error;
  };

  // ---- out of the kernel ---------------------------------------------------------------------------------------------

  #tellEvents(socket: CtnetlinkSocket, datagrams: number): void {
    this.#tell(socket, datagrams, this.#told, toldOfChange, toldOfEnd);
  }

  #tellClaims(socket: CtnetlinkSocket, datagrams: number): void {
    this.#tell(socket, datagrams, this.#toldClaims, toldOfClaim, toldOfClaim);
  }

  #tell(socket: CtnetlinkSocket, datagrams: number, batch: RecordBatch, change: Decide, end: Decide): void {
    const view = viewOf(socket);
    const { table } = socket;
    const flow = this.#flow;
    for (let row = 0; row < datagrams; row++) {
      const at = table[2 * row]!;
      // Others may mark connections, too; what our rules have marked, they have translated.
      if (!readFlow(view, at, at + table[2 * row + 1]!, flow) || !isRedirected(flow)) continue;
      const marked = this.#services.ofMark(flow[Flow.mark]!);
      if (marked === undefined) {
        this.#noteUnknown(flow[Flow.mark]!);
        continue;
      }
      const isEnd = messageType(view, at) === IPCTNL_MSG_CT_DELETE;
      const told = (isEnd ? end : change)(flow, marked.scope);
      if (told !== undefined) batch.add(flow, told, marked.service);
    }
    this.#deliver(batch);
  }

  #deliver(batch: RecordBatch): void {
    if (batch.isEmpty) return;
    const records = batch.take();
    this.#counts.told += records.length / RECORD_BYTES;
    this.#listener?.records(records);
  }

  #noteUnknown(mark: number): void {
    this.#counts.foreign += 1;
    if (this.#unknownIds.size < MAX_UNKNOWN_IDS) this.#unknownIds.add(mark & SERVER_ID_MASK);
  }

  #drainClaims(): void {
    const claims = this.#sockets?.claims;
    if (claims === undefined) return;
    for (let rows = claims.receive(); rows !== 0; rows = claims.receive()) {
      if (rows < 0) this.#repairClaims();
      else this.#tellClaims(claims, rows);
    }
  }

  /** What has happened before is told before what a dump says. */
  #drainEvents(): void {
    this.#drainClaims();
    const events = this.#sockets?.events;
    if (events === undefined) return;
    for (let rows = events.receive(); rows !== 0; rows = events.receive()) {
      if (rows < 0) this.#listener?.lost();
      else this.#tellEvents(events, rows);
    }
  }

  /** One dump at a time; claims that are lost during it are in it, or are told again by the next loss. */
  #repairClaims(): void {
    this.#counts.claimsLost += 1;
    const again = async () => {
      const claim: DecideEntry = (flow, { scope }) => toldOfClaim(flow, scope);
      await this.#dump({ value: MOVED_BIT, mask: MOVED_BIT }, claim, (records) => this.#listener?.records(records));
    };
    this.#repairing = (this.#repairing ?? Promise.resolve()).then(again).catch(this.#fail);
  }

  async dump(
    { replicas, service, most }: DumpOptions,
    on: (records: Uint8Array) => void | Promise<void>,
  ): Promise<void> {
    const value = replicas === true ? REPLICA_BIT : 0;
    const decide: DecideEntry = (flow, marked) => {
      if (service === undefined) return toldOfEntry(flow, marked.scope);
      return marked.service === service ? toldOfEntry(flow, 'established') : undefined;
    };
    await this.#dump(replicas === undefined ? undefined : { value, mask: REPLICA_BIT }, decide, on, most);
  }

  async #dump(
    mark: ConnectionFilter['mark'],
    decide: DecideEntry,
    on: (records: Uint8Array) => void | Promise<void>,
    most = Number.POSITIVE_INFINITY,
  ): Promise<void> {
    let left = most;
    let batch = new RecordBatch(BATCH);
    const full: Uint8Array[] = [];
    const take = (flow: Uint32Array) => {
      const marked = this.#services.ofMark(flow[Flow.mark]!);
      const told = marked && isRedirected(flow) ? decide(flow, marked) : undefined;
      if (told === undefined || left === 0) return;
      left -= 1;
      batch.add(flow, told, marked!.service);
      if (!batch.isFull) return;
      full.push(batch.take());
      batch = new RecordBatch(BATCH);
    };
    const flush = async () => {
      // Who takes an entry that has begun since for one from before takes a reboot for a restart.
      this.#drainEvents();
      for (const records of full.splice(0)) {
        this.#counts.told += records.length / RECORD_BYTES;
        await on(records);
      }
      return left > 0;
    };
    // What nobody has answered is told of only where all is. An older kernel cannot select by status, and tells all.
    const least = this.#services.wantsAll ? IPS_CONFIRMED : IPS_SEEN_REPLY;
    const status = { value: least, mask: least };
    await dumpFlows(this.#open, { status, ...(mark && { mark }) }, take, flush);
    if (!batch.isEmpty) full.push(batch.take());
    await flush();
  }

  // ---- into the kernel -----------------------------------------------------------------------------------------------

  /** At once where nothing waits: the entry is there when this returns. */
  apply(records: Uint8Array): Promise<Applied> {
    const applied = this.#inLine === 0 ? this.#apply(records) : this.#last.then(() => this.#apply(records));
    this.#inLine += 1;
    const settled = () => {
      this.#inLine -= 1;
    };
    this.#last = applied.then(settled, settled);
    return applied;
  }

  async #apply(records: Uint8Array): Promise<Applied> {
    this.#waiting.noteDeletes(records);
    this.#refused = [];
    this.#taken = 0;
    const conflicts = this.#counts.refusedConflict;
    for (let at = 0, chunks = 1; at < records.length; chunks++) {
      at = this.#writer().write(records, at, this.#services);
      if (chunks % CHUNKS_PER_TURN === 0 && at < records.length) await setImmediate();
    }
    const inUse = this.#counts.refusedConflict - conflicts;
    return { taken: this.#taken, refused: joinRecords(this.#refused), inUse };
  }

  readonly #settle = (records: Uint8Array, at: number, outcome: Outcome): void => {
    this.#counts[outcome] += 1;
    if (!REFUSED.has(outcome)) {
      this.#taken += 1;
      return;
    }
    this.#refused.push(records.slice(at, at + RECORD_BYTES));
    if (outcome === 'refusedNoServer') this.#waiting.add(records, at);
  };

  #writer(): RecordWriter {
    if (this.#sockets === undefined) throw new KernelError('conntrack-apply', { text: 'not open' });
    return this.#sockets.writer;
  }

  async get(direction: 'original' | 'reply', tuple: Tuple): Promise<Uint8Array | undefined> {
    const question = new Uint32Array(FLOW_WORDS);
    const [source, destination, sport, dport] =
      direction === 'original'
        ? [Flow.source, Flow.destination, Flow.sport, Flow.dport]
        : [Flow.replySource, Flow.replyDestination, Flow.replySport, Flow.replyDport];
    question[Flow.protocol] = tuple.protocol;
    question[source] = tuple.source;
    question[destination] = tuple.destination;
    question[sport] = tuple.sport;
    question[dport] = tuple.dport;
    const flow = new Uint32Array(FLOW_WORDS);
    if (!this.#writer().look(question, direction === 'reply', flow)) return undefined;
    const marked = this.#services.ofMark(flow[Flow.mark]!);
    const told = marked && isRedirected(flow) ? toldOfEntry(flow, 'all') : undefined;
    if (told === undefined) return undefined;
    const batch = new RecordBatch(1);
    batch.add(flow, told, marked!.service);
    return batch.take();
  }

  counts(): ReplicationCounts {
    return { ...this.#counts, waiting: this.#waiting.size };
  }

  async close(): Promise<void> {
    const sockets = this.#sockets;
    this.#sockets = undefined;
    this.#listener = undefined;
    if (sockets === undefined) return;
    for (const socket of [sockets.events, sockets.claims, sockets.requests]) socket.close();
  }
}

const views = new WeakMap<CtnetlinkSocket, DataView>();

/** A socket has one buffer for all its life. */
function viewOf(socket: CtnetlinkSocket): DataView {
  const known = views.get(socket);
  if (known !== undefined) return known;
  const view = new DataView(socket.bytes.buffer, socket.bytes.byteOffset, socket.bytes.byteLength);
  views.set(socket, view);
  return view;
}
