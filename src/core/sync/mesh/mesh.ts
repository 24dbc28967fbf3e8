/**
 * The mesh of directors: what the kernel tells of connections goes to all peers, what peers tell becomes entries of the
 * kernel, and who lives follows from the streams between them.
 *
 * In: the kernel's records, the bytes of the streams, questions, and time. Out: bytes to send, records to apply, the view of
 * who lives, and when this director may announce (`synced`) or has told all that it has (`flushed`). One per process.
 *
 * This file only composes: streams are `links.ts` and `peer-session.ts`, merging `ownership.ts`, giving and taking of what is
 * missing `donor.ts` and `catch-up.ts`, presence `membership.ts`, starting `join-barrier.ts` and `kernel-dump.ts`, repeating
 * `refresh.ts`, giving way `shedding.ts`, asking `queries.ts` and `prefetch.ts`. It knows records and frames, nothing of
 * netlink, TLS, threads.
 */
import type { Instant, Machine, Millis } from '../../base/machine.ts';
import type { SyncSettings, SyncStatus } from '../../model/sync.ts';
import type { Hello } from '../frames/hello.ts';
import { Field, Op, RECORD_BYTES, RecordFlag } from '../records/record.ts';
import { CatchUp, type CatchUpHost } from '../replicas/catch-up.ts';
import { Donor } from '../replicas/donor.ts';
import { JoinBarrier, type JoinPeer, servicesThatDiffer } from '../replicas/join-barrier.ts';
import { KernelDump } from '../replicas/kernel-dump.ts';
import { LeaveBarrier } from '../replicas/leave-barrier.ts';
import { Ownership } from '../replicas/ownership.ts';
import { Refresh } from '../replicas/refresh.ts';
import { ConnectionTable } from '../table/connection-table.ts';
import { helloOf, strangerFault } from './greeting.ts';
import { Links } from './links.ts';
import { Membership } from './membership.ts';
import type { MeshEffect, MeshInput } from './mesh-events.ts';
import { Outbox } from './outbox.ts';
import type { Ending, PeerFrame, PeerSession, SessionHost } from './peer-session.ts';
import { Prefetching } from './prefetch.ts';
import { Queries } from './queries.ts';
import { Shedding } from './shedding.ts';
import { meshStatus, type RatesBefore } from './status.ts';

/** Refreshes and what else is done in slices. */
const TICK: Millis = 250;
/** A peer that has not told for so long what it remembers of us does not keep the others waiting. */
const RECALL: Millis = 30_000;
const DIGESTS_EVERY: Millis = 10_000;

export class Mesh implements Machine<MeshInput, MeshEffect>, SessionHost, CatchUpHost {
  readonly self: number;
  readonly ownership: Ownership;
  readonly #epoch: string;
  readonly #table: ConnectionTable;
  readonly #membership = new Membership();
  readonly #links: Links;
  readonly #dump: KernelDump;
  readonly #outbox: Outbox;
  readonly #refresh: Refresh;
  readonly #shedding: Shedding;
  readonly #queries: Queries;
  readonly #prefetching: Prefetching;
  readonly #barrier: JoinBarrier;
  readonly #leave = new LeaveBarrier();
  /** Peers whose memory of our earlier life has been dealt with. */
  readonly #met = new Set<string>();
  readonly #rates: RatesBefore = new Map();
  #settings: SyncSettings;
  #effects: MeshEffect[] = [];
  #now: Instant;
  #deadline: Instant | undefined;
  #tickAt: Instant;
  #digestsAt: Instant;
  #ids = 0;
  #recalling = false;

