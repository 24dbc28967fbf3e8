/**
 * Everything numbered up to here was taken in:
 *
 *     sequence u32
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';

export interface Ack {
  readonly kind: 'ack';
  readonly sequence: number;
}

/** @throws DecodeError 'short' */
export function decodeAck(r: Reader): Ack {
  return { kind: 'ack', sequence: r.u32() };
}

export function encodeAck(w: Writer, { sequence }: Ack): void {
  w.u32(sequence);
}
