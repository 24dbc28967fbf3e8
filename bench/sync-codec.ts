/**
 * What a synced connection costs before anything is sent: its place in the table at 200,000 and a million connections, in
 * time and memory, and the frames that carry it. The yardstick is what one would write first: a `Map` from texts to objects,
 * and a record read into an object and written again.
 */

import { decodeFrame, encodeFrame } from '../src/core/sync/frames/codec.ts';
import { FrameReader } from '../src/core/sync/frames/frame-reader.ts';
import {
  type ConnectionRecord,
  Field,
  Op,
  Protocol,
  RECORD_BYTES,
  RecordFlag,
  readRecord,
  readRecords,
  recordsOf,
  writeRecord,
} from '../src/core/sync/records/record.ts';
import { toggleDigest } from '../src/core/sync/records/record-digest.ts';
import { ConnectionTable, NO_SLOT } from '../src/core/sync/table/connection-table.ts';
import { atMost, type BenchGoal, type BenchOutcome, type BenchRun, median, race, sink } from './result.ts';

const SIZES = [200_000, 1_000_000] as const;
/** Of the yardstick: a million objects are more memory than the figure is worth. */
const NAIVE_SIZE = SIZES[0];

/** Records of a batch under load. */
const BATCH = 512;

const OWNER = 0x0aff0001;

function connection(n: number): ConnectionRecord {
  const client = 0xc6120000 + (n % 20_000);
  const port = 1024 + Math.floor(n / 20_000);
  return {
    client,
    vip: 0xcb00710a,
    clientPort: port,
    vipPort: 443,
    protocol: Protocol.tcp,
    op: Op.put,
    state: 3,
    flags: RecordFlag.assured | RecordFlag.seenReply,
    server: 0x0a020015 + (n % 10),
    local: client,
    serverPort: 8443,
    localPort: port,
    service: 0x12345678,
    owner: OWNER,
    epoch: 1,
    timeout: 86_400,
    windowScale: 0x77,
    birth: 0,
  };
}

function connections(count: number): Uint8Array {
  const bytes = new Uint8Array(count * RECORD_BYTES);
  for (let n = 0; n < count; n++) writeRecord(bytes, n * RECORD_BYTES, connection(n));
  return bytes;
}

/** Offsets of all records, in an order that has nothing to do with theirs: traffic comes as it likes. */
function shuffled(count: number): Uint32Array {
  const offsets = Uint32Array.from({ length: count }, (_, n) => n * RECORD_BYTES);
  for (let n = count - 1; n > 0; n--) {
    const other = Math.imul(n + 1, 0x9e3779b1) % (n + 1);
    const at = other < 0 ? other + n + 1 : other;
    [offsets[n], offsets[at]] = [offsets[at]!, offsets[n]!];
  }
  return offsets;
}

/** What a table can do, by the names of the figures. */
interface Contender {
  readonly put: (bytes: Uint8Array, at: number) => void;
  readonly find: (bytes: Uint8Array, at: number) => boolean;
  readonly remove: (bytes: Uint8Array, at: number) => void;
}

function ourTable(table: ConnectionTable): Contender {
  return {
    put: (bytes, at) => table.put(bytes, at, 0),
    find: (bytes, at) => table.find(bytes, at) !== NO_SLOT,
    remove: (bytes, at) => table.remove(table.find(bytes, at)),
  };
}

function naiveTable(): Contender {
  const byKey = new Map<string, ConnectionRecord>();
  const key = ({ client, vip, clientPort, vipPort, protocol }: ConnectionRecord): string =>
    `${client}:${clientPort}>${vip}:${vipPort}/${protocol}`;
  return {
    put: (bytes, at) => {
      const record = readRecord(bytes, at);
      byKey.set(key(record), record);
    },
    find: (bytes, at) => byKey.has(key(readRecord(bytes, at))),
    remove: (bytes, at) => byKey.delete(key(readRecord(bytes, at))),
  };
}

const ACTIONS = ['put', 'put again', 'find', 'remove'] as const;
type Times = Readonly<Record<(typeof ACTIONS)[number], number[]>>;

/** Nanoseconds per call, all connections once. */
function timeEach(offsets: Uint32Array, call: (at: number) => unknown): number {
  const begin = process.hrtime.bigint();
  let done = 0;
  for (const at of offsets) if (call(at) !== false) done += 1;
  const end = process.hrtime.bigint();
  sink.value ^= done;
  return Number(end - begin) / offsets.length;
}

