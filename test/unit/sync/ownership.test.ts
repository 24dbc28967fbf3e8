/** Whose word counts: each rule of merging, by what stands in the table, what the kernel is told, and who hears of it. */
import { beforeEach, expect, test } from 'vitest';
import { rangeSet } from '../../../src/core/sync/records/ranges.ts';
import { type ConnectionRecord, Op, Protocol, RecordFlag, readRecords } from '../../../src/core/sync/records/record.ts';
import type { RecordBuffer } from '../../../src/core/sync/records/record-buffer.ts';
import { Ownership, type TakeBack } from '../../../src/core/sync/replicas/ownership.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';
import { one } from './sample-records.ts';

const SELF = 1;
const ALL_RANGES = rangeSet(Array(256).keys());
let judged: ReturnType<TakeBack> = 'ended';
let ownership: Ownership;

beforeEach(() => {
  judged = 'ended';
  ownership = new Ownership(SELF, new ConnectionTable({ seed: 1 }), () => judged);
  ownership.directors = [SELF, 2, 3];
});

const OPS = Object.fromEntries(Object.entries(Op).map(([name, op]) => [op, name]));

function brief({ op, owner, epoch, server, flags }: ConnectionRecord): string {
  const demote = flags & RecordFlag.demote ? ' demote' : '';
  return `${OPS[op]}${demote} ${owner}/${epoch} to ${server & 255}`;
}

function taken(buffer: RecordBuffer | undefined): readonly string[] {
  return buffer === undefined ? [] : readRecords(buffer.take()).map(brief);
}

/** The table, the kernel's orders, what all hear, what one hears. */
function outcome(peer = 2): object {
  const { table, apply, tell, direct } = ownership;
  const held: string[] = [];
  table.walk(0, 1000, (slot) => {
    held.push(brief(readRecords(table.record(slot).slice())[0]!).replace('put ', ''));
  });
  return { held, apply: taken(apply), tell: taken(tell), direct: taken(direct.get(peer)) };
}

/** From peer 2, unless another is named. */
function hear(change: Partial<ConnectionRecord>, telling: 'news' | 'bulk' = 'news', sender = 2): void {
  ownership.peerRecords(one(1, change), sender, telling, 10);
}

function kernel(change: Partial<ConnectionRecord> = {}): void {
  ownership.kernelPut(one(1, { owner: 0, epoch: 0, ...change }), 0, 10);
}

/** A state that a test begins with: nobody is told of it any more. */
function settled(...steps: readonly (() => void)[]): void {
  for (const step of steps) step();
  outcome();
}

test('a connection that begins here is ours, in epoch 1, and all are told', () => {
  kernel();
  expect(outcome()).toEqual({ held: ['1/1 to 1'], apply: [], tell: ['put 1/1 to 1'], direct: [] });
});

test('what a peer tells becomes an entry, and is told to nobody', () => {
  hear({});
  expect(outcome()).toEqual({ held: ['2/1 to 1'], apply: ['put 2/1 to 1'], tell: [], direct: [] });
});

test('a claim takes the next epoch', () => {
  settled(() => hear({ epoch: 4 }));
  kernel({ flags: RecordFlag.claimed, windowScale: 0xff });
  expect(outcome()).toEqual({ held: ['1/5 to 1'], apply: [], tell: ['put 1/5 to 1'], direct: [] });
  expect(readRecords(ownership.table.record(0).slice())[0]!.windowScale).toBe(0x77);
});

test('a claim of what is ours already is no news', () => {
  settled(() => kernel());
  kernel({ flags: RecordFlag.claimed });
  expect(outcome()).toMatchObject({ held: ['1/1 to 1'], tell: [] });
});

test('a tuple that is used again for another server is a new epoch', () => {
  settled(() => kernel());
  kernel({ server: 0x0a640002 });
  expect(outcome()).toMatchObject({ held: ['1/2 to 2'], tell: ['put 1/2 to 2'] });
});

