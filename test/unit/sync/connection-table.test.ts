import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ConnectionRecord,
  Field,
  KEY_BYTES,
  Op,
  Protocol,
  RANGES,
  RECORD_BYTES,
  RecordFlag,
  rangeOf,
  readRecord,
  recordHash,
  recordsOf,
} from '../../../src/core/sync/records/record.ts';
import { toggleDigest } from '../../../src/core/sync/records/record-digest.ts';
import { ConnectionTable, NO_SLOT } from '../../../src/core/sync/table/connection-table.ts';
import { THOROUGH } from '../../sizes.ts';
import { CONNECTION } from './arbitraries.ts';

const [ONE, TWO] = [0x0aff0001, 0x0aff0002];

function connection(client: number, change: Partial<ConnectionRecord> = {}): ConnectionRecord {
  return { ...CONNECTION, client, local: client, ...change };
}

/** The 13 bytes by which a query names a connection from the server's side. */
function serverTuple(record: ConnectionRecord): Uint8Array {
  const asKey = { client: record.server, vip: record.local, clientPort: record.serverPort, vipPort: record.localPort };
  return recordsOf([{ ...CONNECTION, ...asKey, protocol: record.protocol }]).subarray(0, KEY_BYTES);
}

function put(table: ConnectionTable, record: ConnectionRecord, seconds = 0): number {
  return table.put(recordsOf([record]), 0, seconds);
}

function slotOf(table: ConnectionTable, record: ConnectionRecord): number {
  return table.find(recordsOf([record]), 0);
}

function visited(table: ConnectionTable, slots: number): readonly number[] {
  const seen: number[] = [];
  let cursor: number | undefined = 0;
  while (cursor !== undefined) cursor = table.walk(cursor, slots, (slot) => seen.push(slot));
  return seen;
}

describe('one connection', () => {
  test('is found by its key and by what its server sees', () => {
    const table = new ConnectionTable({ seed: 1 });
    const slot = put(table, CONNECTION);
    expect(slotOf(table, CONNECTION)).toBe(slot);
    expect(table.findByServerSide(serverTuple(CONNECTION), 0)).toBe(slot);
    expect(slotOf(table, { ...CONNECTION, clientPort: 1 })).toBe(NO_SLOT);
    expect(table.findByServerSide(serverTuple({ ...CONNECTION, localPort: 1 }), 0)).toBe(NO_SLOT);
    expect(readRecord(table.bytes, table.offset(slot))).toEqual(CONNECTION);
  });

  test('is taken out by its key, once', () => {
    const table = new ConnectionTable({ seed: 1 });
    put(table, CONNECTION);
    const [key, other] = [recordsOf([CONNECTION]), recordsOf([{ ...CONNECTION, clientPort: 1 }])];
    expect([other, key, key].map((bytes) => table.removeKey(bytes, 0))).toEqual([false, true, false]);
    expect(table.size).toBe(0);
  });

  test('may be sent as it stands: op put, and no flag that stays at home', () => {
    const table = new ConnectionTable({ seed: 1 });
    const flags = RecordFlag.assured | RecordFlag.claimed | RecordFlag.demote;
    const slot = put(table, { ...CONNECTION, op: Op.closing, flags });
    expect(readRecord(table.record(slot), 0)).toEqual({ ...CONNECTION, flags: RecordFlag.assured });
  });

  test('that is put again keeps its slot, and is found by its new server only', () => {
    const table = new ConnectionTable({ seed: 1 });
    const slot = put(table, CONNECTION);
    const moved = { ...CONNECTION, server: CONNECTION.server + 1, owner: TWO, epoch: 2 };
    expect(put(table, moved)).toBe(slot);
    expect(table.size).toBe(1);
    expect(table.findByServerSide(serverTuple(CONNECTION), 0)).toBe(NO_SLOT);
    expect(table.findByServerSide(serverTuple(moved), 0)).toBe(slot);
    expect([table.countOf(CONNECTION.owner), table.countOf(TWO), [...table.owners()]]).toEqual([0, 1, [TWO]]);
  });

  test('that is removed is not found, and leaves nothing in digests', () => {
    const table = new ConnectionTable({ seed: 1 });
    table.remove(put(table, CONNECTION));
    expect([slotOf(table, CONNECTION), table.findByServerSide(serverTuple(CONNECTION), 0)]).toEqual([NO_SLOT, NO_SLOT]);
    expect([table.size, table.countOf(CONNECTION.owner), [...table.owners()]]).toEqual([0, 0, []]);
    expect(table.digest(CONNECTION.owner)).toEqual(new Uint32Array(2 * RANGES));
  });

  test('lasts from when it was told of until its timeout has passed', () => {
    const table = new ConnectionTable({ seed: 1 });
    const slot = put(table, { ...CONNECTION, timeout: 300 }, 1000);
    expect([table.toldAt(slot), table.secondsLeft(slot, 1100), table.secondsLeft(slot, 1301)]).toEqual([1000, 200, -1]);
    table.refresh(slot, 600, 1200);
    expect([table.toldAt(slot), table.secondsLeft(slot, 1200)]).toEqual([1200, 600]);
    table.tell(slot, 1500);
    expect(table.secondsLeft(slot, 1500)).toBe(600);
  });
});

