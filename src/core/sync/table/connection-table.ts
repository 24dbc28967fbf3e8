/**
 * All connections that a director knows: its own and the replicas of its peers'.
 *
 * In: records. Out: a slot number per connection, which it keeps until it is removed, so that a walk over the table may be
 * left and taken up again while connections come and go. What stands in a slot may be sent as it is: op put, none but the
 * flags of the wire. Found by key and by what the server sees; counted and digested by owner.
 * Not here: whose word counts (the merge rules), time (seconds come in as arguments), and the kernel.
 *
 * One typed array for the records, one for each index: a million connections are no work for the garbage collector.
 */
import { i32At, putU32, u32At } from '../../base/big-endian.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import {
  Field,
  Op,
  Protocol,
  RECORD_BYTES,
  recordHash,
  sameKey,
  sameServerSide,
  serverSideHash,
  WIRE_FLAGS,
} from '../records/record.ts';
import { OwnerDigests } from './owner-digests.ts';
import { SlotIndex } from './slot-index.ts';

export const NO_SLOT = -1;

/** What stands in a free slot where others have their op; its first word is the next free slot + 1. */
const FREE = 0;

const LEAST_CAPACITY = 1024;

/** Of connections that look the same to their server so many are found by that: one lives, the ends of others are on their way. */
const MOST_ALIKE = 8;

export interface TableOptions {
  /** Random bits that clients cannot know, so that they cannot choose ports that collide. */
  readonly seed: number;
  /** How many connections to have room for at once; more make it grow. */
  readonly capacity?: number;
}

export class ConnectionTable {
  #bytes: Uint8Array;
  /** Seconds, by slot: when the connection was last told of. */
  #told: Uint32Array;
  readonly #byKey: SlotIndex;
  readonly #byServerSide: SlotIndex;
  readonly #owners = new OwnerDigests();
  #capacity: number;
  #size = 0;
  /** Slots from here on were never used. */
  #fresh = 0;
  /** The first of the slots that were given back, + 1; 0 = none. */
  #free = 0;

  constructor({ seed, capacity = 0 }: TableOptions) {
    this.#capacity = powerOfTwo(capacity);
    this.#bytes = new Uint8Array(this.#capacity * RECORD_BYTES);
    this.#told = new Uint32Array(this.#capacity);
    this.#byKey = new SlotIndex(this.#capacity, seed);
    this.#byServerSide = new SlotIndex(this.#capacity, seed);
  }

  get size(): number {
    return this.#size;
  }

  /** The records; another array after the table has grown. To be read, at `offset(slot)`. */
  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** Bytes of memory that the table has taken. */
  get memory(): number {
    const indexes = this.#byKey.byteLength + this.#byServerSide.byteLength;
    return this.#bytes.byteLength + this.#told.byteLength + indexes;
  }

  offset(slot: number): number {
    return slot * RECORD_BYTES;
  }

  /** A view of the record in a slot, until the table grows or the slot changes. */
  record(slot: number): Uint8Array {
    return this.#bytes.subarray(slot * RECORD_BYTES, (slot + 1) * RECORD_BYTES);
  }

  /** The slot of the connection with this key (13 bytes, the beginning of a record), or `NO_SLOT`. */
  find(bytes: Uint8Array, at: number): number {
    return this.#find(recordHash(bytes, at), bytes, at);
  }

