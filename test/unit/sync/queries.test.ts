/** Questions to the peers, and theirs to us. */
import { beforeEach, expect, test } from 'vitest';
import type { Frame } from '../../../src/core/sync/frames/codec.ts';
import type { MeshEffect } from '../../../src/core/sync/mesh/mesh-events.ts';
import type { PeerSession } from '../../../src/core/sync/mesh/peer-session.ts';
import { ANSWER_WITHIN, Queries } from '../../../src/core/sync/mesh/queries.ts';
import { readRecord } from '../../../src/core/sync/records/record.ts';
import { Ownership } from '../../../src/core/sync/replicas/ownership.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';
import { one } from './sample-records.ts';

const TUPLE = one(1).slice(0, 13);
let ownership: Ownership;
let effects: MeshEffect[];
let queries: Queries;

beforeEach(() => {
  effects = [];
  ownership = new Ownership(1, new ConnectionTable({ seed: 1 }), () => 'ended');
  ownership.directors = [1, 2];
  queries = new Queries(ownership, (effect) => effects.push(effect));
});

class Peer {
  readonly sent: Frame[] = [];
  readonly session: PeerSession;

  constructor(name: string, state = 'up') {
    const send = (frame: Frame) => this.sent.push(frame);
    this.session = { name, state, stream: 1, established: true, send } as unknown as PeerSession;
  }
}

function ask(...peers: readonly Peer[]): void {
  const sessions = peers.map(({ session }) => session);
  queries.ask(77, 'client', TUPLE, sessions, 0);
}

test('what the table holds is answered without asking anybody', () => {
  ownership.peerRecords(one(1), 2, 'news', 0);
  const peer = new Peer('d2');
  ask(peer);
  expect(peer.sent).toEqual([]);
  expect(effects).toMatchObject([{ kind: 'answered', id: 77, asked: [], silent: [] }]);
});

test('the first that knows it ends the question', () => {
  const [a, b] = [new Peer('d2'), new Peer('d3')];
  ask(a, b);
  expect(a.sent).toEqual([{ kind: 'query', id: 1, side: 'client', tuple: TUPLE }]);
  queries.answer(b.session, { kind: 'answer', id: 1, found: 'known', record: one(1) });
  queries.answer(a.session, { kind: 'answer', id: 1, found: 'unknown', record: undefined });
  expect(effects).toMatchObject([{ kind: 'answered', id: 77, asked: ['d2', 'd3'], unknown: [], silent: [] }]);
  expect(effects[0]).toMatchObject({ record: one(1) });
});

test('unknown to all, and by whom', () => {
  const [a, b] = [new Peer('d2'), new Peer('d3')];
  ask(a, b);
  for (const { session } of [a, b])
    queries.answer(session, { kind: 'answer', id: 1, found: 'unknown', record: undefined });
  expect(effects).toEqual([
    { kind: 'answered', id: 77, record: undefined, asked: ['d2', 'd3'], unknown: ['d2', 'd3'], silent: [] },
  ]);
});

test('who does not answer, who declines, who is behind and whose stream ends has not said that it does not know', () => {
  const peers = ['d2', 'd3', 'd4', 'd5'].map((name) => new Peer(name, name === 'd4' ? 'behind' : 'up'));
  ask(...peers);
  queries.answer(peers[0]!.session, { kind: 'answer', id: 1, found: 'declined', record: undefined });
  queries.lost(peers[1]!.session);
  queries.expire(ANSWER_WITHIN - 1);
  expect(effects).toEqual([]);
  queries.expire(ANSWER_WITHIN);
  expect(effects).toMatchObject([{ asked: ['d2', 'd3', 'd5'], unknown: [], silent: ['d4', 'd2', 'd3', 'd5'] }]);
  expect(queries.deadline).toBeUndefined();
});

/** Four connections that d3 knows, of d2 to d4, the ids of the questions 1 to 4; then another question, with id 5. */
function trustD3(): Record<'d2' | 'd3' | 'd4', Peer> {
  const peers = { d2: new Peer('d2'), d3: new Peer('d3'), d4: new Peer('d4') };
  for (let n = 1; n <= 5; n++) {
    const sessions = Object.values(peers).map(({ session }) => session);
    queries.ask(n, 'client', one(n).slice(0, 13), sessions, 0);
    if (n < 5) queries.answer(peers.d3.session, { kind: 'answer', id: n, found: 'known', record: one(n) });
  }
  effects = [];
  return peers;
}

const asked = (peer: Peer) => peer.sent.filter((frame) => frame.kind === 'query').map((frame) => frame.id);

test('who knew the last few is asked first, and alone if it knows', () => {
  const { d2, d3, d4 } = trustD3();
  expect([d2, d3, d4].map(asked)).toEqual([
    [1, 2, 3, 4],
    [1, 2, 3, 4, 5],
    [1, 2, 3, 4],
  ]);
  queries.answer(d3.session, { kind: 'answer', id: 5, found: 'known', record: one(5) });
  expect(effects).toMatchObject([{ kind: 'answered', id: 5, unknown: [], silent: [] }]);
  queries.expire(ANSWER_WITHIN);
  expect([d2, d4].map(asked)).toEqual([
    [1, 2, 3, 4],
    [1, 2, 3, 4],
  ]);
});

