/**
 * Whose word counts: the rules by which records of the kernel and of peers change the table, and what follows from each change
 * for the kernel and for the peers.
 *
 * Every connection has an owner and an epoch; the pair is its version, and the higher epoch wins, with equal ones the higher
 * router id. A connection that begins here, or whose client's packets come here now, gets the next epoch and is ours; all
 * peers are told. Who is told of a newer version than its own turns its entry into a replica. Only who owns a connection, or
 * has owned it later than we know, may end it; nobody else's delete counts, and a copy that goes away in our kernel is no end.
 * FIN or RST that is seen by another director than the owner is told to the owner alone, which shortens its entry's timeout:
 * if packets still flow, the kernel lengthens it again, if not, the kernel ends it, and that is the owner's delete.
 *
 * In: batches. Out: three batches that the caller takes (`apply` for the kernel, `tell` for all peers, `direct` for one). No
 * object is made per record. Not here: when batches are sent, streams, digests, who lives.
 */
import { putU32, u32At } from '../../base/big-endian.ts';
import { hasRange } from '../records/ranges.ts';
import {
  birthAt,
  Field,
  isRemembered,
  Op,
  otherConnection,
  putBirth,
  RECORD_BYTES,
  RecordFlag,
  rangeOf,
  recordHash,
  sameConnection,
  sameServerSide,
  TcpState,
  UNKNOWN_WINDOW_SCALE,
  WIRE_FLAGS,
} from '../records/record.ts';
import { RecordBuffer } from '../records/record-buffer.ts';
import { ConnectionTable, NO_SLOT } from '../table/connection-table.ts';
import { EpochFloors } from '../table/epoch-floors.ts';
import { SlotStamps } from '../table/slot-stamps.ts';
import { Doubts } from './doubts.ts';

/** Seconds; streams that broke together are back together by then. */
const UNLISTED_FOR = 5;

/** How a peer's records came: as they happened, or because we asked what it has. */
export type Telling = 'news' | 'bulk';

/**
 * Is what a peer says to be ours, and we do not know, alive? As a copy in the kernel; it is to be put there; it has ended;
 * nobody can say yet.
 */
export type TakeBack = (bytes: Uint8Array, at: number) => 'in kernel' | 'apply' | 'ended' | 'unknown';

export class Ownership {
  readonly table: ConnectionTable;
  /** What is to become of the kernel's entries. */
  readonly apply = new RecordBuffer(512);
  /** What every peer is to hear. */
  readonly tell = new RecordBuffer(512);
  /** What one peer is to hear, by router id. */
  readonly direct = new Map<number, RecordBuffer>();
  /** Records of owners that are not in the cluster file; deletes of directors that did not own what they wanted to end; older versions; own connections that others took. */
  readonly counts = {
    strangers: 0,
    foreignDeletes: 0,
    stale: 0,
    demoted: 0,
    claimed: 0,
    replaced: 0,
    unlisted: 0,
    returned: 0,
    kernelPuts: 0,
  };
  /** Replicas that the kernel held when this process began, and that no peer has told of yet. */
  copies: ConnectionTable | undefined;
  /** Entries of our own in the kernel whose tuple another connection has now, so it is said. */
  readonly #doubts: Doubts;
  /**
   * Copies that their owner did not list. Most have ended; but one that has moved meanwhile is about to be told of by its new
   * owner, on another stream, so the kernel keeps them for a while.
   */
  readonly #unlisted: ConnectionTable;
  readonly #self: number;
  readonly #floors = new EpochFloors();
  readonly #stamps = new SlotStamps();
  readonly #scratch = new Uint8Array(RECORD_BYTES);
  /** Router ids of all directors of the cluster file: nobody else owns anything. */
  #directors: ReadonlySet<number> = new Set();
  /** Counts what a later question may be about: "was this told since?" */
  #generation = 1;
  readonly #takeBack: TakeBack;

  /** @param takeBack judges our own connections of an earlier life that peers tell of */
  constructor(self: number, table: ConnectionTable, takeBack: TakeBack) {
    this.#self = self;
    this.table = table;
    this.#doubts = new Doubts(self);
    this.#unlisted = new ConnectionTable({ seed: self });
    this.#takeBack = takeBack;
  }

  set directors(routerIds: Iterable<number>) {
    this.#directors = new Set(routerIds);
  }

  /** From now on, what its owner tells is stamped with this or more. */
  nextGeneration(): number {
    return ++this.#generation;
  }

