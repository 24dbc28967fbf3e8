/** What the mapping log says of which connections. */
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { type MappingSource, mappingLine, mappingVerb } from '../../../src/core/sync/mapping.ts';
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RECORD_BYTES,
  RecordFlag,
  recordsOf,
} from '../../../src/core/sync/records/record.ts';
import { ConnectionTable } from '../../../src/core/sync/table/connection-table.ts';

const SELF = 1;
const { assured, seenReply, claimed, replica } = RecordFlag;
const ANSWERED = assured | seenReply;

function record(change: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return {
    ...{ client: ipv4('198.51.100.7'), vip: ipv4('203.0.113.10'), clientPort: 40_001, vipPort: 80, protocol: 6 },
    ...{ op: Op.put, state: 3, flags: ANSWERED, server: ipv4('10.2.0.21'), local: ipv4('10.3.0.1'), serverPort: 8080 },
    ...{ localPort: 4711, service: 0, owner: 0, epoch: 0, timeout: 1000, windowScale: 0x77, birth: 0 },
    ...change,
  };
}

const END = record({ op: Op.delete });

/** What is said of each of a batch, with these connections in the table. */
function said(batch: ConnectionRecord[], known: ConnectionRecord[] = [], source: MappingSource = 'event') {
  const table = new ConnectionTable({ seed: 1 });
  for (const one of known) table.put(recordsOf([one]), 0, 0);
  const records = recordsOf(batch);
  return batch.map((_, index) => mappingVerb(records, index * RECORD_BYTES, table, SELF, source) ?? '-').join(' ');
}

const OURS = record({ owner: SELF, epoch: 1 });
const THEIRS = record({ owner: 2, epoch: 1 });

test('a line names both sides of a connection', () => {
  const line = (change: Partial<ConnectionRecord>) =>
    mappingLine('2026-11-21T19:03:11.042Z', 'opened', recordsOf([record(change)]), 0, 'web');
  expect(line({})).toBe(
    '2026-11-21T19:03:11.042Z opened tcp 198.51.100.7:40001 203.0.113.10:80 10.3.0.1:4711 10.2.0.21:8080 web\n',
  );
  expect(line({ protocol: Protocol.udp })).toContain(' opened udp ');
});

describe('a connection', () => {
  test.each([
    ['begins, and is told of again later', [record()], [], 'opened'],
    ['is known', [record()], [OURS], '-'],
    ['ends', [END], [OURS], 'closed'],
    ['begins, is told of again, and ends, in one batch', [record(), record(), END], [], 'opened - closed'],
    ['begins, ends, and begins, in one batch', [record(), END, record()], [], 'opened closed opened'],
    ['is not the one that had the tuple before', [record({ localPort: 4712 })], [OURS], 'opened'],
    ['is beside others in a batch', [record({ clientPort: 40_257 }), record(), END], [], 'opened opened closed'],
    ['ends, which was never known', [END], [], '-'],
    ['begins with a handshake that is told too', [record({ flags: 0 }), record(), record()], [], '- opened -'],
    ['was a handshake, in an earlier batch', [record()], [{ ...OURS, flags: 0 }], 'opened'],
    ['ends as a handshake', [END], [{ ...OURS, flags: 0 }], '-'],
  ])('%s', (_, batch, known, words) => {
    expect(said(batch, known)).toBe(words);
  });

  test('of UDP is one when it was answered', () => {
    const asked = record({ protocol: Protocol.udp, flags: 0, state: 0 });
    expect(said([asked, { ...asked, flags: seenReply }])).toBe('- opened');
  });

  test.each([
    ['comes from another director', [record({ flags: ANSWERED | claimed })], [THEIRS], 'moved'],
    [
      'comes from another director, and that is told twice',
      [record({ flags: claimed }), record()],
      [THEIRS],
      'moved -',
    ],
    ['comes from a director that had not told of it', [record({ flags: ANSWERED | claimed })], [], 'moved'],
    ['is claimed again', [record({ flags: ANSWERED | claimed })], [OURS], '-'],
    ['is carried by another: closing', [record({ op: Op.closing, flags: ANSWERED | replica })], [THEIRS], '-'],
    ['is carried by another: its copy goes', [{ ...END, flags: ANSWERED | replica }], [THEIRS], '-'],
    ['ends after it came', [record({ flags: claimed }), END], [THEIRS], 'moved closed'],
  ])('%s', (_, batch, known, words) => {
    expect(said(batch, known)).toBe(words);
  });

  test('whose client the server sees needs no line, nor does the memory of a client', () => {
    const nat = record({ local: ipv4('198.51.100.7') });
    expect(said([nat, { ...nat, op: Op.delete }], [{ ...nat, owner: SELF }])).toBe('- -');
    expect(said([record({ protocol: Protocol.persistence })])).toBe('-');
  });
});

describe('a listing of the kernel', () => {
  test('finds what nobody has told of, once', () => {
    expect(said([record(), record()], [], 'dump')).toBe('found -');
    expect(said([record()], [OURS], 'dump')).toBe('-');
    expect(said([record({ flags: 0 })], [], 'dump')).toBe('-');
  });

  test('is the first of a process: what peers say of an earlier life is written as well', () => {
    expect(said([record()], [OURS], 'start')).toBe('found');
    expect(said([record(), record({ flags: ANSWERED | replica })], [THEIRS], 'start')).toBe('- -');
  });

  test('moves nothing', () => {
    expect(said([record()], [THEIRS], 'dump')).toBe('-');
    expect(said([record({ flags: ANSWERED | replica })], [], 'dump')).toBe('-');
  });
});
