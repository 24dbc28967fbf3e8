/**
 * Random frames, and ways to spoil a stream of them: bits flipped, bytes cut, added, repeated, numbers at the values where
 * programs go wrong, lengths that lie; mostly with lengths of frames made right again, so that the nonsense gets past the door.
 */

import type { Prng } from '../../../src/core/base/prng.ts';
import { encodeFrame, type Frame } from '../../../src/core/sync/frames/codec.ts';
import { GoodbyeReason, HEADER_BYTES } from '../../../src/core/sync/frames/codes.ts';
import { Op, Protocol, RANGES, RECORD_BYTES, writeRecord } from '../../../src/core/sync/records/record.ts';
import { joinBytes } from '../../bytes.ts';

/** From 0 to below `count`. */
export function below(prng: Prng, count: number): number {
  return Math.floor(prng.unit() * count);
}

export function pick<T>(prng: Prng, list: readonly T[]): T {
  return list[below(prng, list.length)]!;
}

function randomBytes(prng: Prng, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => prng.u32());
}

function randomRecords(prng: Prng, op?: number): Uint8Array {
  const records = new Uint8Array(RECORD_BYTES * (1 + below(prng, 5)));
  for (let at = 0; at < records.length; at += RECORD_BYTES) {
    const client = 0xc6336400 + below(prng, 64);
    writeRecord(records, at, {
      client,
      vip: 0xcb00710a,
      clientPort: below(prng, 16),
      vipPort: 443,
      protocol: pick(prng, [Protocol.tcp, Protocol.udp]),
      op: op ?? pick(prng, Object.values(Op)),
      state: below(prng, 9),
      flags: below(prng, 8),
      server: 0x0a020015 + below(prng, 4),
      local: client,
      serverPort: 443,
      localPort: below(prng, 16),
      service: prng.u32(),
      owner: 0x0aff0001 + below(prng, 3),
      epoch: below(prng, 5),
      timeout: below(prng, 86_400),
      windowScale: 0xff,
      birth: 0,
    });
  }
  return records;
}

function hex8(prng: Prng): string {
  return [prng.u32(), prng.u32()].map((word) => word.toString(16).padStart(8, '0')).join('');
}

const MAKERS: { readonly [K in Frame['kind']]: (prng: Prng) => Extract<Frame, { kind: K }> } = {
  hello: (prng) => ({
    kind: 'hello',
    versions: { min: 1, max: 1 + below(prng, 4) },
    empty: below(prng, 2) === 0,
    routerId: 0x0aff0001 + below(prng, 3),
    bootEpoch: hex8(prng),
    configHash: hex8(prng),
    tableDigest: hex8(prng),
    name: 'd'.repeat(1 + below(prng, 5)),
    cluster: 'edge',
    services: Array.from({ length: below(prng, 4) }, () => ({ service: prng.u32(), digest: hex8(prng) })),
  }),
  bulkRequest: (prng) => ({ kind: 'bulkRequest', id: prng.u32(), owner: prng.u32(), ranges: randomBytes(prng, 32) }),
  bulkBegin: (prng) => ({
    kind: 'bulkBegin',
    id: prng.u32(),
    owner: prng.u32(),
    expected: prng.u32(),
    ranges: randomBytes(prng, 32),
  }),
  bulkChunk: (prng) => ({
    kind: 'bulkChunk',
    sequence: prng.u32(),
    id: prng.u32(),
    records: randomRecords(prng, Op.put),
  }),
  bulkEnd: (prng) => ({
    kind: 'bulkEnd',
    id: prng.u32(),
    owners: Array.from({ length: below(prng, 3) }, () => ({
      owner: prng.u32(),
      connections: prng.u32(),
      digest: [prng.u32(), prng.u32()],
    })),
  }),
  batch: (prng) => ({ kind: 'batch', sequence: prng.u32(), records: randomRecords(prng) }),
  refresh: (prng) => ({ kind: 'refresh', sequence: prng.u32(), records: randomRecords(prng, Op.refresh) }),
  ack: (prng) => ({ kind: 'ack', sequence: prng.u32() }),
  digest: (prng) => {
    const digests = new Uint32Array(2 * RANGES);
    for (let n = below(prng, 6); n > 0; n--) digests[below(prng, 2 * RANGES)] = prng.u32();
    return { kind: 'digest', owner: prng.u32(), connections: prng.u32(), digests };
  },
  query: (prng) => ({
    kind: 'query',
    id: prng.u32(),
    side: pick(prng, ['client', 'server'] as const),
    tuple: randomBytes(prng, 13),
  }),
  answer: (prng) =>
    below(prng, 2) === 0
      ? { kind: 'answer', id: prng.u32(), found: 'unknown', record: undefined }
      : { kind: 'answer', id: prng.u32(), found: 'known', record: randomRecords(prng, Op.put).slice(0, RECORD_BYTES) },
  goodbye: (prng) => ({
    kind: 'goodbye',
    reason: pick(prng, Object.keys(GoodbyeReason) as (keyof typeof GoodbyeReason)[]),
    text: 'x'.repeat(below(prng, 20)),
  }),
  alive: (prng) => ({ kind: 'alive', counter: prng.u32() }),
  prefetch: (prng) => ({ kind: 'prefetch', id: prng.u32(), service: prng.u32() }),
  prefetched: (prng) => ({ kind: 'prefetched', id: prng.u32(), records: randomRecords(prng, Op.put) }),
};

