/** What the kernel's dump says, at the start and after lost events. */
import { expect, test } from 'vitest';
import { Op, Protocol, RecordFlag, readRecords, recordsOf } from '../../../src/core/sync/records/record.ts';
import { KernelDump } from '../../../src/core/sync/replicas/kernel-dump.ts';
import { Ownership } from '../../../src/core/sync/replicas/ownership.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';
import { one, sample } from './sample-records.ts';

class Bench {
  readonly ownership: Ownership = new Ownership(1, new ConnectionTable({ seed: 1 }), (bytes, at) =>
    this.dump.judge(bytes, at, true),
  );
  readonly dump = new KernelDump(this.ownership, 1, 0);

  constructor() {
    this.ownership.directors = [1, 2];
  }

  /** A whole dump of connections of our own, and of copies. */
  load(own: readonly number[], copies: readonly number[] = []): void {
    this.dump.begin();
    this.hear(own, copies);
    this.dump.finish();
  }

  hear(own: readonly number[], copies: readonly number[] = []): void {
    const flags = RecordFlag.replica;
    this.dump.records(recordsOf([...own.map((key) => sample(key)), ...copies.map((key) => sample(key, { flags }))]), 5);
  }

  told(): readonly string[] {
    return readRecords(this.ownership.tell.take()).map(
      ({ op, client }) => `${op === Op.delete ? 'end' : 'put'} ${client & 255}`,
    );
  }
}

test('at the start what is ours is taken and not told: the peers find it by our digests', () => {
  const bench = new Bench();
  bench.load([1, 2], [3]);
  expect(bench.ownership.table.countOf(1)).toBe(2);
  expect(bench.ownership.table.size).toBe(2);
  expect(bench.told()).toEqual([]);
});

test('after lost events what is new is told, and what is not there any more has ended', () => {
  const bench = new Bench();
  bench.load([1, 2]);
  bench.load([2, 3]);
  expect(bench.told()).toEqual(['put 3', 'end 1']);
});

test('what ends while the dump runs is not begun by it again', () => {
  const bench = new Bench();
  bench.load([1]);
  bench.dump.begin();
  bench.dump.ended(one(1), 0);
  bench.ownership.kernelEnd(one(1), 0);
  bench.hear([1]);
  bench.dump.finish();
  expect(bench.ownership.table.size).toBe(0);
  expect(bench.told()).toEqual(['end 1']);
});

test('what begins while the dump runs has not ended because it is not in it', () => {
  const bench = new Bench();
  bench.load([]);
  bench.dump.begin();
  bench.ownership.kernelPut(one(1), 0, 5);
  bench.dump.finish();
  expect(bench.told()).toEqual(['put 1']);
});

test('a dump during which events were lost again ends nothing, and another one is due', () => {
  const bench = new Bench();
  bench.load([1, 2]);
  expect(bench.dump.begin()).toBe(true);
  expect(bench.dump.begin()).toBe(false);
  bench.hear([2]);
  expect(bench.dump.finish()).toBe(true);
  expect(bench.told()).toEqual([]);
  bench.load([2]);
  expect(bench.told()).toEqual(['end 1']);
});

test('a kernel that held something before this process has lived through the restart: what is gone has ended', () => {
  const bench = new Bench();
  expect(bench.dump.judge(one(1), 0, true)).toBe('unknown');
  bench.load([1], [2]);
  expect(bench.dump.judge(one(2), 0, true)).toBe('in kernel');
  expect(bench.dump.judge(one(3), 0, true)).toBe('ended');
});

test('one that holds only what has begun since was rebooted: what peers remember is taken back, if we asked for it', () => {
  const bench = new Bench();
  bench.dump.begin();
  bench.ownership.kernelPut(one(1), 0, 5);
  bench.hear([1]);
  bench.dump.finish();
  expect(bench.dump.judge(one(3), 0, true)).toBe('apply');
  expect(bench.dump.judge(one(3), 0, false)).toBe('ended');
});

