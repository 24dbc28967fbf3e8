/**
 * A route that moves brings all of its connections at once. Where they are synced that is no matter; where they are not, each of them
 * would be asked about, with its first packet waiting. So a peer that has just known two of a service is asked for the others that its
 * kernel carries, and the next packets find them here.
 *
 * What came is a memory for some seconds and nothing else: no table that is told or digested, no entry of the kernel. It is used as an
 * answer would have been, and once. Bounded: connections of a peer and of all, one request to a peer and service at a time, one dump
 * of the kernel at a time.
 *
 * In: answers of peers, their requests and what was sent for ours, dumps. Out: frames, dumps that are wanted, answers.
 */
import { u32At } from '../../base/big-endian.ts';
import type { Instant, Millis } from '../../base/machine.ts';
import type { SyncService } from '../../model/sync.ts';
import type { Prefetch } from '../frames/prefetch.ts';
import type { Prefetched } from '../frames/prefetched.ts';
import type { Query } from '../frames/query.ts';
import { Field, joinRecords, Protocol, RECORD_BYTES } from '../records/record.ts';
import type { Ownership } from '../replicas/ownership.ts';
import { ConnectionTable, NO_SLOT } from '../table/connection-table.ts';
import type { MeshEffect } from './mesh-events.ts';
import type { PeerSession } from './peer-session.ts';

/** One may be a packet that went astray. */
export const KNOWN_BEFORE = 2;
/** Within that. */
const KNOWN_WITHIN: Millis = 1000;
/** From one request to the next to the same peer about the same service; and how long what came is believed. */
export const PREFETCH_EVERY: Millis = 10_000;
/** Connections that one request brings, 1.5 MiB; that are remembered of all peers. */
export const MOST_PREFETCHED = 32_768;
const MOST_REMEMBERED = 2 * MOST_PREFETCHED;
/** Requests of peers that wait for a dump. */
const MOST_WAITING = 16;

/** What one peer knows of one service. */
interface Source {
  readonly service: number;
  readonly peer: string;
  count: number;
  since: Instant;
  nextAt: Instant;
  /** Of the last request. */
  id: number;
  left: number;
}

interface Wanted {
  readonly session: PeerSession;
  readonly stream: number;
  readonly id: number;
  readonly service: number;
}

export class Prefetching {
  readonly counts = { asked: 0, taken: 0, used: 0, given: 0, declined: 0 };
  readonly #ownership: Ownership;
  readonly #seed: number;
  readonly #effect: (effect: MeshEffect) => void;
  /** Hashes of services of which tables hold nothing. */
  #unsynced: ReadonlySet<number> = new Set();
  readonly #sources = new Map<string, Source>();
  #ids = 0;
  #memory: ConnectionTable | undefined;
  #forgetAt: Instant = 0;
  /** The first of them is under way. */
  readonly #wanted: Wanted[] = [];
  /** When a peer was last given what it asked for, by peer and service. */
  readonly #givenAt = new Map<string, Instant>();
  #token = 0;

  constructor(ownership: Ownership, seed: number, effect: (effect: MeshEffect) => void) {
    this.#ownership = ownership;
    this.#seed = seed;
    this.#effect = effect;
  }

  configure(services: readonly SyncService[]): void {
    this.#unsynced = new Set(services.filter(({ sync }) => sync === 'off').map(({ service }) => service));
    this.#sources.clear();
    this.#givenAt.clear();
    this.#memory = undefined;
  }