test('an epoch that was over is not begun again', () => {
  settled(
    () => hear({ epoch: 6 }),
    () => hear({ epoch: 6, op: Op.delete }),
  );
  kernel();
  expect(outcome()).toMatchObject({ held: ['1/7 to 1'] });
});

test('another owner in a higher epoch: our entry becomes a replica', () => {
  settled(() => kernel());
  hear({ epoch: 2 });
  expect(outcome()).toEqual({ held: ['2/2 to 1'], apply: ['put demote 1/1 to 1'], tell: [], direct: [] });
});

test('two claims of one epoch: the higher router id owns', () => {
  settled(() => kernel());
  hear({ epoch: 1 });
  expect(outcome()).toMatchObject({ held: ['2/1 to 1'] });
});

test('an older epoch is ignored; who listed it is told better', () => {
  settled(() => hear({ epoch: 5, owner: 3 }, 'news', 3));
  hear({ epoch: 4 });
  expect(outcome()).toMatchObject({ held: ['3/5 to 1'], apply: [], direct: [] });
  hear({ epoch: 4 }, 'bulk');
  expect(outcome()).toMatchObject({ held: ['3/5 to 1'], apply: [], direct: ['put 3/5 to 1'] });
});

test('a replica that moves from one peer to another stays as it is', () => {
  settled(() => hear({}));
  hear({ owner: 3, epoch: 2 }, 'news', 3);
  expect(outcome()).toMatchObject({ held: ['3/2 to 1'], apply: ['refresh 3/2 to 1'] });
});

test('a replica of a tuple that is used again is made anew', () => {
  settled(() => hear({}));
  hear({ epoch: 2, server: 0x0a640009 });
  expect(outcome()).toMatchObject({ apply: ['delete 2/1 to 1', 'put 2/2 to 9'] });
});

test("the owner's delete ends it, and its epoch is remembered", () => {
  settled(() => hear({}));
  hear({ op: Op.delete });
  expect(outcome()).toEqual({ held: [], apply: ['delete 2/1 to 1'], tell: [], direct: [] });
});

test('an owner that the cluster file does not name owns nothing', () => {
  hear({ owner: 9 });
  expect(outcome()).toEqual({ held: [], apply: [], tell: [], direct: [] });
  expect(ownership.counts.strangers).toBe(1);
});

test("nobody else's delete counts", () => {
  settled(() => hear({}));
  hear({ op: Op.delete }, 'news', 3);
  hear({ op: Op.delete, owner: 3, epoch: 0 }, 'news', 3);
  expect(outcome()).toEqual({ held: ['2/1 to 1'], apply: [], tell: [], direct: [] });
  expect(ownership.counts.foreignDeletes).toBe(1);
});

test('the delete of an epoch that is over does not end the next', () => {
  settled(() => hear({ epoch: 3 }));
  hear({ op: Op.delete, epoch: 2 });
  expect(outcome()).toMatchObject({ held: ['2/3 to 1'], apply: [] });
});

test('a later owner ends what we believe to be ours: the kernel keeps the entry, for its client to claim', () => {
  settled(() => kernel());
  hear({ op: Op.delete, epoch: 2 });
  expect(outcome()).toEqual({ held: [], apply: ['put demote 1/1 to 1'], tell: [], direct: [] });
});

test('the end of our own is told to all; of a copy, to nobody', () => {
  settled(() => kernel());
  ownership.kernelEnd(one(1), 0);
  expect(outcome()).toMatchObject({ held: [], tell: ['delete 1/1 to 1'] });
  settled(() => hear({ epoch: 2 }));
  ownership.kernelEnd(one(1, { flags: RecordFlag.replica }), 0);
  expect(outcome()).toEqual({ held: [], apply: [], tell: [], direct: [] });
});

test('FIN or RST of what another owns is told to the owner alone', () => {
  settled(() => hear({}));
  ownership.kernelClosing(one(1, { state: 8, timeout: 10 }), 0);
  const closing = readRecords(ownership.direct.get(2)!.take())[0]!;
  expect(closing).toMatchObject({ op: Op.closing, owner: 2, epoch: 1, state: 8, timeout: 10 });
});