  /** The stamp of a connection: the generation in which its owner last told of it. */
  stampOf(slot: number): number {
    return this.#stamps.get(slot);
  }

  stamp(slot: number): void {
    this.#stamps.set(slot, this.#generation);
  }

  /** An answer to a query was used: what follows from it must be newer. */
  heardOf(bytes: Uint8Array, at: number): void {
    this.#floors.raise(recordHash(bytes, at), u32At(bytes, at + Field.epoch));
  }

  /** A record of the kernel's as it may be told: ours, in the first epoch. */
  ownCopy(record: Uint8Array): Uint8Array {
    const own = this.#copy(record, 0, Op.put).slice();
    putU32(own, Field.owner, this.#self);
    putU32(own, Field.epoch, this.#floors.first(recordHash(record, 0)));
    return own;
  }

  owns(slot: number): boolean {
    return this.#ownerOf(slot) === this.#self;
  }

  /**
   * A connection that the kernel carries here.
   *
   * @param quiet the peers need not be told: they find out by our digests
   */
  kernelPut(bytes: Uint8Array, at: number, seconds: number, quiet = false): void {
    const slot = this.table.find(bytes, at);
    const claimed = (bytes[at + Field.flags]! & RecordFlag.claimed) !== 0;
    let epoch: number;
    // Whoever carried what is claimed had an epoch, too.
    if (slot === NO_SLOT) epoch = this.#floors.first(recordHash(bytes, at)) + (claimed ? 1 : 0);
    else if (this.#ownerOf(slot) !== this.#self || !this.same(slot, bytes, at)) epoch = this.#epochOf(slot) + 1;
    else if (claimed) return;
    else epoch = this.#epochOf(slot);
    if (claimed) this.counts.claimed++;
    this.counts.kernelPuts++;
    const record = this.#copy(bytes, at, Op.put);
    this.#inheritBirth(record);
    this.#doubts.remove(bytes, at);
    this.#unlisted.removeKey(bytes, at);
    putU32(record, Field.owner, this.#self);
    putU32(record, Field.epoch, epoch);
    if (slot !== NO_SLOT && record[Field.windowScale] === UNKNOWN_WINDOW_SCALE) {
      record[Field.windowScale] = this.table.bytes[this.table.offset(slot) + Field.windowScale]!;
    }
    this.stamp(this.table.put(record, 0, seconds, slot));
    if (!quiet) this.tell.add(record, 0);
  }

  /** What began elsewhere keeps its birth, which this kernel does not know. */
  #inheritBirth(record: Uint8Array): void {
    if (birthAt(record, 0) !== 0) return;
    putBirth(record, 0, this.#doubts.birthOf(record, 0) || this.#birthKnown(record, 0));
  }

  /** The kernel's entry is gone. Of one that we own this is the end, whoever's mark it had; of another it is our copy's. */
  kernelEnd(bytes: Uint8Array, at: number): void {
    const slot = this.table.find(bytes, at);
    const doubted = this.#doubts.remove(bytes, at);
    if (slot === NO_SLOT) this.#unlisted.removeKey(bytes, at);
    else if (this.owns(slot)) this.endOwn(slot);
    else if (doubted) this.#wish(this.table.bytes, this.table.offset(slot), Op.put);
    else {
      const carriedHere = (bytes[at + Field.flags]! & RecordFlag.replica) === 0;
      if (carriedHere && bytes[at + Field.state]! >= TcpState.finWait) this.kernelClosing(bytes, at);
      this.table.remove(slot);
    }
  }

  /** FIN or RST of a connection that another director owns was seen here. */
  kernelClosing(bytes: Uint8Array, at: number): void {
    const slot = this.table.find(bytes, at);
    if (slot === NO_SLOT || this.owns(slot)) return;
    const to = this.#directTo(this.#ownerOf(slot));
    const where = to.add(this.table.bytes, this.table.offset(slot));
    to.bytes[where + Field.op] = Op.closing;
    to.bytes[where + Field.state] = bytes[at + Field.state]!;
    putU32(to.bytes, where + Field.timeout, u32At(bytes, at + Field.timeout));
  }

  /** Ends a connection of our own, and tells. */
  endOwn(slot: number): void {
    const at = this.table.offset(slot);
    const where = this.tell.add(this.table.bytes, at, false);
    this.tell.bytes[where + Field.op] = Op.delete;
    this.#forget(slot);
  }

  /** @param sender router id of the peer that told */
  peerRecords(records: Uint8Array, sender: number, telling: Telling, seconds: number): void {
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      const op = records[at + Field.op]!;
      if (!this.#directors.has(u32At(records, at + Field.owner))) this.counts.strangers++;
      else if (op === Op.delete) this.#peerEnd(records, at, sender, seconds);
      else if (op === Op.closing) this.#peerClosing(records, at, seconds);
      else if (u32At(records, at + Field.owner) === this.#self) this.#returned(records, at, sender, telling, seconds);
      else this.#peerPut(records, at, sender, telling, seconds);
    }
  }

  /**
   * Drops what the owner did not list, when it listed all that it has in some ranges: the owner's word, as a delete is.
   *
   * @param since the generation in which it began to list
   */
  dropUnlisted(owner: number, ranges: Uint8Array, since: number, seconds: number): void {
    const { table } = this;
    table.walk(0, Number.MAX_SAFE_INTEGER, (slot) => {
      const at = table.offset(slot);
      if (u32At(table.bytes, at + Field.owner) !== owner || this.stampOf(slot) >= since) return;
      if (!hasRange(ranges, rangeOf(recordHash(table.bytes, at)))) return;
      this.counts.unlisted++;
      this.#unlisted.put(table.bytes, at, seconds);
      this.#forget(slot);
    });
  }

  /** Takes from the kernel what was not listed, and what nobody has told of since. */
  buryUnlisted(seconds: number): void {
    if (this.#unlisted.size === 0) return;
    this.#unlisted.walk(0, Number.MAX_SAFE_INTEGER, (slot) => {
      if (seconds < this.#unlisted.toldAt(slot) + UNLISTED_FOR) return;
      this.#wish(this.#unlisted.bytes, this.#unlisted.offset(slot), Op.delete);
      this.#unlisted.remove(slot);
    });
  }

  #peerPut(bytes: Uint8Array, at: number, sender: number, telling: Telling, seconds: number): void {
    const { table } = this;
    const slot = table.find(bytes, at);
    const fromOwner = u32At(bytes, at + Field.owner) === sender;
    if (slot === NO_SLOT) {
      this.#settleCopy(this.copies, bytes, at);
      this.#settleCopy(this.#unlisted, bytes, at);
      this.#settleDoubt(bytes, at);
      this.#take(bytes, at, fromOwner, seconds);
      this.#wish(bytes, at, Op.put);
      return;
    }
    const order = this.#compare(bytes, at, slot);
    if (order > 0) this.#newer(slot, bytes, at, fromOwner, seconds);
    else if (order === 0) this.#same(slot, bytes, at, fromOwner, telling, seconds);
    else this.#older(slot, bytes, at, sender, telling);
  }

  #newer(slot: number, bytes: Uint8Array, at: number, fromOwner: boolean, seconds: number): void {
    const ours = this.owns(slot);
    const alike = sameServerSide(this.table.bytes, this.table.offset(slot), bytes, at);
    this.#settleDoubt(bytes, at);
    // A client that is remembered has no entry that anybody carries: what is newer is written over what was.
    if (isRemembered(bytes, at)) this.#wish(bytes, at, Op.put);
    else if (ours) {
      this.counts.demoted++;
      if (sameConnection(this.table.bytes, this.table.offset(slot), bytes, at)) this.#demote(slot);
      else this.doubt(slot, seconds);
    } else if (alike) this.#wish(bytes, at, Op.refresh);
    else this.#replace(slot, bytes, at);
    this.#take(bytes, at, fromOwner, seconds);
  }

  #same(slot: number, bytes: Uint8Array, at: number, fromOwner: boolean, telling: Telling, seconds: number): void {
    if (!fromOwner) return;
    // An owner that was restarted may have come to the same epoch with another connection.
    if (!sameServerSide(this.table.bytes, this.table.offset(slot), bytes, at)) this.#replace(slot, bytes, at);
    else if (telling === 'news') this.#wish(bytes, at, Op.refresh);
    this.#take(bytes, at, true, seconds);
  }

  /** What was in doubt is told of by its owner: it is a copy like others from now on. */
  #settleDoubt(bytes: Uint8Array, at: number): void {
    if (this.#doubts.isAbout(bytes, at)) this.#doubts.remove(bytes, at);
  }

  /** A version that is known to be over. Whoever listed it, or began anew without knowing what it had, is to hear that. */
  #older(slot: number, bytes: Uint8Array, at: number, sender: number, telling: Telling): void {
    this.counts.stale++;
    const begunAnew = this.#ownerOf(slot) === sender;
    if (begunAnew && u32At(bytes, at + Field.owner) === sender) this.stamp(slot);
    if (telling === 'bulk' || begunAnew) this.#directTo(sender).add(this.table.bytes, this.table.offset(slot));
  }

  /** A peer tells of a connection that it says is ours. */
  #returned(bytes: Uint8Array, at: number, sender: number, telling: Telling, seconds: number): void {
    const slot = this.table.find(bytes, at);
    if (slot === NO_SLOT) {
      const judged = this.#takeBack(bytes, at);
      if (judged === 'unknown') return;
      this.counts.returned++;
      if (judged === 'ended') this.#refute(bytes, at, sender);
      else this.#take(bytes, at, true, seconds);
      if (judged === 'apply') this.#wish(bytes, at, Op.put);
      return;
    }
    if (this.#compare(bytes, at, slot) <= 0) {
      if (!this.owns(slot) && telling === 'bulk') this.#directTo(sender).add(this.table.bytes, this.table.offset(slot));
      return;
    }
    const alike = this.same(slot, bytes, at);
    if (this.owns(slot) && !alike) this.#renew(slot, u32At(bytes, at + Field.epoch) + 1, seconds);
    else if (this.owns(slot)) this.#renew(slot, u32At(bytes, at + Field.epoch), seconds);
    else {
      if (!sameServerSide(this.table.bytes, this.table.offset(slot), bytes, at)) this.#replace(slot, bytes, at);
      this.#take(bytes, at, true, seconds);
    }
  }

