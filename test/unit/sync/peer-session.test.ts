/** The stream to one peer: the table, printed; greeting, window, silence, garbage. */
import { expect, test } from 'vitest';
import { formatStateTable } from '../../../src/core/base/state-table.ts';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/core/sync/frames/codec.ts';
import { FrameReader } from '../../../src/core/sync/frames/frame-reader.ts';
import type { Hello } from '../../../src/core/sync/frames/hello.ts';
import type { MeshEffect } from '../../../src/core/sync/mesh/mesh-events.ts';
import {
  ALIVE_EVERY,
  PeerSession,
  SESSION_EVENTS,
  SESSION_STATES,
  SESSION_TABLE,
  SILENCE,
  WINDOW,
} from '../../../src/core/sync/mesh/peer-session.ts';
import { RECORD_BYTES } from '../../../src/core/sync/records/record.ts';

const HELLO: Hello = {
  kind: 'hello',
  versions: { min: 1, max: 1 },
  empty: true,
  routerId: 2,
  bootEpoch: '0000000000000002',
  configHash: '00'.repeat(8),
  tableDigest: '00'.repeat(8),
  name: 'd2',
  cluster: 'c',
  services: [],
};

class Bench {
  readonly effects: MeshEffect[] = [];
  readonly told: string[] = [];
  readonly session = new PeerSession({ name: 'd2', routerId: 2 }, this, 0);

  effect(effect: MeshEffect): void {
    this.effects.push(effect);
  }
  ourHello(): Hello {
    return { ...HELLO, routerId: 1, name: 'd1', bootEpoch: '0000000000000001' };
  }
  stranger(_: PeerSession, hello: Hello): string | undefined {
    return hello.name === 'd2' ? undefined : `is ${hello.name}`;
  }
  established(): void {
    this.told.push('established');
  }
  changed(): void {
    this.told.push('changed');
  }
  caughtUp(): void {
    this.told.push('caught up');
  }
  lost(_: PeerSession, ending: string): void {
    this.told.push(`lost: ${ending}`);
  }
  frame(_: PeerSession, frame: Frame): void {
    this.told.push(frame.kind);
  }

  hear(frame: Frame, now = 1, stream = 7): void {
    this.session.bytes(stream, encodeFrame(frame), now);
  }

  /** Frames sent since the last look, decoded. */
  sent(): readonly (Frame | undefined)[] {
    const frames: (Frame | undefined)[] = [];
    const reader = new FrameReader((kind, payload) => frames.push(decodeFrame(kind, payload)));
    for (const effect of this.effects.splice(0)) if (effect.kind === 'send') reader.push(effect.bytes);
    return frames;
  }
}

function up(): Bench {
  const bench = new Bench();
  bench.session.opened(7, 0);
  bench.hear(HELLO);
  bench.effects.length = 0;
  bench.told.length = 0;
  return bench;
}

/** @param kilobytes about so many of them */
function records(kilobytes: number): Uint8Array {
  const bytes = new Uint8Array(Math.floor((kilobytes * 1024) / RECORD_BYTES) * RECORD_BYTES);
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) bytes.set([6, 1], at + 12);
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) bytes[at + 35] = 1;
  return bytes;
}

test('the stream to a peer, printed', async () => {
  const text = formatStateTable(SESSION_TABLE, SESSION_STATES, SESSION_EVENTS);
  await expect(`${text}\n`).toMatchFileSnapshot('./session-table.txt');
});

test('both say hello at once, and the peer counts when its own was accepted', () => {
  const bench = new Bench();
  bench.session.opened(7, 0);
  expect(bench.sent()).toMatchObject([{ kind: 'hello', name: 'd1' }]);
  expect(bench.session.state).toBe('greeting');
  bench.hear(HELLO);
  expect(bench.session.state).toBe('up');
  expect(bench.told).toEqual(['established']);
});

test.each([
  ['another version', { versions: { min: 2, max: 3 } }, 'version'],
  ['another name', { name: 'd9' }, 'stranger'],
])('a hello of %s is refused with the reason, and the stream ends', (_, wrong, reason) => {
  const bench = new Bench();
  bench.session.opened(7, 0);
  bench.hear({ ...HELLO, ...wrong });
  expect(bench.session.state).toBe('closing');
  expect(bench.effects.at(-1)).toMatchObject({ kind: 'disconnect', peer: 'd2', stream: 7 });
  expect(bench.sent().at(-1)).toMatchObject({ kind: 'goodbye', reason });
  expect(bench.told).toEqual([]);
  expect(bench.session.lastError).toContain(reason);
});

test('a process that has spoken a newer version does not go back', () => {
  const bench = up();
  bench.hear({ ...HELLO, versions: { min: 1, max: 3 } });
  expect(bench.told).toEqual(['changed']);
  bench.session.closed(7, 'reset', 5);
  bench.session.opened(8, 6);
  bench.hear(HELLO, 7, 8);
  expect(bench.session.state).toBe('closing');
  expect(bench.session.lastError).toContain('version');
});

test('anything before the hello is garbage', () => {
  const bench = new Bench();
  bench.session.opened(7, 0);
  bench.hear({ kind: 'batch', sequence: 1, records: records(1) });
  expect(bench.session.state).toBe('closing');
  expect(bench.told).toEqual([]);
});