const KINDS = Object.keys(MAKERS) as Frame['kind'][];

/** @param kinds to choose from; all unless said otherwise */
export function randomFrame(prng: Prng, kinds: readonly Frame['kind'][] = KINDS): Uint8Array {
  return encodeFrame(MAKERS[pick(prng, kinds)](prng));
}

const EXTREMES = [
  0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0xfffff, 0x100000, 0x7fffffff, 0x80000000, 0xffffffff,
];

type Spoiler = (prng: Prng, frame: Uint8Array) => Uint8Array;

const SPOILERS: readonly Spoiler[] = [
  function flip(prng, frame) {
    for (let n = 1 + below(prng, 8); n > 0; n--) frame[below(prng, frame.length)]! ^= 1 << below(prng, 8);
    return frame;
  },
  function cut(prng, frame) {
    return frame.slice(0, below(prng, frame.length));
  },
  function add(prng, frame) {
    return joinBytes(frame, randomBytes(prng, 1 + below(prng, 60)));
  },
  function insert(prng, frame) {
    const at = below(prng, frame.length);
    return joinBytes(frame.subarray(0, at), randomBytes(prng, 1 + below(prng, 9)), frame.subarray(at));
  },
  function remove(prng, frame) {
    const at = below(prng, frame.length);
    return joinBytes(frame.subarray(0, at), frame.subarray(at + 1 + below(prng, 9)));
  },
  function repeat(prng, frame) {
    const at = below(prng, frame.length);
    return joinBytes(frame.subarray(0, at + below(prng, frame.length - at)), frame.subarray(at));
  },
  function extreme(prng, frame) {
    const value = pick(prng, EXTREMES);
    const width = pick(prng, [1, 2, 4]);
    const at = below(prng, Math.max(1, frame.length - width));
    for (let n = 0; n < width; n++) frame[at + n] = value / 256 ** (width - 1 - n);
    return frame;
  },
  function rename(prng, frame) {
    frame[4] = below(prng, 20);
    return frame;
  },
  function noise(prng, frame) {
    return joinBytes(frame.subarray(0, HEADER_BYTES), randomBytes(prng, below(prng, 200)));
  },
];

/** A copy of one frame, spoiled in one way or two; its length is right again four times out of five. */
export function spoil(prng: Prng, original: Uint8Array): Uint8Array {
  let frame: Uint8Array = Uint8Array.from(original);
  for (let n = 1 + below(prng, 2); n > 0 && frame.length > 0; n--) frame = pick(prng, SPOILERS)(prng, frame);
  if (frame.length >= HEADER_BYTES && below(prng, 5) > 0) {
    new DataView(frame.buffer, frame.byteOffset).setUint32(0, frame.length - HEADER_BYTES);
  }
  return frame;
}

/** A stream as TCP might bring it. */
export function pieces(prng: Prng, stream: Uint8Array): readonly Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (let at = 0; at < stream.length; ) {
    const length = 1 + below(prng, below(prng, 3) === 0 ? 12 : stream.length);
    parts.push(stream.subarray(at, at + length));
    at += length;
  }
  return parts;
}
