import { beforeEach, expect, test } from 'vitest';
import type { Instant } from '../../../src/core/base/machine.ts';
import { Outbox } from '../../../src/core/sync/mesh/outbox.ts';
import { RECORD_BYTES } from '../../../src/core/sync/records/record.ts';
import { RecordBuffer } from '../../../src/core/sync/records/record-buffer.ts';

const RECORD = new Uint8Array(RECORD_BYTES);

let tell: RecordBuffer;
let outbox: Outbox;
/** When something went out, how many records, and since when the first of them that presses had waited. */
let sent: [now: Instant, records: number, since: Instant | undefined][];

beforeEach(() => {
  tell = new RecordBuffer();
  sent = [];
  const sendRecords = (_kind: string, records: Uint8Array, since: Instant | undefined, now: Instant) =>
    void sent.push([now, records.length / RECORD_BYTES, since]);
  outbox = new Outbox({ tell, direct: new Map() }, () => [{ state: 'up', routerId: 2, sendRecords }]);
});

function happens(now: Instant, { begun = 0, ended = 0 }): void {
  outbox.open(now);
  for (let n = 0; n < begun; n++) tell.add(RECORD, 0);
  for (let n = 0; n < ended; n++) tell.add(RECORD, 0, false);
  outbox.turn(now);
}

test('a connection that begins is told at once', () => {
  happens(100, { begun: 1 });
  happens(100.2, { begun: 1 });
  expect(sent).toEqual([
    [100, 1, 100],
    [100.2, 1, 100.2],
  ]);
});

test('after very many at once the next ones go together, two milliseconds later', () => {
  happens(100, { begun: 300 });
  happens(100.1, { begun: 1 });
  happens(100.2, { begun: 2 });
  expect(outbox.deadline).toBe(102);
  outbox.turn(102);
  expect(sent).toEqual([
    [100, 300, 100],
    [102, 3, 100.1],
  ]);
});

test('after a burst the next one does not wait', () => {
  happens(100, { begun: 40 });
  happens(100.1, { begun: 1 });
  expect(sent).toEqual([
    [100, 40, 100],
    [100.1, 1, 100.1],
  ]);
});

test('an end alone waits five milliseconds', () => {
  happens(100, { ended: 1 });
  happens(103, { ended: 1 });
  expect(outbox.deadline).toBe(105);
  outbox.turn(105);
  expect(sent).toEqual([[105, 2, undefined]]);
});

test('an end goes with the next beginning, which does not wait for it', () => {
  happens(100, { ended: 1 });
  happens(101, { begun: 1 });
  expect(sent).toEqual([[101, 2, 101]]);
  expect(outbox.deadline).toBeUndefined();
});
