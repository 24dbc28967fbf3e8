/** Local addresses (LIPs), the source addresses of FullNAT: which there are, and whose their port blocks are. */
import type { Ipv4 } from '../base/ipv4.ts';
import type { DesiredDataplane } from '../model/dataplane.ts';
import { type BlockOwners, blockOwners, blocksOf, type PortBlock } from './port-blocks.ts';

/** Does anything here translate the client's address? Without that the addresses are like any other. */
export function usesFullnat({ services }: DesiredDataplane): boolean {
  return services.some(({ fullnat }) => fullnat === true);
}

/** Those of all directors, in order. */
export function allLips({ local }: DesiredDataplane): readonly Ipv4[] {
  const own = local?.directors.flatMap((director) => director.local) ?? [];
  return [...new Set([...own, ...(local?.shared ?? [])])].sort((a, b) => a - b);
}

/** `undefined` as long as it is not known who lives. */
export function lipOwners({ local, members, self }: DesiredDataplane): BlockOwners | undefined {
  if (local === undefined || members === undefined || self === undefined || !members.includes(self)) return undefined;
  return blockOwners({ ...local, live: members });
}

/** The port blocks of this director; none as long as it is not known who lives. */
export function ownBlocks(desired: DesiredDataplane): readonly PortBlock[] {
  const owners = lipOwners(desired);
  return owners === undefined || desired.self === undefined ? [] : blocksOf(owners, desired.self);
}

/** The same, computed anew only when addresses or those who live have changed. */
export class OwnBlocks {
  #key: string | undefined;
  #blocks: readonly PortBlock[] = [];

  /** The very same list as last time when nothing differs. */
  of(desired: DesiredDataplane): readonly PortBlock[] {
    const { local, members, self } = desired;
    const key = JSON.stringify([local, members, self]);
    if (key !== this.#key) this.#blocks = ownBlocks(desired);
    this.#key = key;
    return this.#blocks;
  }
}
