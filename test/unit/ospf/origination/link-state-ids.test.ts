import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  formatIpv4,
  formatPrefix,
  type Prefix,
  parsePrefix,
  prefixContains,
  prefixOf,
} from '../../../../src/core/base/ipv4.ts';
import { assignLinkStateIds, prefixNumber } from '../../../../src/core/ospf/origination/external-lsa.ts';

const prefixes = (...texts: readonly string[]): Prefix[] => texts.map((text) => parsePrefix(text)!);

function ids(wanted: readonly Prefix[], before = new Map<number, number>()): Record<string, string> {
  const found = assignLinkStateIds(wanted, before);
  const rows = wanted.map((prefix) => [formatPrefix(prefix), found.get(prefixNumber(prefix))] as const);
  return Object.fromEntries(rows.flatMap(([prefix, id]) => (id === undefined ? [] : [[prefix, formatIpv4(id)]])));
}

test('a prefix alone is named by its address; of several the least specific is, the others set host bits', () => {
  expect(ids(prefixes('10.9.0.0/24', '10.9.0.0/16', '10.8.0.0/16'))).toEqual({
    '10.9.0.0/16': '10.9.0.0',
    '10.9.0.0/24': '10.9.0.255',
    '10.8.0.0/16': '10.8.0.0',
  });
});

test('a host route takes its address from whoever had it, and everybody else keeps what they have', () => {
  const before = assignLinkStateIds(prefixes('10.9.0.0/24', '10.9.0.0/16'), new Map());
  const after = ids(prefixes('10.9.0.0/16', '10.9.0.0/24', '10.9.0.0/32'), new Map(before));
  expect(after).toEqual({ '10.9.0.0/32': '10.9.0.0', '10.9.0.0/24': '10.9.0.255', '10.9.0.0/16': '10.9.255.255' });
});

test('a prefix that leaves renames nobody', () => {
  const before = assignLinkStateIds(prefixes('10.9.0.0/24', '10.9.0.0/16'), new Map());
  expect(ids(prefixes('10.9.0.0/24'), new Map(before))).toEqual({ '10.9.0.0/24': '10.9.0.255' });
});

test('a prefix whose every address is taken by hosts gets none', () => {
  expect(ids(prefixes('10.9.0.0/31', '10.9.0.0/32', '10.9.0.1/32'))).toEqual({
    '10.9.0.0/32': '10.9.0.0',
    '10.9.0.1/32': '10.9.0.1',
  });
});

test('ids differ, lie in their prefix, are a host’s own address, and come out the same the second time', () => {
  const some = fc.uniqueArray(
    fc.tuple(fc.nat(15), fc.integer({ min: 26, max: 32 })).map(([n, length]) => prefixOf(0x0a090000 + 4 * n, length)),
    { maxLength: 12, selector: formatPrefix },
  );
  fc.assert(
    fc.property(some, some, (first, second) => {
      const before = assignLinkStateIds(first, new Map());
      const after = assignLinkStateIds(second, before);
      expect(new Set(after.values()).size).toBe(after.size);
      expect(after.size).toBe(second.length);
      for (const prefix of second) {
        const id = after.get(prefixNumber(prefix))!;
        expect(prefixContains(prefix, id)).toBe(true);
        if (prefix.length === 32) expect(id).toBe(prefix.address);
      }
      expect(assignLinkStateIds(second, after)).toEqual(after);
    }),
    { numRuns: 200 },
  );
});
