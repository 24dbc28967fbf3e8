/**
 * What the sender holds of one owner, by hash range. Ranges without connections are left out.
 *
 *     owner u32 | connections u32 | ranges: count u16, each: range u8, digest (2 words)       ascending
 */
import { DecodeError } from '../../base/decode-error.ts';
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';
import { rangesWithin } from '../records/ranges.ts';
import { RANGES } from '../records/record.ts';

export interface Digest {
  readonly kind: 'digest';
  readonly owner: Ipv4;
  readonly connections: number;
  /** Two words per range, 512 in all; zeros where there is nothing. */
  readonly digests: Uint32Array;
}

/** @throws DecodeError 'short', 'value' (ranges that do not ascend) */
export function decodeDigest(r: Reader): Digest {
  const owner = r.u32();
  const connections = r.u32();
  const digests = new Uint32Array(2 * RANGES);
  let last = -1;
  for (let left = r.u16(); left > 0; left--) {
    const range = r.u8();
    if (range <= last) throw new DecodeError('value', r.offset - 1, `range ${range} behind ${last}`);
    digests[2 * range] = r.u32();
    digests[2 * range + 1] = r.u32();
    last = range;
  }
  return { kind: 'digest', owner, connections, digests };
}

export function encodeDigest(w: Writer, { owner, connections, digests }: Digest): void {
  const ranges = rangesWithin(digests);
  w.u32(owner).u32(connections).u16(ranges.length);
  for (const range of ranges)
    w.u8(range)
      .u32(digests[2 * range]!)
      .u32(digests[2 * range + 1]!);
}
