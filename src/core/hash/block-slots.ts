/**
 * Which of a director's own port blocks a new flow gets its source port from: the flow's hash finds a slot, the slot a block.
 *
 * The slots are dealt to the blocks by a Maglev table: evenly, and so that a block which comes or goes changes little more
 * than its own slots. Only new flows see the change.
 */
import { maglevTable } from './maglev.ts';
import type { PortBlock } from './port-blocks.ts';

/** Seed of the hash that finds the slot. Another than that of the server's slot, so that every server is met from every block. */
export const BLOCK_SLOT_SEED = 0x51c1ce0a;

/** Primes, as Maglev wants. */
const SIZES: readonly number[] = [1009, 4099, 65537];

/** With fewer, some blocks would get noticeably more flows than others: at 8 the share of a block is off by an eighth at most. */
const LEAST_SLOTS_PER_BLOCK = 8;

function sizeFor(blocks: number): number {
  return SIZES.find((size) => size >= blocks * LEAST_SLOTS_PER_BLOCK) ?? SIZES.at(-1)!;
}

/**
 * The block of each slot; the number of slots is the modulus of the hash.
 *
 * @param own in any order; none is there twice
 * @returns empty when there are no blocks
 * @throws RangeError when there are more than 65,537
 */
export function blockSlots(own: readonly PortBlock[]): readonly PortBlock[] {
  if (own.length === 0) return [];
  const keyed = own.map(({ address, block }) => ({ key: `${address}:${block}`, weight: 1 }));
  return Array.from(maglevTable(keyed, sizeFor(own.length)), (index) => own[index]!);
}