describe('what the server sees', () => {
  test('may be two connections for a moment: the one told of last is meant', () => {
    const table = new ConnectionTable({ seed: 1 });
    const lip = { local: 0x0a020001, localPort: 5000 };
    const [first, second] = [connection(1, lip), connection(2, lip)];
    const newer = put(table, second, 20);
    const older = put(table, first, 10);
    expect(table.findByServerSide(serverTuple(first), 0)).toBe(newer);
    table.remove(newer);
    expect(table.findByServerSide(serverTuple(first), 0)).toBe(older);
  });

  // Each one looked for behind all the others would take longer than this test may.
  test('may be the same of very many: the newest is found, and no put takes longer for the others', {
    timeout: 5000,
  }, () => {
    const table = new ConnectionTable({ seed: 7 });
    const alike = Array.from({ length: 60_000 }, (_, n) => ({ ...CONNECTION, client: n }));
    const bytes = recordsOf(alike);
    for (let at = 0; at < bytes.length; at += RECORD_BYTES) table.put(bytes, at, at);
    expect(table.findByServerSide(serverTuple(CONNECTION), 0)).toBe(slotOf(table, alike.at(-1)!));
    for (const one of alike) table.remove(slotOf(table, one));
    expect(table.findByServerSide(serverTuple(CONNECTION), 0)).toBe(NO_SLOT);
    const slot = table.put(recordsOf([CONNECTION]), 0, 0);
    expect(table.findByServerSide(serverTuple(CONNECTION), 0)).toBe(slot);
  });

  test('is no persistence entry', () => {
    const table = new ConnectionTable({ seed: 1 });
    const entry = { ...CONNECTION, protocol: Protocol.persistence, clientPort: 0, vipPort: 0 };
    const slot = put(table, entry);
    expect(slotOf(table, entry)).toBe(slot);
    expect(table.findByServerSide(serverTuple(entry), 0)).toBe(NO_SLOT);
    table.remove(slot);
    expect(table.size).toBe(0);
  });
});

describe('many', () => {
  const COUNT = 5000;

  test('the table grows, and all that was in it still is, in the same slots', () => {
    const table = new ConnectionTable({ seed: 7 });
    const slots = Array.from({ length: COUNT }, (_, client) => put(table, connection(client)));
    expect(new Set(slots).size).toBe(COUNT);
    expect(slots.map((_, client) => slotOf(table, connection(client)))).toEqual(slots);
    const bySide = slots.map((_, client) => table.findByServerSide(serverTuple(connection(client)), 0));
    expect(bySide).toEqual(slots);
  });

  test('a place that was reserved is taken without growing', () => {
    const table = new ConnectionTable({ seed: 7 });
    table.reserve(COUNT);
    const { memory, bytes } = table;
    for (let client = 0; client < COUNT; client++) put(table, connection(client));
    expect([table.memory, table.bytes === bytes]).toEqual([memory, true]);
  });

  test('slots that were given back are used again: memory does not grow with what has been', () => {
    const table = new ConnectionTable({ seed: 7 });
    const { memory } = table;
    for (let client = 0; client < COUNT; client++) {
      put(table, connection(client));
      if (client >= 500) table.remove(slotOf(table, connection(client - 500)));
    }
    expect([table.size, table.memory]).toEqual([500, memory]);
    expect(visited(table, 100)).toHaveLength(500);
  });

  test('a walk visits what stays all the while just once, however the table changes', () => {
    const table = new ConnectionTable({ seed: 7 });
    const stays = Array.from({ length: 1000 }, (_, client) => put(table, connection(client)));
    const goes = Array.from({ length: 1000 }, (_, client) => connection(10_000 + client));
    for (const record of goes) put(table, record);
    const seen: number[] = [];
    let cursor: number | undefined = 0;
    while (cursor !== undefined) {
      cursor = table.walk(cursor, 100, (slot) => seen.push(slot));
      const gone = goes.pop();
      if (gone !== undefined) table.remove(slotOf(table, gone));
      for (let n = 0; n < 200; n++) put(table, connection(20_000 + table.size));
      if (table.size > 8000) break;
    }
    const counts = new Map<number, number>();
    for (const slot of seen) counts.set(slot, (counts.get(slot) ?? 0) + 1);
    expect(stays.filter((slot) => counts.get(slot) !== 1)).toEqual([]);
  });

  test('an empty table has nothing to visit', () => {
    expect(visited(new ConnectionTable({ seed: 1 }), 10)).toEqual([]);
  });
});

