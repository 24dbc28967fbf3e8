import { describe, expect, test } from 'vitest';
import { encodeConnectionFilter } from '../../../src/core/netlink/conntrack.ts';

describe('what the kernel is asked to select', () => {
  test('bits of the mark and of the status, each under its mask, in network order', () => {
    const filter = encodeConnectionFilter({ mark: { value: 2, mask: 0xffff }, status: { value: 0x20, mask: 0x20 } });
    expect(Buffer.from(filter).toString('hex')).toBe(
      ['02000000', '0800080000000002', '080015000000ffff', '0800030000000020', '08001a0000000020'].join(''),
    );
  });

  test('is never everything', () => {
    expect(() => encodeConnectionFilter({})).toThrow(RangeError);
  });
});