  /**
   * The slot of a connection by what its server sees, or `NO_SLOT`. Where several look the same (a port was used again, and
   * the end of its last connection was not heard of yet) the one that was told of last.
   *
   * @param tuple 13 bytes: server, local address, server's port, local port, protocol
   */
  findByServerSide(tuple: Uint8Array, at: number): number {
    const hash = recordHash(tuple, at);
    let found = NO_SLOT;
    for (let place = this.#byServerSide.first(hash); place >= 0; place = this.#byServerSide.next(place, hash)) {
      const slot = this.#byServerSide.slotAt(place);
      if (!this.#looksLike(slot, tuple, at)) continue;
      if (found === NO_SLOT || this.#told[slot]! > this.#told[found]!) found = slot;
    }
    return found;
  }

  /**
   * Puts a record in, in place of the one with its key if there is one.
   *
   * @param seconds now, on whatever clock the caller keeps
   * @param found what `find` has just said of it, if it was asked
   * @returns its slot
   */
  put(bytes: Uint8Array, at: number, seconds: number, found?: number): number {
    const hash = recordHash(bytes, at);
    const known = found ?? this.#find(hash, bytes, at);
    const slot = known === NO_SLOT ? this.#add(hash, bytes, at) : known;
    if (known !== NO_SLOT) this.#replace(slot, hash, bytes, at);
    this.#told[slot] = seconds;
    return slot;
  }

  /** Gives a slot back that is in use. */
  remove(slot: number): void {
    const at = slot * RECORD_BYTES;
    const hash = recordHash(this.#bytes, at);
    this.#owners.remove(hash, this.#bytes, at);
    this.#forgetServerSide(slot);
    this.#byKey.remove(hash, slot);
    this.#bytes[at + Field.op] = FREE;
    putU32(this.#bytes, at, this.#free);
    this.#free = slot + 1;
    this.#size -= 1;
  }

  /** Takes out the connection with this key. Was it there? */
  removeKey(bytes: Uint8Array, at: number): boolean {
    const slot = this.#size === 0 ? NO_SLOT : this.find(bytes, at);
    if (slot !== NO_SLOT) this.remove(slot);
    return slot !== NO_SLOT;
  }

  /** A refresh: the connection lives on, and has so many seconds left. */
  refresh(slot: number, timeout: number, seconds: number): void {
    putU32(this.#bytes, slot * RECORD_BYTES + Field.timeout, timeout);
    this.#told[slot] = seconds;
  }

  /** When the connection was last told of. */
  toldAt(slot: number): number {
    return this.#told[slot]!;
  }

  /** Marks it as told now, and nothing else. */
  tell(slot: number, seconds: number): void {
    this.#told[slot] = seconds;
  }

  /** Whole seconds until the connection has timed out if nobody hears of it; below 0 when it has. */
  secondsLeft(slot: number, seconds: number): number {
    return this.#told[slot]! + u32At(this.#bytes, slot * RECORD_BYTES + Field.timeout) - seconds;
  }

  /** Router ids of all that own something, in no order. */
  owners(): IterableIterator<Ipv4> {
    return this.#owners.owners();
  }

  countOf(owner: Ipv4): number {
    return this.#owners.count(owner);
  }

  /** Two words for each of the 256 ranges. Not a copy: to be read before the table changes. */
  digest(owner: Ipv4): Uint32Array {
    return this.#owners.digests(owner);
  }

  /**
   * Visits connections, some slots at a time. Whatever is in the table all the while is visited once, what comes or goes
   * meanwhile perhaps. The visitor may change the table.
   *
   * @param cursor 0 at first, then what the last call returned
   * @param slots how many to look at, so that the work is bounded
   * @returns where to go on, or undefined at the end
   */
  walk(cursor: number, slots: number, visit: (slot: number) => void): number | undefined {
    const end = Math.min(cursor + slots, this.#fresh);
    for (let slot = cursor; slot < end; slot++) {
      if (this.#bytes[slot * RECORD_BYTES + Field.op] !== FREE) visit(slot);
    }
    return end < this.#fresh ? end : undefined;
  }

  /** Makes room for so many connections at once, rather than step by step. */
  reserve(connections: number): void {
    const capacity = powerOfTwo(connections);
    if (capacity <= this.#capacity) return;
    const bytes = new Uint8Array(capacity * RECORD_BYTES);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    const told = new Uint32Array(capacity);
    told.set(this.#told);
    this.#told = told;
    this.#byKey.grow(capacity);
    this.#byServerSide.grow(capacity);
    this.#capacity = capacity;
  }

  #find(hash: number, bytes: Uint8Array, at: number): number {
    for (let place = this.#byKey.first(hash); place >= 0; place = this.#byKey.next(place, hash)) {
      const slot = this.#byKey.slotAt(place);
      if (sameKey(this.#bytes, slot * RECORD_BYTES, bytes, at)) return slot;
    }
    return NO_SLOT;
  }

  #add(hash: number, bytes: Uint8Array, at: number): number {
    const slot = this.#take();
    this.#copy(bytes, at, slot * RECORD_BYTES);
    this.#byKey.add(hash, slot);
    this.#learnServerSide(slot);
    this.#owners.add(hash, this.#bytes, slot * RECORD_BYTES);
    return slot;
  }

  #replace(slot: number, hash: number, bytes: Uint8Array, at: number): void {
    const to = slot * RECORD_BYTES;
    const seenAlike = sameServerSide(this.#bytes, to, bytes, at);
    // What happens most is another state of the same connection, of which digests know nothing.
    const counted =
      seenAlike &&
      i32At(this.#bytes, to + Field.owner) === i32At(bytes, at + Field.owner) &&
      i32At(this.#bytes, to + Field.epoch) === i32At(bytes, at + Field.epoch);
    if (!counted) this.#owners.remove(hash, this.#bytes, to);
    if (!seenAlike) this.#forgetServerSide(slot);
    this.#copy(bytes, at, to);
    if (!seenAlike) this.#learnServerSide(slot);
    if (!counted) this.#owners.add(hash, this.#bytes, to);
  }

  #take(): number {
    this.#size += 1;
    if (this.#free !== 0) {
      const slot = this.#free - 1;
      this.#free = u32At(this.#bytes, slot * RECORD_BYTES);
      return slot;
    }
    if (this.#fresh === this.#capacity) this.reserve(this.#capacity + 1);
    return this.#fresh++;
  }

  #copy(from: Uint8Array, at: number, to: number): void {
    const bytes = this.#bytes;
    for (let n = 0; n < RECORD_BYTES; n++) bytes[to + n] = from[at + n]!;
    bytes[to + Field.op] = Op.put;
    bytes[to + Field.flags]! &= WIRE_FLAGS;
  }

  #learnServerSide(slot: number): void {
    const at = slot * RECORD_BYTES;
    // A persistence entry is no connection: no server sees it.
    if (this.#bytes[at + Field.protocol] === Protocol.persistence) return;
    this.#byServerSide.addFew(serverSideHash(this.#bytes, at), slot, MOST_ALIKE);
  }

  #forgetServerSide(slot: number): void {
    const at = slot * RECORD_BYTES;
    if (this.#bytes[at + Field.protocol] === Protocol.persistence) return;
    this.#byServerSide.remove(serverSideHash(this.#bytes, at), slot);
  }

  #looksLike(slot: number, tuple: Uint8Array, at: number): boolean {
    const bytes = this.#bytes;
    const from = slot * RECORD_BYTES;
    return (
      i32At(bytes, from + Field.server) === i32At(tuple, at) &&
      i32At(bytes, from + Field.local) === i32At(tuple, at + 4) &&
      i32At(bytes, from + Field.serverPort) === i32At(tuple, at + 8) &&
      bytes[from + Field.protocol] === tuple[at + 12]
    );
  }
}

function powerOfTwo(atLeast: number): number {
  let capacity = LEAST_CAPACITY;
  while (capacity < atLeast) capacity *= 2;
  return capacity;
}
