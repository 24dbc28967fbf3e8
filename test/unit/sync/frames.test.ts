import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DecodeError } from '../../../src/core/base/decode-error.ts';
import { decodeFrame, encodeFrame, type Frame } from '../../../src/core/sync/frames/codec.ts';
import { FrameKind, HEADER_BYTES, MAX_PAYLOAD } from '../../../src/core/sync/frames/codes.ts';
import { FrameReader } from '../../../src/core/sync/frames/frame-reader.ts';
import { hasRange, rangeSet, rangesIn } from '../../../src/core/sync/records/ranges.ts';
import { Op, RECORD_BYTES, recordsOf } from '../../../src/core/sync/records/record.ts';
import { THOROUGH } from '../../sizes.ts';
import { fromHex, toHex } from '../../vectors/ospf/handmade.ts';
import { CONNECTION, FRAMES, frame } from './arbitraries.ts';

const RUNS = { numRuns: THOROUGH ? 1000 : 25 };

/** The one frame in these bytes. */
function only(bytes: Uint8Array): Frame | undefined {
  const frames = read([bytes]);
  expect(frames).toHaveLength(1);
  return frames[0];
}

/** What a reader makes of a stream in these pieces. */
function read(pieces: readonly Uint8Array[]): readonly (Frame | undefined)[] {
  const frames: (Frame | undefined)[] = [];
  const reader = new FrameReader((kind, payload) => frames.push(decodeFrame(kind, payload)));
  for (const piece of pieces) reader.push(piece);
  return frames;
}

