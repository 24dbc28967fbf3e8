/**
 * A bulk is complete. What the sender holds at this moment, in the ranges of the bulk, by owner: who heard all of it, and the
 * batches between, holds the same.
 *
 *     id u32 | owners: count u16, each: owner u32, connections u32, digest (2 words)
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';

export interface OwnerTotal {
  readonly owner: Ipv4;
  readonly connections: number;
  /** XOR over the bulk's ranges of the digests of `record-digest.ts`. */
  readonly digest: readonly [number, number];
}

export interface BulkEnd {
  readonly kind: 'bulkEnd';
  readonly id: number;
  readonly owners: readonly OwnerTotal[];
}

/** @throws DecodeError 'short' */
export function decodeBulkEnd(r: Reader): BulkEnd {
  const id = r.u32();
  const owners: OwnerTotal[] = [];
  for (let left = r.u16(); left > 0; left--) {
    owners.push({ owner: r.u32(), connections: r.u32(), digest: [r.u32(), r.u32()] });
  }
  return { kind: 'bulkEnd', id, owners };
}

export function encodeBulkEnd(w: Writer, { id, owners }: BulkEnd): void {
  w.u32(id).u16(owners.length);
  for (const { owner, connections, digest } of owners) w.u32(owner).u32(connections).u32(digest[0]).u32(digest[1]);
}