test('an owner that hears of a FIN shortens its own entry; of another epoch, it does nothing', () => {
  settled(() => kernel());
  hear({ op: Op.closing, owner: SELF, epoch: 2, timeout: 10 });
  expect(outcome()).toMatchObject({ apply: [] });
  ownership.peerRecords(one(1, { op: Op.closing, owner: SELF, epoch: 1, timeout: 10 }), 2, 'news', 20);
  expect(readRecords(ownership.apply.take())).toMatchObject([{ op: Op.refresh, timeout: 10 }]);
  expect(ownership.table.size).toBe(1);
});

test.each([
  ['ended', { held: [], apply: [], direct: ['delete 1/4 to 1'] }],
  ['apply', { held: ['1/4 to 1'], apply: ['put 1/4 to 1'], direct: [] }],
  ['in kernel', { held: ['1/4 to 1'], apply: [], direct: [] }],
  ['unknown', { held: [], apply: [], direct: [] }],
] as const)('of our earlier life, and %s', (what, expected) => {
  judged = what;
  hear({ owner: SELF, epoch: 4 }, 'bulk');
  expect(outcome()).toMatchObject(expected);
});

test('our own comes back under the epoch that peers know; another connection than ours is told anew', () => {
  settled(() => kernel());
  hear({ owner: SELF, epoch: 4 }, 'bulk');
  expect(outcome()).toMatchObject({ held: ['1/4 to 1'], tell: ['put 1/4 to 1'] });
  hear({ owner: SELF, epoch: 6, server: 0x0a640009 }, 'bulk');
  expect(outcome()).toMatchObject({ held: ['1/7 to 1'], tell: ['put 1/7 to 1'], apply: [] });
});

const THE_OTHER = { epoch: 2, server: 0x0a640009 };

test('two connections of one tuple: ours is made a replica, and nothing that is told takes it away', () => {
  settled(() => kernel());
  hear(THE_OTHER);
  expect(outcome()).toMatchObject({ held: ['2/2 to 9'], apply: ['put demote 1/1 to 1'] });
  for (const op of [Op.refresh, Op.put, Op.delete, Op.put]) {
    ownership.peerRecords(one(1, { ...THE_OTHER, op }), 2, 'news', 100_000);
    expect(outcome()).toMatchObject({ apply: [] });
  }
  hear({ ...THE_OTHER, epoch: 3 }, 'news', 3);
  hear({ ...THE_OTHER, epoch: 4, server: 0x0a640005 });
  expect(outcome()).toMatchObject({ held: ['2/4 to 5'], apply: [] });
});

test('two connections of one tuple: a dump that finds ours in the place of the other leaves it', () => {
  settled(
    () => kernel(),
    () => hear(THE_OTHER),
  );
  ownership.restore(0, one(1, { flags: RecordFlag.replica }), 0);
  expect(outcome()).toMatchObject({ apply: [] });
});

test('two connections of one tuple: when the kernel has ended ours, the other takes its place', () => {
  settled(
    () => kernel(),
    () => hear(THE_OTHER),
  );
  ownership.kernelEnd(one(1, { flags: RecordFlag.replica }), 0);
  expect(outcome()).toMatchObject({ held: ['2/2 to 9'], apply: ['put 2/2 to 9'], tell: [] });
});

test('two connections of one tuple: ours is a copy like others once its new owner tells of it', () => {
  settled(
    () => kernel({ birth: 5 }),
    () => hear({ ...THE_OTHER, birth: 6 }),
  );
  hear({ epoch: 3, owner: 3, birth: 5 }, 'news', 3);
  expect(outcome()).toMatchObject({ held: ['3/3 to 1'] });
  hear({ epoch: 3, owner: 3, birth: 5, op: Op.delete }, 'news', 3);
  expect(outcome()).toMatchObject({ held: [], apply: ['delete 3/3 to 1'] });
});

