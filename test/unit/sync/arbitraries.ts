/** Random records and frames, and a record by hand. */
import fc from 'fast-check';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { Frame } from '../../../src/core/sync/frames/codec.ts';
import { GoodbyeReason } from '../../../src/core/sync/frames/codes.ts';
import {
  type ConnectionRecord,
  Op,
  Protocol,
  RecordFlag,
  recordsOf,
  serviceHash,
  UNKNOWN_WINDOW_SCALE,
  WIRE_FLAGS,
} from '../../../src/core/sync/records/record.ts';

export const u8 = fc.nat({ max: 0xff });
export const u16 = fc.nat({ max: 0xffff });
export const u32 = fc.nat({ max: 0xffffffff });

const fields = {
  client: u32,
  vip: u32,
  clientPort: u16,
  vipPort: u16,
  state: fc.nat({ max: 13 }),
  flags: fc.nat({ max: WIRE_FLAGS }),
  server: u32,
  local: u32,
  serverPort: u16,
  localPort: u16,
  service: u32,
  owner: fc.integer({ min: 1, max: 0xffffffff }),
  epoch: u32,
  timeout: u32,
  windowScale: u8,
  birth: fc.nat({ max: 0xff_ffff }),
};

/** Anything that may be sent about a connection. */
export const record: fc.Arbitrary<ConnectionRecord> = fc.record({
  ...fields,
  protocol: fc.constantFrom(Protocol.tcp, Protocol.udp),
  op: fc.constantFrom(...Object.values(Op)),
});

/** A TCP connection through 203.0.113.10:443 with plain NAT, as its owner 10.255.0.1 would tell of it. */
export const CONNECTION: ConnectionRecord = {
  client: ipv4('198.51.100.7'),
  vip: ipv4('203.0.113.10'),
  clientPort: 40000,
  vipPort: 443,
  protocol: Protocol.tcp,
  op: Op.put,
  state: 3,
  flags: RecordFlag.assured | RecordFlag.seenReply,
  server: ipv4('10.2.0.21'),
  local: ipv4('198.51.100.7'),
  serverPort: 8443,
  localPort: 40000,
  service: serviceHash('web'),
  owner: ipv4('10.255.0.1'),
  epoch: 1,
  timeout: 86400,
  windowScale: UNKNOWN_WINDOW_SCALE,
  birth: 0,
};

const digest = fc.stringMatching(/^[0-9a-f]{16}$/);
const text = (maxLength: number) => fc.stringMatching(/^[ -~]*$/, { maxLength });
const ranges = fc.uint8Array({ minLength: 32, maxLength: 32 });
const tuple = fc.uint8Array({ minLength: 13, maxLength: 13 });

function batch(op?: number): fc.Arbitrary<Uint8Array> {
  const any = op === undefined ? record : record.map((value) => ({ ...value, op }));
  return fc.array(any, { minLength: 1, maxLength: 4 }).map(recordsOf);
}

const versions = fc.tuple(fc.integer({ min: 1, max: 255 }), fc.integer({ min: 1, max: 255 })).map(([a, b]) => ({
  min: Math.min(a, b),
  max: Math.max(a, b),
}));

const hello = fc.record({
  kind: fc.constant('hello' as const),
  versions,
  empty: fc.boolean(),
  routerId: fc.integer({ min: 1, max: 0xffffffff }),
  bootEpoch: digest,
  configHash: digest,
  tableDigest: digest,
  name: text(63),
  cluster: text(31),
  services: fc.array(fc.record({ service: u32, digest }), { maxLength: 5 }),
});

const found = fc.oneof(
  fc.record({
    found: fc.constant('known' as const),
    record: record.map((value) => recordsOf([{ ...value, op: Op.put }])),
  }),
  fc.record({ found: fc.constantFrom('unknown' as const, 'declined' as const), record: fc.constant(undefined) }),
);

const ownerTotal = fc.record({ owner: u32, connections: u32, digest: fc.tuple(u32, u32) });

const reason = fc.constantFrom(...(Object.keys(GoodbyeReason) as (keyof typeof GoodbyeReason)[]));

/** Every kind of frame, as it may be sent. */
export const FRAMES: { readonly [K in Frame['kind']]: fc.Arbitrary<Extract<Frame, { kind: K }>> } = {
  hello,
  bulkRequest: fc.record({ kind: fc.constant('bulkRequest' as const), id: u32, owner: u32, ranges }),
  bulkBegin: fc.record({ kind: fc.constant('bulkBegin' as const), id: u32, owner: u32, expected: u32, ranges }),
  bulkChunk: fc.record({ kind: fc.constant('bulkChunk' as const), sequence: u32, id: u32, records: batch(Op.put) }),
  bulkEnd: fc.record({
    kind: fc.constant('bulkEnd' as const),
    id: u32,
    owners: fc.array(ownerTotal, { maxLength: 3 }),
  }),
  batch: fc.record({ kind: fc.constant('batch' as const), sequence: u32, records: batch() }),
  refresh: fc.record({ kind: fc.constant('refresh' as const), sequence: u32, records: batch(Op.refresh) }),
  ack: fc.record({ kind: fc.constant('ack' as const), sequence: u32 }),
  digest: fc.record({
    kind: fc.constant('digest' as const),
    owner: u32,
    connections: u32,
    digests: fc.array(fc.tuple(u8, u32, u32), { maxLength: 8 }).map(sparse),
  }),
  query: fc.record({
    kind: fc.constant('query' as const),
    id: u32,
    side: fc.constantFrom('client' as const, 'server' as const),
    tuple,
  }),
  answer: fc.tuple(u32, found).map(([id, rest]) => ({ kind: 'answer' as const, id, ...rest })),
  goodbye: fc.tuple(reason, text(255), u16).map(([why, words, back]) => ({
    ...{ kind: 'goodbye' as const, reason: why, text: words },
    ...(why === 'restarting' ? { back } : {}),
  })),
  alive: fc.record({ kind: fc.constant('alive' as const), counter: u32 }),
  prefetch: fc.record({ kind: fc.constant('prefetch' as const), id: u32, service: u32 }),
  prefetched: fc.record({ kind: fc.constant('prefetched' as const), id: u32, records: batch(Op.put) }),
};

export const frame: fc.Arbitrary<Frame> = fc.oneof(...Object.values(FRAMES));

function sparse(ranges: readonly (readonly [number, number, number])[]): Uint32Array {
  const digests = new Uint32Array(512);
  for (const [range, first, second] of ranges) digests.set([first, second], 2 * range);
  return digests;
}