  /**
   * @param epoch 16 random hexadecimal digits of this process
   * @param settings as a first `configure`; the router id stays what it is here
   */
  constructor({ epoch, settings }: { readonly epoch: string; readonly settings: SyncSettings }, now: Instant) {
    const seed = Number.parseInt(epoch.slice(0, 8), 16);
    this.#epoch = epoch;
    this.self = settings.self.routerId;
    this.#settings = settings;
    this.#now = now;
    this.#table = new ConnectionTable({ seed });
    this.#links = new Links(this.#table, this);
    this.ownership = new Ownership(this.self, this.#table, (bytes, at) => this.#dump.judge(bytes, at, this.#recalling));
    this.#dump = new KernelDump(this.ownership, seed, now);
    this.#outbox = new Outbox(this.ownership, () => this.#links.sessions);
    this.#refresh = new Refresh(this.ownership);
    this.#shedding = new Shedding(seed, (bytes, at) => this.ownership.kernelPut(bytes, at, this.seconds));
    this.#queries = new Queries(this.ownership, (effect) => this.effect(effect));
    this.#prefetching = new Prefetching(this.ownership, seed, (effect) => this.effect(effect));
    this.#barrier = new JoinBarrier(settings.syncTimeout, now);
    this.#tickAt = now + TICK;
    this.#digestsAt = now + DIGESTS_EVERY;
    this.#deadline = now;
    this.#configure(settings);
    this.#askKernel();
  }

  get deadline(): Instant | undefined {
    return this.#deadline;
  }

  /** The connections, to be read. */
  get table(): ConnectionTable {
    return this.#table;
  }

  handle(input: MeshInput, now: Instant): readonly MeshEffect[] {
    const away = Math.max(0, now - (this.#deadline ?? now));
    this.#now = now;
    this.#outbox.open(now);
    this.#take(input);
    this.#expire(away);
    this.#send();
    this.#publish();
    this.#deadline = this.#nextDeadline();
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  /** What an operator may see. Rates are since this was asked last. */
  status(now: Instant): SyncStatus {
    const counters = {
      ...this.ownership.counts,
      held: this.#shedding.held,
      shed: this.#shedding.refused,
      ...named('queries', this.#queries.counts),
      ...named('prefetched', this.#prefetching.counts),
    };
    const links = [...this.#links.all()];
    return meshStatus(this.#table, this.self, links, this.#barrier.synced, counters, this.#rates, now);
  }

  // What sessions and catching up ask of the mesh.

  effect(effect: MeshEffect): void {
    this.#effects.push(effect);
  }

  ourHello(): Hello {
    const empty = this.#dump.loaded && this.#table.size === 0 && !this.#barrier.synced;
    return helloOf(this.#settings, this.#epoch, empty);
  }

  stranger(session: PeerSession, hello: Hello): string | undefined {
    return strangerFault(this.#settings.cluster, session, hello);
  }

  established(session: PeerSession, now: Instant): void {
    const link = this.#links.get(session.name)!;
    this.#flush();
    link.donor = new Donor(this.#table, this.self);
    link.catchUp = new CatchUp(session, this, !this.#met.has(session.name));
    link.listed = false;
    this.#membership.tell(session.name, 'greeted', now, session.hello!.bootEpoch);
    this.effect({ kind: 'event', event: 'sync-peer-up', values: { peer: session.name } });
    this.changed(session);
    this.#digest(session, session.routerId);
    for (const owner of this.#table.owners()) {
      if (owner !== this.self && owner !== session.routerId) this.#digest(session, owner);
    }
    this.#list();
  }

  changed(session: PeerSession): void {
    const hello = session.hello!;
    const { name: peer } = session;
    if (hello.configHash !== this.#settings.configHash.slice(0, 16)) {
      this.effect({ kind: 'event', event: 'sync-file-differs', values: { peer } });
    }
    const services = servicesThatDiffer(this.#settings, [{ hello }]);
    if (services.length > 0) this.effect({ kind: 'event', event: 'sync-services-differ', values: { peer, services } });
  }

  caughtUp(session: PeerSession): void {
    this.effect({ kind: 'event', event: 'sync-peer-caught-up', values: { peer: session.name } });
    // Twice: the second time it is no traffic that happened to be under way.
    this.#ownDigest(session);
    this.#ownDigest(session);
  }

  lost(session: PeerSession, ending: Ending, now: Instant): void {
    this.#membership.tell(session.name, ending, now, '', Math.min(session.back, this.#settings.grace));
    this.#queries.lost(session);
    this.effect({ kind: 'event', event: 'sync-peer-down', values: { peer: session.name, ending } });
  }

  frame(session: PeerSession, frame: PeerFrame, now: Instant): void {
    const link = this.#links.get(session.name)!;
    switch (frame.kind) {
      case 'batch':
      case 'refresh':
        this.ownership.peerRecords(frame.records, session.routerId, 'news', this.seconds);
        return;
      case 'bulkChunk':
        this.#recalling = link.catchUp.returns(frame.id);
        this.ownership.peerRecords(frame.records, session.routerId, 'bulk', this.seconds);
        this.#recalling = false;
        return;
      case 'bulkBegin':
        link.catchUp.begin(frame.id, frame.expected);
        return;
      case 'bulkEnd':
        link.catchUp.end(frame.id);
        return;
      case 'bulkRequest':
        link.donor.ask(frame);
        return;
      case 'digest':
        link.catchUp.digest(frame);
        return;
      case 'query':
        this.#queries.asked(session, frame, now);
        return;
      case 'answer':
        this.#queries.answer(session, frame);
        if (frame.record !== undefined) this.#prefetching.known(session, frame.record, now);
        return;
      case 'prefetch':
        this.#prefetching.asked(session, frame, now);
        return;
      case 'prefetched':
        this.#prefetching.take(session, frame, now);
        return;
    }
  }

  knows(owner: number): boolean {
    return owner === this.self || this.#links.sessionOf(owner) !== undefined;
  }

  speaks(owner: number): boolean {
    return owner === this.self || (this.#links.sessionOf(owner)?.established ?? false);
  }

  fetching(owner: number): boolean {
    for (const { session, catchUp } of this.#links.all()) {
      if (session.established && catchUp.fetches(owner)) return true;
    }
    return false;
  }

  get starting(): boolean {
    return !this.#membership.settled;
  }

  get loaded(): boolean {
    return this.#dump.loaded;
  }

  nextId(): number {
    this.#ids = (this.#ids + 1) >>> 0;
    return this.#ids;
  }

  formerDone(session: PeerSession): void {
    this.#met.add(session.name);
    this.#list();
  }

  get seconds(): number {
    return Math.floor(this.#now / 1000);
  }

  #take(input: MeshInput): void {
    const now = this.#now;
    switch (input.kind) {
      case 'configure':
        this.#configure(input.settings);
        return;
      case 'kernel':
        this.#kernel(input.records);
        return;
      case 'kernelDump':
        this.#dump.records(input.records, this.seconds);
        if (input.last) this.#dumped();
        return;
      case 'kernelLost':
        this.effect({ kind: 'event', event: 'sync-events-lost', values: {} });
        this.#askKernel();
        return;
      case 'opened':
        this.#links.get(input.peer)?.session.opened(input.stream, now);
        return;
      case 'bytes':
        this.#links.get(input.peer)?.session.bytes(input.stream, input.bytes, now);
        return;
      case 'closed':
        this.#links.get(input.peer)?.session.closed(input.stream, input.reason, now);
        return;
      case 'unreachable':
        this.#membership.unreachable(input.peer, now);
        return;
      case 'query':
        this.#query(input);
        return;
      case 'listed':
        this.#prefetching.listed(input.token, input.records);
        return;
      case 'lookedUp':
        this.#queries.lookedUp(input.token, input.record);
        return;
      case 'leave':
        this.#shedding.slice(this.seconds, true);
        this.#flush();
        this.#leave.begin(this.#links.established(), now);
        return;
      case 'stop':
        this.#flush();
        for (const { session } of this.#links.all()) session.goodbye(input.text, input.back);
        return;
      case 'timer':
        return;
    }
  }

  #query({ id, side, tuple }: Extract<MeshInput, { kind: 'query' }>): void {
    const record = this.#prefetching.answer(side, tuple, this.#now);
    if (record === undefined) this.#queries.ask(id, side, tuple, this.#links.established(), this.#now);
    else this.effect({ kind: 'answered', id, record, asked: [], unknown: [], silent: [] });
  }

  #configure(settings: SyncSettings): void {
    this.#settings = settings;
    this.#prefetching.configure(settings.services);
    this.ownership.directors = [this.self, ...settings.peers.map(({ routerId }) => routerId)];
    this.#membership.configure({ ...settings.self, epoch: this.#epoch }, settings.peers, this.#now);
    this.#links.configure(settings.peers, this.#now);
  }

  #kernel(records: Uint8Array): void {
    const seconds = this.seconds;
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const op = records[at + Field.op]!;
      if (op === Op.put) {
        if (this.#isTold(records, at)) this.ownership.kernelPut(records, at, seconds);
      } else if (op === Op.delete) {
        this.#dump.ended(records, at);
        if (!this.#shedding.ended(records, at)) this.ownership.kernelEnd(records, at);
      } else if (op === Op.closing) this.ownership.kernelClosing(records, at);
    }
  }

  /** Under overload, what has just begun waits. */
  #isTold(records: Uint8Array, at: number): boolean {
    if (!this.#shedding.active || (records[at + Field.flags]! & RecordFlag.claimed) !== 0) return true;
    return this.#table.find(records, at) >= 0 || this.#shedding.passes(records, at, this.seconds);
  }

  #askKernel(): void {
    if (this.#dump.begin()) this.effect({ kind: 'dumpKernel' });
  }

  #dumped(): void {
    const first = !this.#dump.loaded;
    if (this.#dump.finish()) this.#askKernel();
    if (!first) return;
    for (const { catchUp } of this.#links.up()) catchUp.reconsider();
    this.#list();
  }

  /** Everything whose time has come. @param away for how long nobody has called */
  #expire(away: Millis): void {
    const now = this.#now;
    for (const session of this.#links.sessions) session.expire(now, away);
    const starting = this.starting;
    this.#membership.expire(now);
    if (starting && !this.starting) {
      for (const { catchUp } of this.#links.up()) catchUp.reconsider();
      this.#list();
    }
    this.#queries.expire(now);
    if (now >= this.#tickAt) this.#tick();
    if (now >= this.#digestsAt) this.#sayDigests();
  }

  #tick(): void {
    this.#tickAt = this.#now + TICK;
    this.#dump.forgetCopies(this.#now);
    this.#prefetching.expire(this.#now);
    this.#measure();
    this.#shedding.slice(this.seconds);
    this.ownership.buryUnlisted(this.seconds);
    this.#refresh.slice(TICK, this.seconds, (owner) => !this.speaks(owner));
    if (this.#refresh.records.count === 0) return;
    this.#outbox.refresh(this.#refresh.records.take(), this.#now);
  }

  #measure(): void {
    const up = this.#links.established().filter(({ state }) => state === 'up');
    const change = this.#shedding.measure(up.map(({ unacknowledged }) => unacknowledged));
    if (change === undefined) return;
    const values = { state: change, held: this.#shedding.held, shed: this.#shedding.refused };
    this.effect({ kind: 'event', event: 'sync-overload', values });
    if (change === 'ends incomplete') this.#askKernel();
  }

  #sayDigests(): void {
    this.#digestsAt = this.#now + DIGESTS_EVERY;
    if (this.ownership.doubtsOverdue(this.seconds)) this.#askKernel();
    const orphans = [...this.#table.owners()].filter((owner) => !this.speaks(owner));
    for (const session of this.#links.established()) {
      if (session.state !== 'up') continue;
      this.#ownDigest(session);
      for (const owner of orphans) this.#digest(session, owner);
    }
  }

  /**
   * May it be said what we own? Whoever hears it drops what it remembers of us beyond that: so only when the kernel's entries
   * are known, and the memory of all who are here, or are about to come, has been asked for.
   */
  get #knowsOwn(): boolean {
    if (!this.#dump.loaded || this.starting) return false;
    return this.#links.established().every(({ name, since }) => this.#met.has(name) || this.#now > since + RECALL);
  }

  /** Says what we own to those who have not heard it on their stream. */
  #list(): void {
    if (!this.#knowsOwn) return;
    for (const link of this.#links.up()) {
      if (link.listed || !this.#met.has(link.session.name)) continue;
      link.listed = true;
      this.#ownDigest(link.session);
    }
  }

  /** Ours, behind all that we have told. */
  #ownDigest(session: PeerSession): void {
    if (!this.#knowsOwn || !this.#met.has(session.name)) return;
    this.#flush();
    if (session.state === 'up') this.#digest(session, this.self);
  }

  #digest(session: PeerSession, owner: number): void {
    const digests = this.#table.digest(owner);
    session.send({ kind: 'digest', owner, connections: this.#table.countOf(owner), digests });
  }

  /** Whatever waits to be sent, as far as it may go now. */
  #send(): void {
    this.#outbox.turn(this.#now);
    for (const { session, donor } of this.#links.all()) {
      if (donor.wants(session)) donor.work(session, this.seconds, this.#now, () => this.#flush());
    }
    if (this.ownership.apply.count > 0) this.effect({ kind: 'apply', records: this.ownership.apply.take() });
  }

  #flush(): void {
    this.#outbox.flush(this.#now);
  }

  /** What others are to know of us, when it has changed. */
  #publish(): void {
    const view = this.#membership.takeView();
    if (view !== undefined) this.effect({ kind: 'members', view });
    if (!this.#barrier.over) this.#evaluate();
    const flushed = this.#leave.check(this.#now);
    if (flushed !== undefined) this.effect(flushed);
  }

  /** May this director announce? */
  #evaluate(): void {
    const peers: JoinPeer[] = this.#links.up().map(({ session, catchUp }) => ({
      hello: session.hello!,
      complete: catchUp.complete,
      busy: catchUp.busy,
    }));
    const ready = this.#dump.loaded && !this.starting;
    const synced = this.#barrier.evaluate(this.#settings, ready, peers, this.#now);
    if (synced !== undefined) this.effect(synced);
  }

  #nextDeadline(): Instant {
    let least = Math.min(this.#tickAt, this.#digestsAt);
    // One by one: this is asked after every packet, and a look at five kinds of objects in one place costs more than all of them.
    least = Math.min(least, this.#outbox.deadline ?? least, this.#membership.deadline ?? least);
    least = Math.min(least, this.#queries.deadline ?? least, this.#barrier.deadline ?? least);
    least = Math.min(least, this.#leave.deadline ?? least);
    for (const { session, donor } of this.#links.all()) {
      if (donor.wants(session)) return this.#now;
      const { deadline } = session;
      if (deadline !== undefined && deadline < least) least = deadline;
    }
    return least;
  }
}

function named(prefix: string, counts: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${prefix}-${name}`, count]));
}