test.each([
  ['has moved', 5, { apply: ['delete 2/2 to 1'] }],
  ['is another one, of another birth', 6, { apply: [] }],
  ['is perhaps another one', 0, { apply: [] }],
])('the same tuple and server at another owner: what %s', (_what, birth, expected) => {
  settled(
    () => kernel({ birth: 5 }),
    () => hear({ epoch: 2, birth }),
  );
  hear({ epoch: 2, birth, op: Op.delete });
  expect(outcome()).toMatchObject({ held: [], ...expected });
});

test('a connection keeps its birth when it moves, and when its owner is started again', () => {
  const birth = () => readRecords(ownership.table.record(0).slice())[0]!.birth;
  settled(() => hear({ birth: 5 }));
  kernel({ flags: RecordFlag.claimed });
  expect(birth()).toBe(5);
  hear({ epoch: 3 });
  expect(birth()).toBe(5);
  kernel({ birth: 6 });
  expect(birth()).toBe(6);
});

test('of two births one after the other, a packet of the one that is in doubt brings its own back', () => {
  settled(
    () => kernel({ birth: 5 }),
    () => hear({ epoch: 2, birth: 6 }),
  );
  kernel({ flags: RecordFlag.claimed });
  expect(readRecords(ownership.tell.take())).toMatchObject([{ owner: SELF, epoch: 3, birth: 5 }]);
});

test('our own tuple used again for the same server, its end unheard, is a new epoch', () => {
  settled(() => kernel({ birth: 5 }));
  kernel({ birth: 6 });
  expect(outcome()).toMatchObject({ held: ['1/2 to 1'], tell: ['put 1/2 to 1'] });
});

test('two connections of one tuple: a packet of ours takes it back, and what the other says later changes nothing', () => {
  settled(
    () => kernel(),
    () => hear({ epoch: 2, server: 0x0a640009 }),
  );
  kernel({ flags: RecordFlag.claimed });
  expect(outcome()).toMatchObject({ held: ['1/3 to 1'], tell: ['put 1/3 to 1'] });
  hear({ epoch: 2, server: 0x0a640009, op: Op.refresh });
  expect(outcome()).toMatchObject({ held: ['1/3 to 1'], apply: [] });
});

test('what its owner did not list goes after a while, unless somebody tells of it', () => {
  settled(() => hear({}));
  const since = ownership.nextGeneration();
  ownership.dropUnlisted(2, ALL_RANGES, since, 10);
  expect(outcome()).toMatchObject({ held: [], apply: [] });
  ownership.buryUnlisted(14);
  expect(outcome()).toMatchObject({ apply: [] });
  ownership.buryUnlisted(15);
  expect(outcome()).toMatchObject({ apply: ['delete 2/1 to 1'] });
});

test('what was told while the owner listed stays', () => {
  const since = ownership.nextGeneration();
  settled(() => hear({}));
  ownership.dropUnlisted(2, ALL_RANGES, since, 10);
  expect(outcome()).toMatchObject({ held: ['2/1 to 1'] });
});

test('what moved while its former owner listed is told of by the new one, and nothing is deleted', () => {
  settled(() => hear({}));
  ownership.dropUnlisted(2, ALL_RANGES, ownership.nextGeneration(), 10);
  hear({ owner: 3, epoch: 2 }, 'news', 3);
  ownership.buryUnlisted(100);
  expect(outcome()).toMatchObject({ held: ['3/2 to 1'], apply: ['put 3/2 to 1'] });
});

test('a remembered client is written over by what is newer: there is no entry to be made a replica', () => {
  const client = { protocol: Protocol.persistence, clientPort: 0, vipPort: 0, localPort: 0 };
  settled(() => kernel(client));
  hear({ ...client, epoch: 2, server: 0x0a640009 });
  expect(outcome()).toMatchObject({ held: ['2/2 to 9'], apply: ['put 2/2 to 9'] });
  hear({ ...client, epoch: 2, server: 0x0a640009, op: Op.delete });
  expect(outcome()).toMatchObject({ held: [], apply: ['delete 2/2 to 9'] });
});
