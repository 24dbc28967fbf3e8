/**
 * Who knows this connection? Asked of all peers at once, within bounds: so many questions a second, so many at a time, and
 * each for so long only.
 *
 * The first that knows it ends the question. A peer that says to have been asked too much has not said that it does not know,
 * and counts as silent. Also the other direction: what peers ask, answered from the table, else by the kernel, which knows
 * connections that are not synced as well.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import type { Answer } from '../frames/answer.ts';
import type { Query } from '../frames/query.ts';
import { Field, RECORD_BYTES, RecordFlag } from '../records/record.ts';
import type { Ownership } from '../replicas/ownership.ts';
import { NO_SLOT } from '../table/connection-table.ts';
import type { MeshEffect, QueryResult } from './mesh-events.ts';
import type { PeerSession } from './peer-session.ts';

/** A peer that has not answered by then is silent. */
export const ANSWER_WITHIN: Millis = 250;
const MOST_PENDING = 4096;
const MOST_PER_SECOND = 5000;
/** What the kernel was asked on a peer's behalf and has not said yet. */
const MOST_LOOKED_UP = 1024;

interface Pending {
  readonly id: number;
  readonly until: Instant;
  readonly asked: readonly string[];
  readonly open: Set<string>;
  readonly unknown: string[];
  readonly silent: string[];
}

interface LookUp {
  readonly session: PeerSession;
  readonly stream: number;
  readonly id: number;
}

/** So many a second, and as many at once. */
class Allowance {
  #left: number;
  #at: Instant = 0;
  readonly #perSecond: number;

  constructor(perSecond: number) {
    this.#left = perSecond;
    this.#perSecond = perSecond;
  }

  take(now: Instant): boolean {
    this.#left = Math.min(this.#perSecond, this.#left + ((now - this.#at) * this.#perSecond) / 1000);
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}

export class Queries {
  readonly counts = { asked: 0, refused: 0, known: 0, unknown: 0, silent: 0, answered: 0, declined: 0 };
  readonly #ownership: Ownership;
  readonly #effect: (effect: MeshEffect) => void;
  readonly #pending = new Map<number, Pending>();
  readonly #lookUps = new Map<number, LookUp>();
  readonly #asking = new Allowance(MOST_PER_SECOND);
  readonly #answering = new Allowance(MOST_PER_SECOND);
  #nextId = 0;
  #nextToken = 0;

  constructor(ownership: Ownership, effect: (effect: MeshEffect) => void) {
    this.#ownership = ownership;
    this.#effect = effect;
  }

  /** They are all asked for equally long, so the oldest ends first. */
  get deadline(): Instant | undefined {
    for (const { until } of this.#pending.values()) return until;
    return undefined;
  }

  /** @param peers those to ask; one that is behind is not, and counts as silent */
  ask(id: number, side: Query['side'], tuple: Uint8Array, peers: readonly PeerSession[], now: Instant): void {
    const slot = this.#find(side, tuple);
    if (slot !== NO_SLOT) {
      const record = this.#ownership.table.record(slot).slice();
      this.#effect({ kind: 'answered', id, record, asked: [], unknown: [], silent: [] });
      return;
    }
    const silent = peers.filter(({ state }) => state !== 'up').map(({ name }) => name);
    if (this.#pending.size >= MOST_PENDING || !this.#asking.take(now)) {
      this.counts.refused++;
      this.#effect({
        kind: 'answered',
        id,
        record: undefined,
        asked: [],
        unknown: [],
        silent: peers.map((p) => p.name),
      });
      return;
    }
    this.counts.asked++;
    const asked = peers.filter(({ state }) => state === 'up');
    const names = asked.map(({ name }) => name);
    this.#nextId = (this.#nextId + 1) >>> 0;
    const queryId = this.#nextId;
    const open = new Set(names);
    this.#pending.set(queryId, { id, until: now + ANSWER_WITHIN, asked: names, open, unknown: [], silent });
    for (const session of asked) session.send({ kind: 'query', id: queryId, side, tuple });
    if (open.size === 0) this.#conclude(queryId, undefined);
  }

  answer(session: PeerSession, { id, found, record }: Answer): void {
    const pending = this.#pending.get(id);
    if (!pending?.open.delete(session.name)) return;
    if (found === 'unknown') pending.unknown.push(session.name);
    if (found === 'declined') pending.silent.push(session.name);
    if (record !== undefined) this.#ownership.heardOf(record, 0);
    if (record !== undefined || pending.open.size === 0) this.#conclude(id, record?.slice());
  }

  /** A peer whose stream has ended will not answer any more. */
  lost(session: PeerSession): void {
    for (const [id, pending] of [...this.#pending]) {
      if (!pending.open.delete(session.name)) continue;
      pending.silent.push(session.name);
      if (pending.open.size === 0) this.#conclude(id, undefined);
    }
    for (const [token, lookUp] of [...this.#lookUps]) if (lookUp.session === session) this.#lookUps.delete(token);
  }

  expire(now: Instant): void {
    for (const [id, pending] of [...this.#pending]) {
      if (pending.until > now) return;
      pending.silent.push(...pending.open);
      this.#conclude(id, undefined);
    }
  }

  /** A peer asks. */
  asked(session: PeerSession, { id, side, tuple }: Query, now: Instant): void {
    const slot = this.#find(side, tuple);
    if (slot !== NO_SLOT) {
      const record = this.#ownership.table.record(slot).slice();
      session.send({ kind: 'answer', id, found: 'known', record });
      this.counts.answered++;
      if (side === 'server' && (record[Field.flags]! & RecordFlag.predicted) !== 0) {
        this.#effect({ kind: 'servedPrediction', record });
      }
    } else if (this.#lookUps.size >= MOST_LOOKED_UP || !this.#answering.take(now)) {
      session.send({ kind: 'answer', id, found: 'declined', record: undefined });
      this.counts.declined++;
    } else {
      const token = ++this.#nextToken;
      this.#lookUps.set(token, { session, stream: session.stream, id });
      this.#effect({ kind: 'lookUp', token, side, tuple: tuple.slice() });
    }
  }

  /** What the kernel has said. Its record has no owner: it is ours. */
  lookedUp(token: number, record: Uint8Array | undefined): void {
    const lookUp = this.#lookUps.get(token);
    if (lookUp === undefined) return;
    this.#lookUps.delete(token);
    const { session, stream, id } = lookUp;
    if (session.stream !== stream || !session.established) return;
    this.counts.answered++;
    const known = record === undefined ? undefined : this.#ownership.ownCopy(record.subarray(0, RECORD_BYTES));
    session.send({ kind: 'answer', id, found: known === undefined ? 'unknown' : 'known', record: known });
  }

  #conclude(queryId: number, record: Uint8Array | undefined): void {
    const { id, asked, unknown, silent } = this.#pending.get(queryId)!;
    this.#pending.delete(queryId);
    if (record !== undefined) this.counts.known++;
    else if (silent.length > 0) this.counts.silent++;
    else this.counts.unknown++;
    const result: QueryResult = { record, asked, unknown, silent };
    this.#effect({ kind: 'answered', id, ...result });
  }

  #find(side: Query['side'], tuple: Uint8Array): number {
    const { table } = this.#ownership;
    return side === 'client' ? table.find(tuple, 0) : table.findByServerSide(tuple, 0);
  }
}
