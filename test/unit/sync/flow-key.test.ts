/** The same tuple as a query, as a record's key, and as a value. */
import { expect, test } from 'vitest';
import { clientKey, flowKey, recordKey, tupleAt, tupleBytes } from '../../../src/core/sync/records/flow-key.ts';
import { KEY_BYTES, Protocol } from '../../../src/core/sync/records/record.ts';
import { one } from './sample-records.ts';

test('a record begins with the tuple of its client’s packets', () => {
  const record = one(3);
  const tuple = tupleAt(record);
  expect(tuple).toEqual({ protocol: 6, source: 0x0a000003, destination: 0xc0000201, sport: 40_000, dport: 80 });
  expect(tupleBytes(tuple)).toEqual(record.subarray(0, KEY_BYTES));
  expect(flowKey(tuple)).toBe(recordKey(record, 0));
});

test('a persistence entry is found by service and client', () => {
  const entry = { protocol: Protocol.persistence, vip: 7, clientPort: 0, vipPort: 0 };
  expect(clientKey(7, 0x0a000003)).toEqual(one(3, entry).subarray(0, KEY_BYTES));
});
