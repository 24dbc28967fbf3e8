/**
 * All frames: bytes to values and back.
 *
 * In: what a `FrameReader` cut out of the stream. Out: a `Frame`, `undefined` for a kind of a later version, or a
 * `DecodeError`; nothing else, whatever the bytes. What a frame means is the mesh's business.
 */
import { Reader } from '../../base/reader.ts';
import { Writer } from '../../base/writer.ts';
import { type Ack, decodeAck, encodeAck } from './ack.ts';
import { type Alive, decodeAlive, encodeAlive } from './alive.ts';
import { type Answer, decodeAnswer, encodeAnswer } from './answer.ts';
import { type Batch, decodeBatch, encodeBatch } from './batch.ts';
import { type BulkBegin, decodeBulkBegin, encodeBulkBegin } from './bulk-begin.ts';
import { type BulkChunk, decodeBulkChunk, encodeBulkChunk } from './bulk-chunk.ts';
import { type BulkEnd, decodeBulkEnd, encodeBulkEnd } from './bulk-end.ts';
import { type BulkRequest, decodeBulkRequest, encodeBulkRequest } from './bulk-request.ts';
import { FrameKind, HEADER_BYTES, MAX_PAYLOAD } from './codes.ts';
import { type Digest, decodeDigest, encodeDigest } from './digest.ts';
import { decodeGoodbye, encodeGoodbye, type Goodbye } from './goodbye.ts';
import { decodeHello, encodeHello, type Hello } from './hello.ts';
import { decodePrefetch, encodePrefetch, type Prefetch } from './prefetch.ts';
import { decodePrefetched, encodePrefetched, type Prefetched } from './prefetched.ts';
import { decodeQuery, encodeQuery, type Query } from './query.ts';
import { decodeRefresh, encodeRefresh, type Refresh } from './refresh.ts';

export type Frame =
  | Hello
  | BulkRequest
  | BulkBegin
  | BulkChunk
  | BulkEnd
  | Batch
  | Refresh
  | Ack
  | Digest
  | Query
  | Answer
  | Goodbye
  | Alive
  | Prefetch
  | Prefetched;

interface Codec<F extends Frame> {
  readonly decode: (r: Reader) => F;
  readonly encode: (w: Writer, frame: F) => void;
}

const CODECS: { readonly [K in Frame['kind']]: Codec<Extract<Frame, { kind: K }>> } = {
  hello: { decode: decodeHello, encode: encodeHello },
  bulkRequest: { decode: decodeBulkRequest, encode: encodeBulkRequest },
  bulkBegin: { decode: decodeBulkBegin, encode: encodeBulkBegin },
  bulkChunk: { decode: decodeBulkChunk, encode: encodeBulkChunk },
  bulkEnd: { decode: decodeBulkEnd, encode: encodeBulkEnd },
  batch: { decode: decodeBatch, encode: encodeBatch },
  refresh: { decode: decodeRefresh, encode: encodeRefresh },
  ack: { decode: decodeAck, encode: encodeAck },
  digest: { decode: decodeDigest, encode: encodeDigest },
  query: { decode: decodeQuery, encode: encodeQuery },
  answer: { decode: decodeAnswer, encode: encodeAnswer },
  goodbye: { decode: decodeGoodbye, encode: encodeGoodbye },
  alive: { decode: decodeAlive, encode: encodeAlive },
  prefetch: { decode: decodePrefetch, encode: encodePrefetch },
  prefetched: { decode: decodePrefetched, encode: encodePrefetched },
};

const DECODERS: readonly (((r: Reader) => Frame) | undefined)[] = decodersByCode();

function decodersByCode(): (((r: Reader) => Frame) | undefined)[] {
  const decoders: (((r: Reader) => Frame) | undefined)[] = [];
  for (const [kind, code] of Object.entries(FrameKind)) decoders[code] = CODECS[kind as Frame['kind']].decode;
  return decoders;
}

/**
 * A frame from its kind and payload; offsets in errors count from the payload's first byte. Sets of ranges, tuples and
 * records are views of the payload.
 *
 * @returns undefined when the kind is not known, which is to be skipped
 * @throws DecodeError 'short', 'length', 'version', 'value', 'trailing'
 */
export function decodeFrame(code: number, payload: Uint8Array): Frame | undefined {
  const decode = DECODERS[code];
  if (decode === undefined) return undefined;
  const r = new Reader(payload);
  const frame = decode(r);
  r.finish();
  return frame;
}

/** What most frames fit into; for those with records the space is known. */
const USUAL_BYTES = 64;

/**
 * A frame with its header, ready to be sent.
 *
 * @throws RangeError when it would be longer than `MAX_PAYLOAD`, or says what cannot be said
 */
export function encodeFrame(frame: Frame): Uint8Array {
  const w = new Writer('records' in frame ? HEADER_BYTES + 4 + 4 + frame.records.length : USUAL_BYTES);
  w.u32(0).u8(FrameKind[frame.kind]).zeros(3);
  encodePayload(w, frame.kind, frame);
  const length = w.length - HEADER_BYTES;
  if (length > MAX_PAYLOAD) throw new RangeError(`a ${frame.kind} of ${length} bytes`);
  w.patchU16(0, length >>> 16);
  w.patchU16(2, length);
  return w.view();
}

function encodePayload<K extends Frame['kind']>(w: Writer, kind: K, frame: Frame): void {
  (CODECS[kind].encode as (w: Writer, frame: Frame) => void)(w, frame);
}
