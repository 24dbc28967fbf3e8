/**
 * The giving side of bulks: walks the table for what one peer has asked for, in chunks, as far as the peer's window lets.
 *
 * What changes during the walk goes to the peer as it happens, like to all others; the newest epoch wins there, so the two
 * may overtake each other. Directly before its end a bulk says the digest of its owner as of that point.
 */
import { putU32, u32At } from '../../base/big-endian.ts';
import type { Instant } from '../../base/machine.ts';
import type { BulkRequest } from '../frames/bulk-request.ts';
import type { PeerSession } from '../mesh/peer-session.ts';
import { hasRange, rangesIn } from '../records/ranges.ts';
import { Field, rangeOf, recordHash } from '../records/record.ts';
import { RecordBuffer } from '../records/record-buffer.ts';
import type { ConnectionTable } from '../table/connection-table.ts';

/** Bytes under way to a peer up to which more of a bulk is sent; well below what makes it count as behind. */
const BULK_WINDOW = 512 << 10;
/** Slots looked at between two looks at the window, which is at most so many records in a chunk. */
const STEP = 2048;
/** Slots looked at in one call, so that nobody else waits for long. */
const BUDGET = 65_536;
/** A peer has no reason to ask for more at once. */
const MOST_REQUESTS = 64;

interface Walk {
  readonly request: BulkRequest;
  cursor: number;
  begun: boolean;
}

export class Donor {
  readonly #table: ConnectionTable;
  readonly #self: number;
  readonly #chunk = new RecordBuffer(64);
  readonly #visit: (slot: number) => void;
  #walks: Walk[] = [];
  #asked: BulkRequest | undefined;
  #seconds = 0;

  constructor(table: ConnectionTable, self: number) {
    this.#table = table;
    this.#self = self;
    this.#visit = (slot) => this.#offer(slot);
  }

  /** @returns false when too much has been asked for, and this is ignored */
  ask(request: BulkRequest): boolean {
    if (this.#walks.length >= MOST_REQUESTS) return false;
    // The request's bytes are the stream's.
    this.#walks.push({ request: { ...request, ranges: request.ranges.slice() }, cursor: 0, begun: false });
    return true;
  }

  /** Is there something to send that the window would let? */
  wants(session: PeerSession): boolean {
    return this.#walks.length > 0 && session.state === 'up' && session.unacknowledged < BULK_WINDOW;
  }

  /**
   * Sends what may be sent now.
   *
   * @param flush sends what has changed and was not told yet
   */
  work(session: PeerSession, seconds: number, now: Instant, flush: () => void): void {
    this.#seconds = seconds;
    for (let budget = BUDGET; budget > 0 && this.wants(session); budget -= STEP) {
      const walk = this.#walks[0]!;
      this.#asked = walk.request;
      if (!walk.begun) this.#begin(session, walk);
      const cursor = this.#table.walk(walk.cursor, STEP, this.#visit);
      if (this.#chunk.count > 0) session.sendChunk(walk.request.id, this.#chunk.take(), now);
      if (cursor !== undefined) walk.cursor = cursor;
      else this.#end(session, walk.request, flush);
    }
  }

  #begin(session: PeerSession, walk: Walk): void {
    const { id, owner, ranges } = walk.request;
    walk.begun = true;
    session.send({ kind: 'bulkBegin', id, owner, expected: this.#table.countOf(owner), ranges });
  }

  #end(session: PeerSession, { id, owner, ranges }: BulkRequest, flush: () => void): void {
    flush();
    this.#walks.shift();
    const owners = owner === 0 ? [...this.#table.owners()] : [owner];
    const totals = owners.map((each) => {
      const digests = this.#table.digest(each);
      const connections = this.#table.countOf(each);
      session.send({ kind: 'digest', owner: each, connections, digests });
      return { owner: each, connections, digest: totalOf(digests, ranges) };
    });
    session.send({ kind: 'bulkEnd', id, owners: totals });
  }

  #offer(slot: number): void {
    const { bytes } = this.#table;
    const at = this.#table.offset(slot);
    const { owner, ranges } = this.#asked!;
    const owned = u32At(bytes, at + Field.owner);
    if (owner !== 0 && owned !== owner) return;
    if (!hasRange(ranges, rangeOf(recordHash(bytes, at)))) return;
    const where = this.#chunk.add(bytes, at);
    // Nobody but the owner knows better than that its timeout goes on running.
    const left = this.#table.secondsLeft(slot, this.#seconds);
    if (owned !== this.#self) putU32(this.#chunk.bytes, where + Field.timeout, Math.max(1, left));
  }
}

function totalOf(digests: Uint32Array, ranges: Uint8Array): readonly [number, number] {
  let [first, second] = [0, 0];
  for (const range of rangesIn(ranges)) {
    first ^= digests[2 * range]!;
    second ^= digests[2 * range + 1]!;
  }
  return [first >>> 0, second >>> 0];
}
