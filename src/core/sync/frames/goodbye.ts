/**
 * The last frame of a direction: why nothing more will come.
 *
 *     reason u8 | text: length u8, bytes
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { GoodbyeReason } from './codes.ts';
import { putText, takeText } from './parts.ts';

export interface Goodbye {
  readonly kind: 'goodbye';
  /** `unknown`: a reason of a later version. It is never sent. */
  readonly reason: keyof typeof GoodbyeReason | 'unknown';
  /** For people. */
  readonly text: string;
}

const REASONS = Object.keys(GoodbyeReason) as (keyof typeof GoodbyeReason)[];

/** @throws DecodeError 'short', 'value' */
export function decodeGoodbye(r: Reader): Goodbye {
  const code = r.u8();
  const reason = REASONS.find((name) => GoodbyeReason[name] === code) ?? 'unknown';
  return { kind: 'goodbye', reason, text: takeText(r) };
}

export function encodeGoodbye(w: Writer, { reason, text }: Goodbye): void {
  w.u8(reason === 'unknown' ? 0 : GoodbyeReason[reason]);
  putText(w, text);
}
