/**
 * A route has moved, it seems: what else does your kernel carry of this service? Asked where the service is not synced, so that tables
 * know nothing of it; answered by any number of `prefetched`, also none:
 *
 *     id u32 | service u32
 */
import type { Reader } from '../../base/reader.ts';
import type { Writer } from '../../base/writer.ts';

export interface Prefetch {
  readonly kind: 'prefetch';
  /** Chosen by who asks. */
  readonly id: number;
  /** Hash of its name. */
  readonly service: number;
}

/** @throws DecodeError 'short' */
export function decodePrefetch(r: Reader): Prefetch {
  return { kind: 'prefetch', id: r.u32(), service: r.u32() };
}

export function encodePrefetch(w: Writer, { id, service }: Prefetch): void {
  w.u32(id).u32(service);
}