test('records are handed on in their order and acknowledged together', () => {
  const bench = up();
  const one = encodeFrame({ kind: 'batch', sequence: 1, records: records(1) });
  const two = encodeFrame({ kind: 'refresh', sequence: 2, records: refreshes() });
  const both = new Uint8Array(one.length + two.length);
  both.set(one);
  both.set(two, one.length);
  bench.session.bytes(7, both, 3);
  expect(bench.told).toEqual(['batch', 'refresh']);
  expect(bench.sent()).toEqual([{ kind: 'ack', sequence: 2 }]);
});

function refreshes(): Uint8Array {
  const bytes = records(1);
  for (let at = 0; at < bytes.length; at += RECORD_BYTES) bytes[at + 13] = 3;
  return bytes;
}

test('under load not each is acknowledged: after a while, or when much has come', () => {
  const bench = up();
  bench.hear({ kind: 'batch', sequence: 1, records: records(1) }, 3);
  bench.hear({ kind: 'batch', sequence: 2, records: records(1) }, 4);
  expect(bench.sent()).toEqual([{ kind: 'ack', sequence: 1 }]);
  expect(bench.session.deadline).toBe(8);
  bench.session.expire(8, 0);
  expect(bench.sent()).toEqual([{ kind: 'ack', sequence: 2 }]);
  bench.hear({ kind: 'batch', sequence: 3, records: records(129) }, 9);
  expect(bench.sent()).toEqual([{ kind: 'ack', sequence: 3 }]);
});

test('a number that is left out ends the stream: something was lost', () => {
  const bench = up();
  bench.hear({ kind: 'batch', sequence: 2, records: records(1) });
  expect(bench.told).toEqual(['lost: closed']);
  expect(bench.session.lastError).toContain('number 2 where 1 is due');
});

test('what may not be a frame ends the stream, and nothing behind it is looked at', () => {
  const bench = up();
  bench.session.bytes(7, new Uint8Array(64).fill(0xff), 3);
  bench.hear({ kind: 'batch', sequence: 1, records: records(1) });
  expect(bench.told).toEqual(['lost: closed']);
  expect(bench.session.counts.garbage).toBe(1);
});

test('a frame of a later version is skipped', () => {
  const bench = up();
  bench.session.bytes(7, Uint8Array.of(0, 0, 0, 2, 200, 0, 0, 0, 1, 2), 3);
  expect(bench.session.state).toBe('up');
  expect(bench.session.counts.unknownKinds).toBe(1);
});

test('beyond the window a peer is behind; it has caught up when it has acknowledged nearly all', () => {
  const bench = up();
  let sent = 0;
  while (bench.session.state === 'up') {
    bench.session.sendRecords('batch', records(512), 2, 2);
    sent++;
  }
  expect(bench.session.unacknowledged).toBeGreaterThan(WINDOW);
  expect(bench.session.unacknowledged).toBeLessThan(WINDOW + 600 * 1024);
  bench.hear({ kind: 'ack', sequence: sent - 2 }, 10);
  expect(bench.session.state).toBe('behind');
  bench.hear({ kind: 'ack', sequence: sent }, 12);
  expect(bench.session.state).toBe('up');
  expect(bench.told).toEqual(['caught up']);
  expect(bench.session.lag.summary(12)).toEqual({ p50: 8, p99: 10 });
});

test('a peer says that it lives, and is gone when it does not', () => {
  const bench = up();
  bench.session.expire(1 + ALIVE_EVERY, 0);
  expect(bench.sent()).toEqual([{ kind: 'alive', counter: 1 }]);
  bench.session.expire(1 + SILENCE, 0);
  expect(bench.told).toEqual(['lost: silent']);
  expect(bench.effects.at(-1)).toMatchObject({ kind: 'disconnect' });
});

test('whoever was away himself listens first', () => {
  const bench = up();
  bench.session.expire(20_000, 19_000);
  expect(bench.session.state).toBe('up');
});

test('a second stream takes the place of the first, whose bytes and end mean nothing any more', () => {
  const bench = up();
  bench.session.opened(8, 5);
  expect(bench.told).toEqual(['lost: closed']);
  bench.session.closed(7, 'replaced', 6);
  bench.hear({ kind: 'batch', sequence: 1, records: records(1) }, 6, 7);
  bench.hear(HELLO, 7, 8);
  expect(bench.session.state).toBe('up');
  expect(bench.told).toEqual(['lost: closed', 'established']);
});

test('a goodbye of one who leaves is told as such; any other as an end', () => {
  const leaving = up();
  leaving.hear({ kind: 'goodbye', reason: 'leaving', text: 'drained' });
  expect(leaving.told).toEqual(['lost: goodbye']);
  const restarting = up();
  restarting.hear({ kind: 'goodbye', reason: 'restarting', text: 'upgrade', back: 120 });
  expect([restarting.told, restarting.session.back]).toEqual([['lost: restarting'], 120_000]);
  const stalled = up();
  stalled.hear({ kind: 'goodbye', reason: 'stalled', text: '' });
  expect(stalled.told).toEqual(['lost: closed']);
  expect(stalled.session.lastError).toContain('stalled');
});