function timeTable(make: () => Contender, bytes: Uint8Array, offsets: Uint32Array, rounds: number): Times {
  const times: Times = { put: [], 'put again': [], find: [], remove: [] };
  // One round of warm-up is not counted.
  for (let round = -1; round < rounds; round++) {
    const table = make();
    const taken = [
      timeEach(offsets, (at) => table.put(bytes, at)),
      timeEach(offsets, (at) => table.put(bytes, at)),
      timeEach(offsets, (at) => table.find(bytes, at)),
      timeEach(offsets, (at) => table.remove(bytes, at)),
    ];
    if (round >= 0) for (const [at, action] of ACTIONS.entries()) times[action].push(taken[at]!);
  }
  return times;
}

/** Nanoseconds at a million, per connection. */
const LIMITS: Readonly<Record<(typeof ACTIONS)[number], number>> = {
  put: 1500,
  'put again': 1000,
  find: 500,
  remove: 1000,
};

function tableGoals(quick: boolean, progress: (line: string) => void): BenchOutcome {
  const goals: BenchGoal[] = [];
  const samples: Record<string, readonly number[]> = {};
  const rounds = quick ? 1 : 5;
  for (const size of SIZES) {
    progress(`table of ${size}`);
    const bytes = connections(size);
    const offsets = shuffled(size);
    const times = timeTable(() => ourTable(new ConnectionTable({ seed: 1 })), bytes, offsets, rounds);
    const naive = size === NAIVE_SIZE ? timeTable(naiveTable, bytes, offsets, rounds) : undefined;
    for (const action of ACTIONS) {
      const peer = naive && { name: 'Map', value: median(naive[action]) };
      goals.push(atMost(`${action}, ${size} connections`, median(times[action]), 'ns', LIMITS[action], peer));
      samples[`${action}, ${size}`] = times[action];
    }
    goals.push(atMost(`memory, ${size} connections`, memoryPerConnection(bytes, size), 'B each', 128));
  }
  return { goals, samples };
}

function memoryPerConnection(bytes: Uint8Array, size: number): number {
  const table = new ConnectionTable({ seed: 1 });
  for (let n = 0; n < size; n++) table.put(bytes, n * RECORD_BYTES, 0);
  return table.memory / table.size;
}

function codecGoals(quick: boolean): BenchOutcome {
  const records = connections(BATCH);
  const values = readRecords(records);
  const bytes = encodeFrame({ kind: 'batch', sequence: 1, records });
  const digest = new Uint32Array(2);
  let taken = 0;
  const reader = new FrameReader((kind, payload) => {
    const frame = decodeFrame(kind, payload);
    if (frame?.kind === 'batch') taken += frame.records[Field.protocol]!;
  });
  const times = race(
    {
      'encode a batch of 512': () => encodeFrame({ kind: 'batch', sequence: 1, records }).length,
      'decode a batch of 512': () => {
        reader.push(bytes);
        return taken;
      },
      'digest of a record': () => {
        for (let at = 0; at < records.length; at += RECORD_BYTES) toggleDigest(digest, 0, records, at);
        return digest[0]!;
      },
      'objects to a batch': () => recordsOf(values).length,
      'a batch to objects': () => readRecords(records).length,
    },
    { rounds: quick ? 5 : 25, batch: quick ? 100 : 1000 },
  );
  const each = (name: keyof typeof times): number => median(times[name]) / BATCH;
  const goals = [
    atMost('encode a batch of 512, per record', each('encode a batch of 512'), 'ns', 50, {
      name: 'from objects',
      value: each('objects to a batch'),
    }),
    atMost('decode a batch of 512, per record', each('decode a batch of 512'), 'ns', 50, {
      name: 'to objects',
      value: each('a batch to objects'),
    }),
    atMost('digest of a record', each('digest of a record'), 'ns', 100),
  ];
  return { goals, samples: times };
}

export const run: BenchRun = async ({ quick, progress }) => {
  progress('frames');
  const codec = codecGoals(quick);
  const table = tableGoals(quick, progress);
  return { goals: [...codec.goals, ...table.goals], samples: { ...codec.samples, ...table.samples } };
};
