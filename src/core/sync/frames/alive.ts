/**
 * The sender lives and has nothing else to say:
 *
 *     counter u32
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';

export interface Alive {
  readonly kind: 'alive';
  /** Counts these frames of a stream; for people who look at captures. */
  readonly counter: number;
}

/** @throws DecodeError 'short' */
export function decodeAlive(r: Reader): Alive {
  return { kind: 'alive', counter: r.u32() };
}

export function encodeAlive(w: Writer, { counter }: Alive): void {
  w.u32(counter);
}
