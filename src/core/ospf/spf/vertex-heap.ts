import type { Ipv4 } from '../../base/ipv4.ts';
import type { NextHops } from './next-hops.ts';

/** A vertex with the best path to it that is known so far. */
export interface Vertex {
  readonly kind: 'router' | 'network';
  readonly id: Ipv4;
  cost: number;
  nextHops: NextHops;
  inTree: boolean;
}

interface Entry {
  readonly vertex: Vertex;
  readonly cost: number;
}

/**
 * The candidate list of RFC 2328 16.1 as a binary heap. A vertex whose cost has fallen is pushed again; its older entry
 * comes out later and is recognised by the vertex being in the tree already.
 *
 * At equal cost networks come before routers, else equal-cost paths through a network would be missed (16.1 (3)); then
 * the lower id, so that the order never depends on that of the LSAs.
 */
export class VertexHeap {
  readonly #entries: Entry[] = [];

  push(vertex: Vertex, cost: number): void {
    const entries = this.#entries;
    const entry = { vertex, cost };
    let at = entries.length;
    entries.push(entry);
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      if (!isBefore(entry, entries[parent]!)) break;
      entries[at] = entries[parent]!;
      at = parent;
    }
    entries[at] = entry;
  }

  /** The nearest vertex, removed; `undefined` when none is left. */
  pop(): Vertex | undefined {
    const entries = this.#entries;
    const nearest = entries[0];
    const last = entries.pop();
    if (nearest === undefined || last === undefined) return undefined;
    if (entries.length > 0) this.#sink(last);
    return nearest.vertex;
  }

  /** Puts an entry at the root, which is free, and lets it find its level. */
  #sink(entry: Entry): void {
    const entries = this.#entries;
    let at = 0;
    for (let child = 1; child < entries.length; child = 2 * at + 1) {
      const right = entries[child + 1];
      if (right !== undefined && isBefore(right, entries[child]!)) child++;
      if (!isBefore(entries[child]!, entry)) break;
      entries[at] = entries[child]!;
      at = child;
    }
    entries[at] = entry;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  if (a.cost !== b.cost) return a.cost < b.cost;
  if (a.vertex.kind !== b.vertex.kind) return a.vertex.kind === 'network';
  return a.vertex.id < b.vertex.id;
}