/** What the table is: records by key. */
class Model {
  readonly records = new Map<string, ConnectionRecord>();

  static key(record: ConnectionRecord): string {
    return `${record.client} ${record.vip} ${record.clientPort} ${record.vipPort} ${record.protocol}`;
  }

  digest(owner: number): Uint32Array {
    const digests = new Uint32Array(2 * RANGES);
    for (const record of this.records.values()) {
      if (record.owner !== owner) continue;
      const bytes = recordsOf([record]);
      toggleDigest(digests, 2 * rangeOf(recordHash(bytes, 0)), bytes, 0);
    }
    return digests;
  }

  /** Connections that look to their server as this one does. */
  alike(record: ConnectionRecord): readonly ConnectionRecord[] {
    const side = (other: ConnectionRecord) => serverTuple(other).join();
    return [...this.records.values()].filter((other) => side(other) === side(record));
  }
}

describe('any history', () => {
  /** Few values each, so that keys and server sides meet. */
  const small: fc.Arbitrary<ConnectionRecord> = fc
    .record({
      client: fc.nat({ max: 40 }),
      clientPort: fc.nat({ max: 3 }),
      server: fc.nat({ max: 1 }),
      localPort: fc.nat({ max: 8 }),
      owner: fc.constantFrom(ONE, TWO),
      epoch: fc.nat({ max: 3 }),
    })
    .map((change) => ({ ...CONNECTION, local: 9, ...change }));
  const step = fc.oneof(
    { weight: 3, arbitrary: small.map((record) => ({ kind: 'put' as const, record })) },
    { weight: 2, arbitrary: small.map((record) => ({ kind: 'remove' as const, record })) },
  );

  function apply(table: ConnectionTable, model: Model, kind: 'put' | 'remove', record: ConnectionRecord): void {
    const key = Model.key(record);
    if (kind === 'put') {
      put(table, record);
      model.records.set(key, record);
      return;
    }
    const slot = slotOf(table, record);
    expect(slot !== NO_SLOT).toBe(model.records.has(key));
    if (slot !== NO_SLOT) table.remove(slot);
    model.records.delete(key);
  }

  function expectSame(table: ConnectionTable, model: Model): void {
    expect(table.size).toBe(model.records.size);
    const walked = visited(table, 7).map((slot) => readRecord(table.bytes, table.offset(slot)));
    expect(new Map(walked.map((record) => [Model.key(record), record]))).toEqual(model.records);
    for (const owner of [ONE, TWO]) {
      const own = [...model.records.values()].filter((record) => record.owner === owner);
      expect([table.countOf(owner), table.digest(owner)]).toEqual([own.length, model.digest(owner)]);
    }
    for (const record of model.records.values()) {
      const found = table.findByServerSide(serverTuple(record), 0);
      expect(model.alike(record)).toContainEqual(readRecord(table.bytes, table.offset(found)));
    }
  }

  test('leaves in the table what it leaves in a map', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 150, size: 'max' }), fc.nat({ max: 0xffffffff }), (steps, seed) => {
        const table = new ConnectionTable({ seed });
        const model = new Model();
        for (const { kind, record } of steps) apply(table, model, kind, record);
        expectSame(table, model);
      }),
      { numRuns: THOROUGH ? 500 : 8 },
    );
  });

  test('with so many that it grows and shrinks, too', () => {
    const table = new ConnectionTable({ seed: 3 });
    const model = new Model();
    const size = THOROUGH ? 20_000 : 2_000;
    for (let n = 0; n < size; n++) {
      apply(table, model, 'put', connection(Math.imul(n, 0x9e3779b1) >>> 0, { owner: n % 3 === 0 ? ONE : TWO }));
      if (n % 2 === 1) {
        apply(table, model, 'remove', connection(Math.imul(n >> 1, 0x9e3779b1) >>> 0, { owner: ONE }));
      }
    }
    expect(table.size).toBe(model.records.size);
    expect([table.digest(ONE), table.digest(TWO)]).toEqual([model.digest(ONE), model.digest(TWO)]);
    const found = [...model.records.values()].map((record) => slotOf(table, record));
    expect(new Set(found).size).toBe(model.records.size);
    expect(found).not.toContain(NO_SLOT);
  });
});

test('a free slot’s bytes are nobody’s: a batch of the whole array is not to be sent', () => {
  const table = new ConnectionTable({ seed: 1 });
  const slot = put(table, CONNECTION);
  table.remove(slot);
  expect(table.bytes[slot * RECORD_BYTES + Field.op]).toBe(0);
});
