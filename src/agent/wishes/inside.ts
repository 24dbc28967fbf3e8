import type { Ipv4 } from '../../core/base/ipv4.ts';
import { successorOrder } from '../../core/hash/port-blocks.ts';
import type { Cluster } from '../../core/model/cluster.ts';

/**
 * The inside addresses that a director is to hold: its own, and those of dead directors whose first living successor it is. All
 * directors find the same one for an address as long as they agree on who lives.
 *
 * @param living names of the directors that live, this one among them
 */
export function insideAddresses({ directors }: Cluster, self: string, living: readonly string[]): readonly Ipv4[] {
  return directors.flatMap(({ name, inside }) => {
    if (inside === undefined) return [];
    const holder = living.includes(name) ? name : successorOrder(inside, living)[0];
    return holder === self ? [inside] : [];
  });
}