  /** A peer has answered a question. */
  known(session: PeerSession, record: Uint8Array, now: Instant): void {
    const service = u32At(record, Field.service);
    if (!this.#unsynced.has(service)) return;
    const source = this.#source(session.name, service, now);
    if (now - source.since > KNOWN_WITHIN) Object.assign(source, { count: 0, since: now });
    source.count += 1;
    if (source.count < KNOWN_BEFORE || now < source.nextAt) return;
    this.#ids = (this.#ids + 1) >>> 0;
    Object.assign(source, { nextAt: now + PREFETCH_EVERY, id: this.#ids, left: MOST_PREFETCHED });
    this.counts.asked += 1;
    session.send({ kind: 'prefetch', id: this.#ids, service });
  }

  #source(peer: string, service: number, now: Instant): Source {
    const key = `${peer} ${service}`;
    const known = this.#sources.get(key);
    if (known !== undefined) return known;
    const source: Source = { service, peer, count: 0, since: now, nextAt: now, id: -1, left: 0 };
    this.#sources.set(key, source);
    return source;
  }

  /** What a peer sends of its own; what nobody has asked it for is left. */
  take(session: PeerSession, { id, records }: Prefetched, now: Instant): void {
    const source = [...this.#sources.values()].find((one) => one.id === id && one.peer === session.name);
    if (source === undefined || now >= source.nextAt) return;
    this.#memory ??= new ConnectionTable({ seed: this.#seed });
    this.#forgetAt = now + PREFETCH_EVERY;
    for (let at = 0; at < records.length && source.left > 0; at += RECORD_BYTES, source.left--) {
      if (u32At(records, at + Field.service) !== source.service) continue;
      if (u32At(records, at + Field.owner) === session.routerId) this.#remember(this.#memory, records, at, now);
    }
  }

  /** A director that had a connection earlier may carry its entry still: the one that was used last counts. */
  #remember(memory: ConnectionTable, records: Uint8Array, at: number, now: Instant): void {
    const slot = memory.find(records, at);
    if (slot === NO_SLOT && memory.size >= MOST_REMEMBERED) return;
    const seconds = Math.floor(now / 1000);
    if (slot !== NO_SLOT && memory.secondsLeft(slot, seconds) > u32At(records, at + Field.timeout)) return;
    memory.put(records, at, seconds, slot);
    this.counts.taken += 1;
  }

  /** What a question about this tuple would be answered with; undefined = it has to be asked. */
  answer(side: Query['side'], tuple: Uint8Array, now: Instant): Uint8Array | undefined {
    const memory = this.#memory;
    if (memory === undefined) return undefined;
    const slot = side === 'client' ? memory.find(tuple, 0) : memory.findByServerSide(tuple, 0);
    if (slot === NO_SLOT) return undefined;
    const record = memory.record(slot).slice();
    const isFresh = Math.floor(now / 1000) - memory.toldAt(slot) <= PREFETCH_EVERY / 1000;
    memory.remove(slot);
    if (!isFresh) return undefined;
    this.#ownership.heardOf(record, 0);
    this.counts.used += 1;
    return record;
  }

  /** To be called now and then. */
  expire(now: Instant): void {
    if (this.#memory !== undefined && now >= this.#forgetAt) this.#memory = undefined;
  }

  /** A peer asks for what our kernel carries of a service. */
  asked(session: PeerSession, { id, service }: Prefetch, now: Instant): void {
    const key = `${session.name} ${service}`;
    const isSoon = now - (this.#givenAt.get(key) ?? -PREFETCH_EVERY) < PREFETCH_EVERY / 2;
    if (isSoon || !this.#unsynced.has(service) || this.#wanted.length >= MOST_WAITING) {
      this.counts.declined += 1;
      return;
    }
    this.#givenAt.set(key, now);
    this.#wanted.push({ session, stream: session.stream, id, service });
    if (this.#wanted.length === 1) this.#list();
  }

  /** The kernel's entries for the dump of this number, none = it has ended. */
  listed(token: number, records: Uint8Array): void {
    const wanted = this.#wanted[0];
    if (token !== this.#token || wanted === undefined) return;
    const { session, stream, id } = wanted;
    if (records.length === 0) {
      this.#wanted.shift();
      this.#list();
    } else if (session.stream === stream && session.established) {
      session.send({ kind: 'prefetched', id, records: this.#copies(records) });
    }
  }

  #list(): void {
    const wanted = this.#wanted[0];
    if (wanted === undefined) return;
    this.#token += 1;
    this.#effect({ kind: 'listService', token: this.#token, service: wanted.service, most: MOST_PREFETCHED });
  }

  #copies(records: Uint8Array): Uint8Array {
    const copies: Uint8Array[] = [];
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      if (records[at + Field.protocol] === Protocol.persistence) continue;
      copies.push(this.#ownership.ownCopy(records.subarray(at, at + RECORD_BYTES)));
    }
    this.counts.given += copies.length;
    return joinRecords(copies);
  }
}
