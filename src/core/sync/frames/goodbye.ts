/**
 * The last frame of a direction: why nothing more will come.
 *
 *     reason u8 | text: length u8, bytes | with the reason restarting: back u16 (s)
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
  /** Of who is restarting: within so many seconds it means to be back. */
  readonly back?: number;
}

const REASONS = Object.keys(GoodbyeReason) as (keyof typeof GoodbyeReason)[];

/** @throws DecodeError 'short', 'value' */
export function decodeGoodbye(r: Reader): Goodbye {
  const code = r.u8();
  const reason = REASONS.find((name) => GoodbyeReason[name] === code) ?? 'unknown';
  const text = takeText(r);
  return reason === 'restarting' ? { kind: 'goodbye', reason, text, back: r.u16() } : { kind: 'goodbye', reason, text };
}

export function encodeGoodbye(w: Writer, { reason, text, back = 0 }: Goodbye): void {
  w.u8(reason === 'unknown' ? 0 : GoodbyeReason[reason]);
  putText(w, text);
  if (reason === 'restarting') w.u16(Math.min(back, 0xffff));
}
