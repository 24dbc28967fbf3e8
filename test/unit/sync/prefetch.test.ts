/** What a peer's answers bring about when a route has moved, and what becomes of the connections that it sends in advance. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { SyncService } from '../../../src/core/model/sync.ts';
import type { SyncScope } from '../../../src/core/model/sync-scope.ts';
import type { Frame } from '../../../src/core/sync/frames/codec.ts';
import type { MeshEffect } from '../../../src/core/sync/mesh/mesh-events.ts';
import type { PeerSession } from '../../../src/core/sync/mesh/peer-session.ts';
import { MOST_PREFETCHED, PREFETCH_EVERY, Prefetching } from '../../../src/core/sync/mesh/prefetch.ts';
import { joinRecords, KEY_BYTES, readRecords } from '../../../src/core/sync/records/record.ts';
import { Ownership } from '../../../src/core/sync/replicas/ownership.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';
import { many, one, SAMPLE } from './sample-records.ts';

const UNSYNCED = SAMPLE.service;
const SYNCED = 8;
const NONE = new Uint8Array(0);

let effects: MeshEffect[];
let prefetching: Prefetching;

class Peer {
  readonly sent: Frame[] = [];
  readonly session: PeerSession;

  constructor(routerId: number) {
    const send = (frame: Frame) => this.sent.push(frame);
    const facts = { name: `d${routerId}`, routerId, state: 'up', stream: 1, established: true };
    this.session = { ...facts, send } as unknown as PeerSession;
  }
}

const serviceOf = (service: number, sync: SyncScope) => ({ service, sync }) as unknown as SyncService;

beforeEach(() => {
  effects = [];
  const ownership = new Ownership(1, new ConnectionTable({ seed: 1 }), () => 'ended');
  prefetching = new Prefetching(ownership, 1, (effect) => effects.push(effect));
  prefetching.configure([serviceOf(UNSYNCED, 'off'), serviceOf(SYNCED, 'established')]);
});

const key = (n: number) => one(n).slice(0, KEY_BYTES);

function serverSide(n: number): Uint8Array {
  const record = one(n);
  return Uint8Array.from([...record.subarray(16, 28), record[12]!]);
}

describe('who asks', () => {
  let peer: Peer;

  beforeEach(() => {
    peer = new Peer(2);
  });

  /** Two known answers bring a request. */
  function moved(now: number, { session }: Peer = peer): void {
    for (const n of [1, 2]) prefetching.known(session, one(n), now);
  }

  test('two known connections of a service that is not synced: the peer is asked for the others, once in a while', () => {
    prefetching.known(peer.session, one(1), 0);
    expect(peer.sent).toEqual([]);
    prefetching.known(peer.session, one(2), 5);
    expect(peer.sent).toEqual([{ kind: 'prefetch', id: 1, service: UNSYNCED }]);
    moved(PREFETCH_EVERY - 1);
    expect(peer.sent).toHaveLength(1);
    moved(PREFETCH_EVERY + 5);
    expect(peer.sent.at(-1)).toEqual({ kind: 'prefetch', id: 2, service: UNSYNCED });
  });

  test('nobody is asked about what is synced, nor because of one packet now and then', () => {
    for (const n of [1, 2, 3]) prefetching.known(peer.session, one(n, { service: SYNCED }), 0);
    for (const n of [1, 2, 3]) prefetching.known(peer.session, one(n), n * 2000);
    expect(peer.sent).toEqual([]);
  });

  test('what came answers for packets of either side, once', () => {
    moved(0);
    prefetching.take(peer.session, { kind: 'prefetched', id: 1, records: many(4) }, 5);
    expect(prefetching.answer('client', key(3), 10)).toEqual(one(3));
    expect(prefetching.answer('server', serverSide(4), 10)).toEqual(one(4));
    expect(prefetching.answer('client', key(3), 10)).toBeUndefined();
    expect(prefetching.answer('client', key(5), 10)).toBeUndefined();
    expect(prefetching.counts).toMatchObject({ asked: 1, taken: 4, used: 2 });
  });

  test('it is believed for some seconds, also where more of it comes later', () => {
    const other = new Peer(3);
    moved(0);
    prefetching.take(peer.session, { kind: 'prefetched', id: 1, records: many(2) }, 0);
    moved(PREFETCH_EVERY - 1, other);
    const records = many(1, { owner: 3, clientPort: 1 });
    prefetching.take(other.session, { kind: 'prefetched', id: 2, records }, PREFETCH_EVERY - 1);
    prefetching.expire(PREFETCH_EVERY + 1000);
    expect(prefetching.answer('client', key(1), PREFETCH_EVERY + 1000)).toBeUndefined();
    expect(prefetching.answer('client', records.slice(0, KEY_BYTES), PREFETCH_EVERY + 1000)).toEqual(records);
    prefetching.expire(3 * PREFETCH_EVERY);
    expect(prefetching.answer('client', key(2), PREFETCH_EVERY)).toBeUndefined();
  });

  test('left: what nobody asked for, of another service, of another owner, and beyond the bound', () => {
    const records = many(2);
    prefetching.take(peer.session, { kind: 'prefetched', id: 1, records }, 0);
    moved(0);
    prefetching.take(new Peer(3).session, { kind: 'prefetched', id: 1, records }, 0);
    prefetching.take(peer.session, { kind: 'prefetched', id: 2, records }, 0);
    prefetching.take(peer.session, { kind: 'prefetched', id: 1, records: one(1, { service: SYNCED }) }, 0);
    prefetching.take(peer.session, { kind: 'prefetched', id: 1, records: one(1, { owner: 3 }) }, 0);
    expect(prefetching.answer('client', key(1), 0)).toBeUndefined();
    prefetching.take(peer.session, { kind: 'prefetched', id: 1, records: many(MOST_PREFETCHED + 9) }, 0);
    expect(prefetching.counts.taken).toBe(MOST_PREFETCHED - 2);
  });

  test('of two directors that have an entry of a connection, the one that used it last counts', () => {
    const other = new Peer(3);
    moved(0);
    moved(0, other);
    const later = one(1, { owner: 3, server: 9, timeout: SAMPLE.timeout + 60 });
    prefetching.take(peer.session, { kind: 'prefetched', id: 1, records: many(2) }, 0);
    prefetching.take(other.session, { kind: 'prefetched', id: 2, records: later }, 0);
    prefetching.take(other.session, { kind: 'prefetched', id: 2, records: one(2, { owner: 3, timeout: 1 }) }, 0);
    expect([1, 2].map((n) => prefetching.answer('client', key(n), 0))).toEqual([later, one(2)]);
  });
});

