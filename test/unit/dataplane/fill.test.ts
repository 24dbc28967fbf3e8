import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { addressFills, busiestShare, isFilling, totalFill } from '../../../src/core/dataplane/fill.ts';

const [A, B] = [ipv4('10.3.0.1'), ipv4('10.8.0.1')];
const OWN = [
  { address: A, block: 0 },
  { address: A, block: 1 },
  { address: B, block: 62 },
];

/** Connections by port / 1024. */
function counts(ofA: Record<number, number>, ofB: Record<number, number>) {
  const list = (of: Record<number, number>) => Uint32Array.from({ length: 64 }, (_, i) => of[i] ?? 0);
  return new Map([
    [A, list(ofA)],
    [B, list(ofB)],
  ]);
}

describe('fill', () => {
  test('is of own blocks, per address and of all together', () => {
    // What is in block 5 belongs to somebody else.
    const given = counts({ 1: 512, 2: 256, 6: 1000 }, { 63: 1024 });
    expect(addressFills(OWN, given, 1)).toEqual([
      { address: A, blocks: 2, connections: 768, fill: 0.375 },
      { address: B, blocks: 1, connections: 1024, fill: 1 },
    ]);
    expect(addressFills(OWN, given, 0.5).map(({ fill }) => fill)).toEqual([0.1875, 0.5]);
    expect(totalFill(addressFills(OWN, given, 1))).toBe((2 * 0.375 + 1) / 3);
    expect(addressFills(OWN, new Map(), 1).map(({ fill }) => fill)).toEqual([0, 0]);
    expect([addressFills([], given, 1), totalFill([])]).toEqual([[], 0]);
  });

  test('counts the busiest server, whatever services it is of', () => {
    const [r1, r2, r3] = [ipv4('10.2.0.21'), ipv4('10.2.0.22'), ipv4('10.2.0.23')];
    expect(
      busiestShare([
        [r1, 30],
        [r2, 50],
        [r1, 20],
      ]),
    ).toBe(0.5);
    expect(
      busiestShare([
        [r1, 0],
        [r2, 0],
        [r3, 0],
      ]),
    ).toBeCloseTo(1 / 3);
    expect(busiestShare([[r1, 7]])).toBe(1);
    expect(busiestShare([])).toBe(0);
  });

  test('the alarm is raised at 80 % and ends below 70 %', () => {
    expect([0.79, 0.8].map((fill) => isFilling(fill, false))).toEqual([false, true]);
    expect([0.7, 0.69].map((fill) => isFilling(fill, true))).toEqual([true, false]);
  });
});