/** Header and payload; the length is right. */
function framed(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  new DataView(bytes.buffer).setUint32(0, payload.length);
  bytes[4] = kind;
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function reasonOf(bytes: Uint8Array): string {
  try {
    return read([bytes])[0]?.kind ?? 'unknown';
  } catch (error) {
    if (error instanceof DecodeError) return error.reason;
    throw error;
  }
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

describe('every frame', () => {
  test.each(Object.entries(FRAMES))('%s comes back as it went in', (_, any) => {
    fc.assert(
      fc.property(any as fc.Arbitrary<Frame>, (value) => {
        expect(only(encodeFrame(value))).toEqual(value);
      }),
      RUNS,
    );
  });

  test.each(Object.entries(FRAMES))('%s cut anywhere in its payload is refused', (kind, any) => {
    // A hello may be followed by what a later version says, so cutting that off is no fault; there is none here.
    fc.assert(
      fc.property(any as fc.Arbitrary<Frame>, fc.nat(), (value, at) => {
        const payload = encodeFrame(value).subarray(HEADER_BYTES);
        const cut = payload.subarray(0, at % payload.length);
        // Records that are missing whole cannot be missed.
        fc.pre(!('records' in value) || (payload.length - cut.length) % RECORD_BYTES !== 0);
        expect(['short', 'length']).toContain(reasonOf(framed(FrameKind[kind as Frame['kind']], cut)));
      }),
      RUNS,
    );
  });

  test('with more than belongs to it is refused, but for a hello', () => {
    fc.assert(
      fc.property(frame, (value) => {
        const longer = join([encodeFrame(value).subarray(HEADER_BYTES), Uint8Array.of(0)]);
        const expected = value.kind === 'hello' ? ['hello'] : ['trailing', 'length'];
        expect(expected).toContain(reasonOf(framed(FrameKind[value.kind], longer)));
      }),
    );
  });

  test('no two kinds share a code, and 16 to 31 are free', () => {
    const codes = Object.values(FrameKind);
    expect(new Set(codes).size).toBe(codes.length);
    expect(Math.max(...codes)).toBeLessThan(16);
  });
});

describe('what is refused', () => {
  const batchOf = (change: object, kind: 'batch' | 'refresh' | 'bulkChunk' = 'batch') =>
    encodeFrame({ kind, sequence: 1, id: 1, records: recordsOf([CONNECTION, { ...CONNECTION, ...change }]) } as Frame);

  test('batches of rubbish, one record being enough', () => {
    expect(reasonOf(batchOf({}))).toBe('batch');
    expect(reasonOf(batchOf({ op: 0 }))).toBe('value');
    expect(reasonOf(batchOf({ owner: 0 }))).toBe('value');
    expect(() => read([batchOf({ op: 9 })])).toThrow('value at byte 52: op 9');
  });

  test('an op in a frame of others', () => {
    expect(reasonOf(batchOf({ op: Op.refresh }, 'refresh'))).toBe('value');
    expect(reasonOf(batchOf({ op: Op.delete }, 'bulkChunk'))).toBe('value');
  });

  test('batches of nothing, or of part of a record', () => {
    expect(reasonOf(framed(FrameKind.batch, new Uint8Array(4)))).toBe('length');
    expect(reasonOf(framed(FrameKind.batch, new Uint8Array(4 + 47)))).toBe('length');
  });

  test('a hello of version 0, of versions from 2 to 1, of router 0.0.0.0, with a name that would ring the bell', () => {
    const hello = (...change: [number, number][]) => {
      const bytes = fromHex('0101 0000 0aff0001 0000000000000001 0000000000000002 0000000000000003 0161 0162 0000');
      for (const [at, value] of change) bytes[at] = value;
      return reasonOf(framed(FrameKind.hello, bytes));
    };
    expect(hello()).toBe('hello');
    expect(hello([0, 0])).toBe('version');
    expect(hello([0, 2])).toBe('version');
    expect(hello([4, 0], [5, 0], [7, 0])).toBe('value');
    expect(hello([33, 7])).toBe('value');
  });

  test('digests whose ranges do not ascend, sides and findings that there are not', () => {
    const range = (at: number) => `${at.toString(16).padStart(2, '0')} 00000001 00000002`;
    const digest = (a: number, b: number) => fromHex(`0aff0001 00000002 0002 ${range(a)} ${range(b)}`);
    expect(reasonOf(framed(FrameKind.digest, digest(3, 4)))).toBe('digest');
    expect(reasonOf(framed(FrameKind.digest, digest(4, 4)))).toBe('value');
    expect(reasonOf(framed(FrameKind.query, fromHex(`00000001 02 ${'00'.repeat(13)}`)))).toBe('value');
    expect(reasonOf(framed(FrameKind.answer, fromHex('00000001 03')))).toBe('value');
  });

  test('what cannot be said is not encoded', () => {
    const tuple = new Uint8Array(12);
    expect(() => encodeFrame({ kind: 'query', id: 1, side: 'client', tuple })).toThrow(RangeError);
    expect(() => encodeFrame({ kind: 'answer', id: 1, found: 'known', record: undefined })).toThrow(RangeError);
    const records = new Uint8Array(MAX_PAYLOAD);
    expect(() => encodeFrame({ kind: 'batch', sequence: 1, records })).toThrow('a batch of 1048580 bytes');
  });

  test('a text is made fit to be sent', () => {
    const goodbye = (text: string) => only(encodeFrame({ kind: 'goodbye', reason: 'protocol', text }));
    expect(goodbye('naïve\n')).toMatchObject({ text: 'na?ve?' });
    expect(goodbye('x'.repeat(300))).toMatchObject({ text: 'x'.repeat(255) });
  });
});

describe('later versions', () => {
  test('an unknown kind is no error, and what follows it is read', () => {
    const alive: Frame = { kind: 'alive', counter: 7 };
    expect(read([join([framed(22, new Uint8Array(100)), encodeFrame(alive)])])).toEqual([undefined, alive]);
    expect(decodeFrame(0, new Uint8Array())).toBeUndefined();
    expect(decodeFrame(255, new Uint8Array())).toBeUndefined();
  });

  test('flags and zeros of a header are not judged', () => {
    const bytes = encodeFrame({ kind: 'ack', sequence: 3 });
    bytes.fill(0xff, 5, HEADER_BYTES);
    expect(only(bytes)).toEqual({ kind: 'ack', sequence: 3 });
  });

  test('a goodbye for another reason is a goodbye', () => {
    expect(only(framed(FrameKind.goodbye, fromHex('63 02 6869')))).toEqual({
      kind: 'goodbye',
      reason: 'unknown',
      text: 'hi',
    });
  });
});

describe('the stream', () => {
  test('gives the same frames in whatever pieces it comes', () => {
    fc.assert(
      fc.property(
        fc.array(frame, { maxLength: 6 }),
        fc.array(fc.nat({ max: 60 }), { minLength: 1 }),
        (frames, cuts) => {
          const stream = join(frames.map(encodeFrame));
          const pieces: Uint8Array[] = [];
          for (let at = 0, n = 0; at < stream.length; n++) {
            const length = cuts[n % cuts.length]! + (n % cuts.length === 0 ? 1 : 0);
            pieces.push(stream.subarray(at, at + length));
            at += length;
          }
          expect(read(pieces)).toEqual(frames);
        },
      ),
    );
  });

  test('a payload that came whole is not copied, one that came in pieces is copied once', () => {
    const bytes = encodeFrame({ kind: 'batch', sequence: 1, records: recordsOf([CONNECTION]) });
    const payloads: Uint8Array[] = [];
    const reader = new FrameReader((_, payload) => payloads.push(payload));
    reader.push(bytes);
    reader.push(bytes.subarray(0, 20));
    expect(reader.pending).toBe(20);
    reader.push(bytes.subarray(20));
    expect(reader.pending).toBe(0);
    expect(payloads.map((payload) => payload.buffer === bytes.buffer)).toEqual([true, false]);
    expect(toHex(payloads[1]!)).toBe(toHex(payloads[0]!));
  });

  test('a frame that says to be longer than a mebibyte ends it, what came before was handed out', () => {
    const kinds: number[] = [];
    const reader = new FrameReader((kind) => kinds.push(kind));
    const long = fromHex('00100001 06 00 0000');
    const alive = encodeFrame({ kind: 'alive', counter: 1 });
    expect(() => reader.push(join([alive, long]))).toThrow('length at byte 12: a frame of 1048577 bytes');
    expect(() => reader.push(alive)).toThrow(DecodeError);
    expect(kinds).toEqual([FrameKind.alive]);
  });

  test('the length is judged even where the header comes in two pieces', () => {
    const reader = new FrameReader(() => undefined);
    reader.push(fromHex('00100001 06'));
    expect(() => reader.push(fromHex('00 0000'))).toThrow(DecodeError);
  });

  test('the longest frame is one', () => {
    const count = Math.floor((MAX_PAYLOAD - 4) / RECORD_BYTES);
    const records = recordsOf(new Array(count).fill(CONNECTION));
    expect(only(encodeFrame({ kind: 'batch', sequence: 1, records }))).toMatchObject({ sequence: 1 });
  });
});

describe('sets of ranges', () => {
  test('hold what was put in, lowest first', () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.nat({ max: 255 })), (ranges) => {
        const set = rangeSet(ranges);
        expect(rangesIn(set)).toEqual([...ranges].sort((a, b) => a - b));
        for (const range of ranges) expect(hasRange(set, range)).toBe(true);
      }),
    );
    expect(toHex(rangeSet([0, 9, 255]))).toBe(`8040${'00'.repeat(29)}01`);
    expect(rangesIn(rangeSet(Array(256).keys()))).toHaveLength(256);
  });
});
