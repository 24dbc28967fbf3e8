/** Pages of connections for an operator. */
import { expect, test } from 'vitest';
import { putU32 } from '../../../src/core/base/big-endian.ts';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import type { ConnectionFilter } from '../../../src/core/model/sync.ts';
import { type ConnectionRecord, Field, Op, readRecords, recordsOf } from '../../../src/core/sync/records/record.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';
import { listPage } from '../../../src/core/sync/table/listing.ts';

const RECORD: ConnectionRecord = {
  ...{ client: ipv4('192.0.2.1'), vip: ipv4('203.0.113.10'), clientPort: 40_000, vipPort: 80, protocol: 6 },
  ...{ op: Op.put, state: 3, flags: 3, server: ipv4('10.2.0.21'), local: ipv4('10.3.0.1'), serverPort: 80 },
  ...{ localPort: 1024, service: 7, owner: ipv4('10.255.0.1'), epoch: 1, timeout: 100, windowScale: 0x77, birth: 0 },
};

function tableOf(records: readonly ConnectionRecord[]): ConnectionTable {
  const table = new ConnectionTable({ seed: 1 });
  const bytes = recordsOf(records);
  for (let at = 0; at < bytes.length; at += 48) table.put(bytes, at, 1000);
  return table;
}

function all(table: ConnectionTable, filter: ConnectionFilter = {}) {
  const pages: ConnectionRecord[][] = [];
  for (let cursor: number | undefined = 0; cursor !== undefined; ) {
    const page = listPage(table, filter, cursor, 1040);
    pages.push([...readRecords(page.records)]);
    cursor = page.cursor;
  }
  return pages;
}

const many = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    ...RECORD,
    client: RECORD.client + index,
    localPort: index & 0xffff,
  }));

test('every connection is in one page, with the seconds that it has left', () => {
  const pages = all(tableOf(many(5000)));
  expect(pages.map((page) => page.length)).toEqual([2048, 2048, 904]);
  expect(new Set(pages.flat().map(({ client }) => client)).size).toBe(5000);
  expect(pages.flat().every(({ timeout }) => timeout === 60)).toBe(true);
});

test('a page is bounded work, though nothing in it may match', () => {
  const table = new ConnectionTable({ seed: 1 });
  const bytes = recordsOf([RECORD]);
  for (let client = 0; client < 70_000; client++) {
    putU32(bytes, Field.client, client);
    putU32(bytes, Field.local, client);
    table.put(bytes, 0, 1000);
  }
  const pages = all(table, { client: 69_999 });
  expect(pages.map((page) => page.length)).toEqual([0, 1]);
});

test('each filter, and all of them together', () => {
  const others: readonly Partial<ConnectionRecord>[] = [
    { client: ipv4('192.0.2.2') },
    { vip: ipv4('203.0.113.11') },
    { server: ipv4('10.2.0.22') },
    { owner: ipv4('10.255.0.2') },
    { local: ipv4('10.3.0.2') },
    { localPort: 1025 },
  ];
  const table = tableOf(others.map((other, index) => ({ ...RECORD, clientPort: 50_000 + index, ...other })));
  for (const [index, other] of others.entries()) {
    const found = all(table, other as ConnectionFilter).flat();
    expect(found.map(({ clientPort }) => clientPort)).toEqual([50_000 + index]);
  }
  expect(all(table, { client: RECORD.client, vip: RECORD.vip }).flat()).toHaveLength(4);
});

test('a client that is remembered is no connection', () => {
  const table = tableOf([{ ...RECORD, protocol: 255, vip: 7, clientPort: 0, vipPort: 0, localPort: 0 }]);
  expect(
    all(table)
      .flat()
      .map(({ client }) => formatIpv4(client)),
  ).toEqual([]);
});
