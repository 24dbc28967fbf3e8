/** What lives is told again in time. */
import { expect, test } from 'vitest';
import { Op, readRecords } from '../../../src/core/sync/records/record.ts';
import { Ownership } from '../../../src/core/sync/replicas/ownership.ts';
import { Refresh } from '../../../src/core/sync/replicas/refresh.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';
import { many, one } from './sample-records.ts';

function bench(): { readonly ownership: Ownership; readonly refresh: Refresh } {
  const ownership = new Ownership(1, new ConnectionTable({ seed: 1 }), () => 'ended');
  ownership.directors = [1, 2];
  return { ownership, refresh: new Refresh(ownership) };
}

const NOBODY_GONE = () => false;
const ALL_GONE = () => true;

test('a connection of ours is told again when a third of its timeout has passed, and not before', () => {
  const { ownership, refresh } = bench();
  ownership.kernelPut(one(1), 0, 100);
  refresh.slice(250, 139, NOBODY_GONE);
  expect(refresh.records.count).toBe(0);
  refresh.slice(250, 140, NOBODY_GONE);
  expect(readRecords(refresh.records.take())).toMatchObject([{ op: Op.refresh, owner: 1, timeout: 120 }]);
  refresh.slice(250, 141, NOBODY_GONE);
  expect(refresh.records.count).toBe(0);
});

test('a large table is walked in slices, all of it in eight seconds', () => {
  const { ownership, refresh } = bench();
  ownership.peerRecords(many(16_000, { owner: 2 }), 2, 'news', 0);
  for (let key = 0; key < 1000; key++) ownership.kernelPut(one(key + 20_000), 0, 0);
  let most = 0;
  let last = 0;
  for (let tick = 0; tick < 33; tick++) {
    refresh.slice(250, 50, NOBODY_GONE);
    most = Math.max(most, refresh.records.count - last);
    last = refresh.records.count;
  }
  expect(refresh.records.count).toBe(1000);
  expect(most).toBeLessThanOrEqual(1024);
});

test('a copy that is long over is forgotten when its owner is gone, and only then', () => {
  const { ownership, refresh } = bench();
  ownership.peerRecords(one(1, { owner: 2 }), 2, 'news', 0);
  refresh.slice(250, 1000, NOBODY_GONE);
  refresh.slice(250, 180, ALL_GONE);
  expect(ownership.table.size).toBe(1);
  refresh.slice(250, 181, ALL_GONE);
  expect(ownership.table.size).toBe(0);
});