  /** Our own connection is known under a higher epoch than we remembered. */
  #renew(slot: number, epoch: number, seconds: number): void {
    const record = this.#copy(this.table.bytes, this.table.offset(slot), Op.put);
    putU32(record, Field.epoch, epoch);
    this.stamp(this.table.put(record, 0, seconds));
    this.tell.add(record, 0);
  }

  #refute(bytes: Uint8Array, at: number, sender: number): void {
    this.#floors.raise(recordHash(bytes, at), u32At(bytes, at + Field.epoch));
    const to = this.#directTo(sender);
    const where = to.add(bytes, at);
    to.bytes[where + Field.op] = Op.delete;
  }

  #peerEnd(bytes: Uint8Array, at: number, sender: number, seconds: number): void {
    if (u32At(bytes, at + Field.owner) !== sender) {
      this.counts.foreignDeletes++;
      return;
    }
    const slot = this.table.find(bytes, at);
    if (slot === NO_SLOT) {
      this.heardOf(bytes, at);
      return;
    }
    if (this.#compare(bytes, at, slot) < 0) {
      this.counts.stale++;
      return;
    }
    // An entry that the kernel carries as our own is not deleted by anybody else: it times out, or its client claims it.
    if (this.owns(slot) && !isRemembered(bytes, at)) this.doubt(slot, seconds);
    else this.#wish(bytes, at, Op.delete);
    this.heardOf(bytes, at);
    this.#forget(slot);
  }

  #peerClosing(bytes: Uint8Array, at: number, seconds: number): void {
    const slot = this.table.find(bytes, at);
    if (slot === NO_SLOT || !this.owns(slot) || this.#compare(bytes, at, slot) !== 0) return;
    const timeout = Math.max(1, Math.min(u32At(bytes, at + Field.timeout), this.#timeoutOf(slot)));
    this.table.refresh(slot, timeout, seconds);
    this.#wish(this.table.bytes, this.table.offset(slot), Op.refresh);
  }

  #take(bytes: Uint8Array, at: number, fromOwner: boolean, seconds: number): void {
    const birth = birthAt(bytes, at) === 0 ? this.#birthKnown(bytes, at) : 0;
    const slot = this.table.put(bytes, at, seconds);
    if (birth !== 0) putBirth(this.table.bytes, this.table.offset(slot), birth);
    this.#stamps.set(slot, fromOwner ? this.#generation : 0);
  }

  /** An owner that was restarted does not know the birth of what it had claimed before. */
  #birthKnown(bytes: Uint8Array, at: number): number {
    const slot = this.table.find(bytes, at);
    if (slot === NO_SLOT || !sameServerSide(this.table.bytes, this.table.offset(slot), bytes, at)) return 0;
    return birthAt(this.table.bytes, this.table.offset(slot));
  }

  /** The kernel may hold an entry that the table knows nothing of. If it is of another connection with the tuple, it goes. */
  #settleCopy(copies: ConnectionTable | undefined, bytes: Uint8Array, at: number): void {
    if (copies === undefined || copies.size === 0) return;
    const slot = copies.find(bytes, at);
    if (slot === NO_SLOT) return;
    if (!sameServerSide(copies.bytes, copies.offset(slot), bytes, at)) {
      this.#wish(copies.bytes, copies.offset(slot), Op.delete);
    }
    copies.remove(slot);
  }

  /** The kernel holds another connection where the table knows this one, which another director owns. */
  restore(slot: number, bytes: Uint8Array, at: number): void {
    this.#wish(bytes, at, Op.delete);
    this.#wish(this.table.bytes, this.table.offset(slot), Op.put);
  }

  /** Another connection stands where this one was: the entry cannot be changed, it is made anew. */
  #replace(slot: number, bytes: Uint8Array, at: number): void {
    this.counts.replaced++;
    this.#wish(this.table.bytes, this.table.offset(slot), Op.delete);
    this.#wish(bytes, at, Op.put);
  }

  /** The kernel carries as ours what another owns, so it is said; or we have lost an event. Its next packet will tell. */
  doubt(slot: number, seconds: number): void {
    this.#demote(slot);
    this.#doubts.add(this.table.bytes, this.table.offset(slot), this.#generation, seconds);
  }

  /** A dump has an entry that another director carries, or carried here and in doubt. */
  saw(bytes: Uint8Array, at: number): void {
    this.#doubts.saw(bytes, at, this.#generation);
  }

  /** Should the kernel be asked whether what is in doubt is still there? */
  doubtsOverdue(seconds: number): boolean {
    return this.#doubts.size > 0 && this.#doubts.overdue(seconds);
  }

  /**
   * What was in doubt and is in no dump is over: what others say of its tuple takes its place.
   *
   * @param since the generation in which the dump began
   * @returns whether another dump is needed to know of all
   */
  endUnseenDoubts(since: number): boolean {
    return this.#doubts.dumped(since, (bytes, at) => {
      const slot = this.table.find(bytes, at);
      if (slot !== NO_SLOT && !this.owns(slot)) this.#wish(this.table.bytes, this.table.offset(slot), Op.put);
    });
  }

  /** The kernel's entry becomes a replica. */
  #demote(slot: number): void {
    const where = this.#order(this.table.bytes, this.table.offset(slot), Op.put);
    this.apply.bytes[where + Field.flags]! |= RecordFlag.demote;
  }

  #forget(slot: number): void {
    this.heardOf(this.table.bytes, this.table.offset(slot));
    this.table.remove(slot);
  }

  /** An order for the kernel; none where an entry of our own is in doubt: it would be written over. */
  #wish(bytes: Uint8Array, at: number, op: number): void {
    if (!this.#doubts.has(bytes, at)) this.#order(bytes, at, op);
  }

  #order(bytes: Uint8Array, at: number, op: number): number {
    const where = this.apply.add(bytes, at);
    this.apply.bytes[where + Field.op] = op;
    return where;
  }

  #copy(bytes: Uint8Array, at: number, op: number): Uint8Array {
    const record = this.#scratch;
    for (let n = 0; n < RECORD_BYTES; n++) record[n] = bytes[at + n]!;
    record[Field.op] = op;
    record[Field.flags]! &= WIRE_FLAGS;
    return record;
  }

  #directTo(routerId: number): RecordBuffer {
    let buffer = this.direct.get(routerId);
    if (buffer === undefined) {
      buffer = new RecordBuffer(16);
      this.direct.set(routerId, buffer);
    }
    return buffer;
  }

  #ownerOf(slot: number): number {
    return u32At(this.table.bytes, this.table.offset(slot) + Field.owner);
  }

  #epochOf(slot: number): number {
    return u32At(this.table.bytes, this.table.offset(slot) + Field.epoch);
  }

  #timeoutOf(slot: number): number {
    return u32At(this.table.bytes, this.table.offset(slot) + Field.timeout);
  }

  /** Above 0: the record is a newer version than what the slot holds; 0: the same. */
  #compare(bytes: Uint8Array, at: number, slot: number): number {
    const epochs = u32At(bytes, at + Field.epoch) - this.#epochOf(slot);
    return epochs !== 0 ? epochs : u32At(bytes, at + Field.owner) - this.#ownerOf(slot);
  }

  /** May the connection in the slot be the one of the record, by all that is known? */
  same(slot: number, bytes: Uint8Array, at: number): boolean {
    return !otherConnection(this.table.bytes, this.table.offset(slot), bytes, at);
  }
}
