import { successorOrder } from '../../core/hash/port-blocks.ts';
import type { WantedInside } from '../../core/inside/inside.ts';
import type { Cluster } from '../../core/model/cluster.ts';

/**
 * The inside addresses that a director is to hold: its own, and those of dead directors whose first living successor it is. All
 * directors find the same one for an address as long as they agree on who lives.
 *
 * @param living names of the directors that live, this one among them
 */
export function insideAddresses(
  { directors }: Cluster,
  self: string,
  living: readonly string[],
): readonly WantedInside[] {
  return directors.flatMap(({ name, inside }) => {
    if (inside === undefined) return [];
    const holder = living.includes(name) ? name : successorOrder(inside, living)[0];
    if (holder !== self) return [];
    return name === self ? [{ address: inside }] : [{ address: inside, owner: name }];
  });
}