describe('who is asked', () => {
  const [a, b] = [new Peer(2), new Peer(3)];
  const ask = ({ session }: Peer, now: number, service = UNSYNCED) =>
    prefetching.asked(session, { kind: 'prefetch', id: 7, service }, now);

  beforeEach(() => {
    for (const { sent } of [a, b]) sent.splice(0);
  });

  test('the kernel is listed for one after the other, and its entries are sent as our own', () => {
    ask(a, 0);
    ask(b, 0);
    const most = MOST_PREFETCHED;
    expect(effects).toEqual([{ kind: 'listService', token: 1, service: UNSYNCED, most }]);
    prefetching.listed(1, joinRecords([one(1, { owner: 0, epoch: 0 }), one(2, { owner: 0, epoch: 0 })]));
    prefetching.listed(1, NONE);
    prefetching.listed(1, many(3));
    expect(effects[1]).toEqual({ kind: 'listService', token: 2, service: UNSYNCED, most });
    prefetching.listed(2, NONE);
    expect(effects).toHaveLength(2);
    expect(b.sent).toEqual([]);
    expect(a.sent).toMatchObject([{ kind: 'prefetched', id: 7 }]);
    const [sent] = a.sent as Extract<Frame, { kind: 'prefetched' }>[];
    expect(readRecords(sent!.records).map(({ owner, epoch }) => [owner, epoch])).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  test('nothing for what is synced, for who asks again at once, and for a stream that has gone', () => {
    ask(a, 0, SYNCED);
    expect(effects).toEqual([]);
    ask(a, 0);
    ask(a, PREFETCH_EVERY / 2 - 1);
    expect(prefetching.counts.declined).toBe(2);
    prefetching.listed(1, NONE);
    ask(a, PREFETCH_EVERY / 2);
    expect(effects).toHaveLength(2);
    (a.session as { stream: number }).stream = 2;
    prefetching.listed(2, many(1));
    expect(a.sent).toEqual([]);
  });
});
