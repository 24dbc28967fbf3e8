/**
 * Who knows this connection? Asked of all peers, mostly at once, within bounds: so many questions a second, so many at a time, and
 * each for so long only.
 *
 * Who has known the last few is asked first, and the others only when it does not know, or says nothing for a moment: when a route moves,
 * all that comes here was one director's. The first that knows it ends the question. A peer that says to have been asked too much has not said that it does not know,
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

/** So many answers in turn make a peer the first to be asked: with two that know as many, one time in sixteen for nothing. */
const TRUSTED_AFTER = 4;
/** What the first is waited for, before the others are asked as well. */
const FIRST_WITHIN: Millis = 5;

interface Pending {
  readonly id: number;
  readonly until: Instant;
  readonly asked: readonly string[];
  readonly query: Pick<Query, 'side' | 'tuple'>;
  /** Who is not asked yet, and until when. */
  readonly later: readonly PeerSession[];
  readonly laterAt: Instant;
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
  /** Those of which others are still to be asked; all wait equally long. */
  readonly #held = new Map<number, Pending>();
  /** Who has known the last connections, and how many. */
  #knower: { readonly name: string; count: number } | undefined;
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
    for (const { until } of this.#pending.values()) {
      for (const { laterAt } of this.#held.values()) return Math.min(until, laterAt);
      return until;
    }
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
    const first = this.#trusted(asked);
    const later = first === undefined ? [] : asked.filter((session) => session !== first);
    const times = { until: now + ANSWER_WITHIN, laterAt: now + FIRST_WITHIN };
    const pending: Pending = { id, ...times, asked: names, query: { side, tuple }, later, open, unknown: [], silent };
    this.#pending.set(queryId, pending);
    if (later.length > 0) this.#held.set(queryId, pending);
    for (const session of first === undefined ? asked : [first])
      session.send({ kind: 'query', id: queryId, side, tuple });
    if (open.size === 0) this.#conclude(queryId, undefined);
  }

  /** Who is to be asked first; undefined = all at once. */
  #trusted(asked: readonly PeerSession[]): PeerSession | undefined {
    const knower = this.#knower;
    if (knower === undefined || knower.count < TRUSTED_AFTER) return undefined;
    return asked.find(({ name }) => name === knower.name);
  }

  #noteKnower(name: string): void {
    if (this.#knower?.name === name) this.#knower.count += 1;
    else this.#knower = { name, count: 1 };
  }

  /** Whoever was not asked yet is now. */
  #askOthers(queryId: number, pending: Pending): void {
    if (!this.#held.delete(queryId)) return;
    const { later, query } = pending;
    for (const session of later)
      if (pending.open.has(session.name)) session.send({ kind: 'query', id: queryId, ...query });
  }

  answer(session: PeerSession, { id, found, record }: Answer): void {
    const pending = this.#pending.get(id);
    if (!pending?.open.delete(session.name)) return;
    if (found === 'unknown') pending.unknown.push(session.name);
    if (found === 'declined') pending.silent.push(session.name);
    if (record === undefined) this.#askOthers(id, pending);
    else {
      this.#ownership.heardOf(record, 0);
      this.#noteKnower(session.name);
    }
    if (record !== undefined || pending.open.size === 0) this.#conclude(id, record?.slice());
  }

  /** A peer whose stream has ended will not answer any more. */
  lost(session: PeerSession): void {
    for (const [id, pending] of [...this.#pending]) {
      if (!pending.open.delete(session.name)) continue;
      pending.silent.push(session.name);
      this.#askOthers(id, pending);
      if (pending.open.size === 0) this.#conclude(id, undefined);
    }
    for (const [token, lookUp] of [...this.#lookUps]) if (lookUp.session === session) this.#lookUps.delete(token);
  }

  expire(now: Instant): void {
    for (const [id, pending] of this.#held) {
      if (pending.laterAt > now) break;
      this.#askOthers(id, pending);
    }
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
    this.#held.delete(queryId);
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