test('the others are asked as soon as it does not know, or is gone, or says nothing for a moment', () => {
  for (const comes of ['unknown', 'declined', 'lost', 'nothing'] as const) {
    ownership = new Ownership(1, new ConnectionTable({ seed: 1 }), () => 'ended');
    queries = new Queries(ownership, (effect) => effects.push(effect));
    const { d2, d3, d4 } = trustD3();
    expect(queries.deadline).toBeLessThan(ANSWER_WITHIN / 10);
    if (comes === 'lost') queries.lost(d3.session);
    else if (comes === 'nothing') queries.expire(queries.deadline!);
    else queries.answer(d3.session, { kind: 'answer', id: 5, found: comes, record: undefined });
    expect(
      [d2, d4].map((peer) => asked(peer).at(-1)),
      comes,
    ).toEqual([5, 5]);
    expect(queries.deadline).toBe(ANSWER_WITHIN);
    expect(effects).toEqual([]);
    queries.answer(d4.session, { kind: 'answer', id: 5, found: 'known', record: one(5) });
    expect(effects).toMatchObject([{ kind: 'answered', id: 5 }]);
    effects = [];
    // Somebody else knew: from now on all are asked at once again.
    const sessions = [d2, d3, d4].map(({ session }) => session);
    queries.ask(6, 'client', one(6).slice(0, 13), sessions, 0);
    expect([d2, d3, d4].map((peer) => asked(peer).at(-1))).toEqual([6, 6, 6]);
  }
});

test('unknown is what all have said, also when one was asked first', () => {
  const { d2, d3, d4 } = trustD3();
  for (const { session } of [d3, d2]) {
    queries.answer(session, { kind: 'answer', id: 5, found: 'unknown', record: undefined });
    expect(effects).toEqual([]);
  }
  queries.answer(d4.session, { kind: 'answer', id: 5, found: 'unknown', record: undefined });
  expect(effects).toMatchObject([{ record: undefined, unknown: ['d3', 'd2', 'd4'], silent: [] }]);
});

test('with nobody to ask the answer is at once that nobody was asked', () => {
  ask();
  expect(effects).toMatchObject([{ asked: [], unknown: [], silent: [] }]);
});

test('so many questions a second, and no more', () => {
  const peer = new Peer('d2');
  for (let n = 0; n < 20_000; n++) queries.ask(n, 'client', TUPLE, [peer.session], 0);
  expect(peer.sent.length).toBeLessThanOrEqual(5000);
  expect(queries.counts.refused).toBe(20_000 - peer.sent.length);
  expect(effects.at(-1)).toMatchObject({ silent: ['d2'] });
});

test('what a peer asks is answered from the table, or by the kernel', () => {
  const peer = new Peer('d2');
  queries.asked(peer.session, { kind: 'query', id: 5, side: 'client', tuple: TUPLE }, 0);
  expect(effects).toEqual([{ kind: 'lookUp', token: 1, side: 'client', tuple: TUPLE }]);
  queries.lookedUp(1, one(1, { owner: 0, epoch: 0 }));
  expect(peer.sent).toMatchObject([{ kind: 'answer', id: 5, found: 'known' }]);
  const answer = peer.sent[0] as Extract<Frame, { kind: 'answer' }>;
  expect(readRecord(answer.record!, 0)).toMatchObject({ owner: 1, epoch: 1, server: 0x0a640001 });
  ownership.kernelPut(one(1), 0, 0);
  queries.asked(peer.session, { kind: 'query', id: 6, side: 'client', tuple: TUPLE }, 0);
  expect(peer.sent[1]).toMatchObject({ kind: 'answer', id: 6, found: 'known' });
});

test('an answer of the kernel that comes when the stream is another one goes nowhere', () => {
  const peer = new Peer('d2');
  queries.asked(peer.session, { kind: 'query', id: 5, side: 'client', tuple: TUPLE }, 0);
  queries.lost(peer.session);
  queries.lookedUp(1, undefined);
  expect(peer.sent).toEqual([]);
});

test('a server that answers what was predicted is told of', () => {
  ownership.kernelPut(one(1, { flags: 4 }), 0, 0);
  const record = ownership.table.record(0);
  const tuple = Uint8Array.of(...record.slice(16, 24), ...record.slice(24, 28), 6);
  queries.asked(new Peer('d2').session, { kind: 'query', id: 5, side: 'server', tuple }, 0);
  expect(effects).toMatchObject([{ kind: 'servedPrediction' }]);
});

test('an answer that is used makes what follows newer', () => {
  const peer = new Peer('d2');
  ask(peer);
  queries.answer(peer.session, { kind: 'answer', id: 1, found: 'known', record: one(1, { epoch: 8 }) });
  ownership.kernelPut(one(1, { flags: 8 }), 0, 0);
  expect(readRecord(ownership.table.bytes, 0).epoch).toBe(10);
});
