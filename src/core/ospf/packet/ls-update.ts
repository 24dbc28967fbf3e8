/**
 * The Link State Update (RFC 2328 A.3.5), after the packet header:
 *
 *     number of LSAs u32
 *     per LSA: the whole LSA, its length in its own header
 */
import { DecodeError } from '../../base/decode-error.ts';
import { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { LSA_HEADER_LENGTH } from '../codes.ts';
import { decodeLsa } from '../lsa/codec.ts';
import { decodeLsaHeader } from '../lsa/header.ts';
import type { Lsa, LsaKey } from '../lsa/lsa.ts';
import type { LsUpdate } from './packet.ts';

type Skipped = { readonly key: LsaKey | undefined; readonly reason: string };

const LSA_LENGTH_AT = 18;

/**
 * One bad LSA does not spoil the others (RFC 2328 13 (1) to (3) discard "the LSA" and go on): it is passed over by its own
 * length and recorded. Where that length lies, nothing after it can be found, so the rest is recorded as one. A count
 * that does not match what is there is recorded too. Offsets in the reasons count from the start of that LSA.
 *
 * The LSAs' `bytes` are views of the packet: `copyLsa` what is kept.
 *
 * @throws DecodeError 'short' when not even the count is there
 */
export function decodeLsUpdate(r: Reader): LsUpdate {
  const count = r.u32();
  const lsas: Lsa[] = [];
  const skipped: Skipped[] = [];
  let left = count;
  for (; left > 0 && r.remaining >= LSA_HEADER_LENGTH; left--) {
    const length = lsaLengthAt(r);
    if (length < LSA_HEADER_LENGTH || length > r.remaining) {
      skipped.push({ key: keyAt(r), reason: `length: an LSA of ${length} bytes, ${r.remaining} left` });
      return { kind: 'lsUpdate', lsas, skipped };
    }
    collect(r.take(length), lsas, skipped);
  }
  if (left > 0) skipped.push({ key: undefined, reason: `short: ${left} of ${count} LSAs are not there` });
  else if (r.remaining > 0)
    skipped.push({ key: undefined, reason: `trailing: ${r.remaining} bytes after the last LSA` });
  return { kind: 'lsUpdate', lsas, skipped };
}

function collect(bytes: Uint8Array, lsas: Lsa[], skipped: Skipped[]): void {
  try {
    lsas.push(decodeLsa(bytes));
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    skipped.push({ key: keyAt(new Reader(bytes)), reason: error.message });
  }
}

/** The length field of the LSA that begins where the reader stands, which does not move. */
function lsaLengthAt(r: Reader): number {
  const at = r.offset + LSA_LENGTH_AT;
  return (r.bytes[at]! << 8) | r.bytes[at + 1]!;
}

/** The key of the LSA that begins where the reader stands. */
function keyAt(r: Reader): LsaKey {
  const { type, id, advertisingRouter } = decodeLsaHeader(r);
  return { type, id, advertisingRouter };
}

export function encodeLsUpdate(w: Writer, update: LsUpdate): void {
  w.u32(update.lsas.length);
  for (const lsa of update.lsas) w.raw(lsa.bytes);
}

/** Bytes after the packet header. */
export function lsUpdateLength(update: LsUpdate): number {
  return update.lsas.reduce((sum, lsa) => sum + lsa.bytes.length, 4);
}
