import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { blockSlots } from '../../../src/core/hash/block-slots.ts';
import { BLOCKS_PER_ADDRESS, type PortBlock } from '../../../src/core/hash/port-blocks.ts';

/** All blocks of this many LIPs. */
function blocksOfLips(count: number): PortBlock[] {
  const lips = Array.from({ length: count }, (_, i) => ipv4('10.8.0.1') + i);
  return lips.flatMap((address) => Array.from({ length: BLOCKS_PER_ADDRESS }, (_, block) => ({ address, block })));
}

const text = ({ address, block }: PortBlock) => `${address}:${block}`;

describe('slots of port blocks', () => {
  test.each([
    [1, 1009],
    [2, 1009],
    [3, 4099],
    [8, 4099],
    [9, 65537],
    [130, 65537],
  ])('%i LIPs have %i slots, dealt evenly', (lips, size) => {
    const own = blocksOfLips(lips);
    const slots = blockSlots(own);
    expect(slots).toHaveLength(size);
    const counts = new Map(own.map((block) => [text(block), 0]));
    for (const block of slots) counts.set(text(block), counts.get(text(block))! + 1);
    const [least, most] = [Math.min(...counts.values()), Math.max(...counts.values())];
    expect(least).toBeGreaterThanOrEqual(Math.floor(size / own.length));
    expect(most).toBeLessThanOrEqual(Math.ceil(size / own.length));
  });

  test('without blocks there are no slots', () => {
    expect(blockSlots([])).toEqual([]);
  });

  test('the order of the blocks does not matter', () => {
    const own = blocksOfLips(1);
    expect(blockSlots(own.toReversed()).map(text)).toEqual(blockSlots(own).map(text));
  });

  test('a block that goes changes its own slots and few others', () => {
    const own = blocksOfLips(1);
    const before = blockSlots(own).map(text);
    for (const gone of own.slice(0, 10)) {
      const after = blockSlots(own.filter((block) => block !== gone)).map(text);
      const moved = before.filter((block, slot) => block !== text(gone) && block !== after[slot]).length;
      expect(moved / before.length).toBeLessThan(0.06);
    }
  });
});