test('a copy of another connection with the tuple gives way to what its owner tells', () => {
  const bench = new Bench();
  bench.load([], [1]);
  bench.ownership.peerRecords(one(1, { owner: 2, server: 0x0a640009 }), 2, 'bulk', 5);
  const orders = readRecords(bench.ownership.apply.take()).map(({ op, server }) => [op, server & 255]);
  expect(orders).toEqual([
    [Op.delete, 1],
    [Op.put, 9],
  ]);
});

test('what the kernel carries as ours and another owns becomes a replica, for its client to claim', () => {
  const bench = new Bench();
  bench.load([]);
  bench.ownership.peerRecords(one(1, { owner: 2 }), 2, 'news', 5);
  bench.ownership.apply.clear();
  bench.load([1]);
  expect(readRecords(bench.ownership.apply.take())).toMatchObject([
    { op: Op.put, flags: 3 | RecordFlag.demote, owner: 2 },
  ]);
  expect(bench.told()).toEqual([]);
});

test('its end at the one that is said to own it is not the end here: its client decides, or its timeout', () => {
  const bench = new Bench();
  bench.load([]);
  bench.ownership.peerRecords(one(1, { owner: 2 }), 2, 'news', 5);
  bench.load([1]);
  bench.ownership.apply.clear();
  bench.ownership.peerRecords(one(1, { owner: 2, op: Op.delete }), 2, 'news', 5);
  expect(bench.ownership.apply.count).toBe(0);
  bench.ownership.kernelPut(one(1, { flags: RecordFlag.claimed }), 0, 6);
  expect(bench.told()).toEqual(['put 1']);
});

test('remembered clients are in no dump, and do not end by it', () => {
  const bench = new Bench();
  bench.load([1]);
  bench.ownership.kernelPut(one(9, { protocol: Protocol.persistence, clientPort: 0, vipPort: 0, localPort: 0 }), 0, 5);
  bench.told();
  bench.load([1]);
  expect(bench.told()).toEqual([]);
});

const THE_OTHER = { server: 0x0a640009 };

test('what is in doubt and in no dump is over, and the other takes its place; what is in one stays in doubt', () => {
  const bench = new Bench();
  bench.load([1, 2]);
  const others = recordsOf([1, 2].map((key) => sample(key, { ...THE_OTHER, owner: 2, epoch: 2 })));
  bench.ownership.peerRecords(others, 2, 'news', 5);
  bench.ownership.apply.take();
  bench.dump.begin();
  bench.hear([], [2]);
  expect(bench.dump.finish()).toBe(false);
  const written = readRecords(bench.ownership.apply.take());
  expect(written).toMatchObject([{ op: Op.put, client: sample(1).client, ...THE_OTHER }]);
});

test('what has been in doubt for longer than it could live without a packet is to be looked for, once', () => {
  const bench = new Bench();
  bench.load([1]);
  const { timeout } = sample(1);
  bench.ownership.peerRecords(one(1, { ...THE_OTHER, owner: 2, epoch: 2 }), 2, 'news', 5);
  const overdue = [5 + timeout, 6 + timeout, 7 + timeout].map((seconds) => bench.ownership.doubtsOverdue(seconds));
  expect(overdue).toEqual([false, true, false]);
});

test('of what comes into doubt while a dump runs, another one tells', () => {
  const bench = new Bench();
  bench.load([1]);
  bench.dump.begin();
  bench.ownership.peerRecords(one(1, { ...THE_OTHER, owner: 2, epoch: 2 }), 2, 'news', 5);
  bench.ownership.apply.take();
  expect(bench.dump.finish()).toBe(true);
  expect(bench.ownership.apply.count).toBe(0);
  bench.load([]);
  expect(readRecords(bench.ownership.apply.take())).toMatchObject([{ op: Op.put, ...THE_OTHER }]);
});
