import { describe, expect, test } from 'vitest';
import { negotiate } from '../../../src/core/sync/mesh/version.ts';

const BOOT = '00000000000000aa';

function outcome(ours: [number, number], peer: [number, number], before?: { bootEpoch: string; max: number }) {
  const [min, max] = ours;
  const result = negotiate({ min, max }, { min: peer[0], max: peer[1], bootEpoch: BOOT }, before);
  return result.kind === 'version' ? result.version : `${result.downgrade ? 'downgrade' : 'refused'}: ${result.reason}`;
}

describe('the version of a stream', () => {
  test('is the newest that both speak, whoever asks', () => {
    expect(outcome([1, 1], [1, 1])).toBe(1);
    expect(outcome([1, 4], [2, 3])).toBe(3);
    expect(outcome([2, 3], [1, 4])).toBe(3);
    expect(outcome([1, 2], [2, 9])).toBe(2);
  });

  test('is none where there is none in common, and why is said', () => {
    expect(outcome([3, 4], [1, 2])).toBe('downgrade: offers version 2 at most, 3 is needed at least');
    expect(outcome([1, 2], [3, 4])).toBe('refused: needs version 3 at least, 2 is spoken at most');
  });

  test('does not fall while the peer’s process lives', () => {
    const before = { bootEpoch: BOOT, max: 3 };
    expect(outcome([1, 3], [1, 2], before)).toBe('downgrade: offers version 2, and has offered 3 since it was started');
    expect(outcome([1, 3], [1, 3], before)).toBe(3);
    expect(outcome([1, 3], [1, 4], before)).toBe(3);
  });

  test('may fall when an older release was started in its place', () => {
    expect(outcome([1, 3], [1, 2], { bootEpoch: '00000000000000bb', max: 3 })).toBe(2);
  });
});
