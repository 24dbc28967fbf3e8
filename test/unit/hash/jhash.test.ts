import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { Writer } from '../../../src/core/base/writer.ts';
import { jhash, jhashWords, slotOf } from '../../../src/core/hash/jhash.ts';
import {
  ADDRESS_4099,
  ADDRESS_AND_PORT_4099,
  ADDRESS_AND_PORT_65537,
  SIXTEEN_BYTES,
  TWELVE_BYTES,
} from './kernel-vectors.ts';

const SEED = 0x5eed1234;
const DESTINATION = ipv4('127.0.0.1');

test('slotOf finds the slot that the kernel found for address and port', () => {
  for (const [source, sport, slot] of ADDRESS_AND_PORT_4099) {
    expect([source, sport, slotOf(ipv4(source), sport, SEED, 4099)]).toEqual([source, sport, slot]);
  }
  for (const [source, sport, slot] of ADDRESS_AND_PORT_65537) {
    expect([source, sport, slotOf(ipv4(source), sport, 0xfffffff0, 65537)]).toEqual([source, sport, slot]);
  }
});

test('slotOf without a port finds the slot that the kernel found for the address alone', () => {
  for (const [source, , slot] of ADDRESS_4099) expect(slotOf(ipv4(source), undefined, 1, 4099)).toBe(slot);
});

test('jhash of 12 and 16 byte keys is the kernel’s', () => {
  // The kernel scaled by 2^32 - 1, the widest modulus: that takes off at most 1.
  for (const [source, sport, mark] of TWELVE_BYTES) {
    const key = new Writer().u32(ipv4(source)).u32(DESTINATION).u16(sport).u16(0).view();
    expect([mark, mark + 1]).toContain(jhash(key, SEED));
  }
  for (const [source, sport, mark] of SIXTEEN_BYTES) {
    const key = new Writer().u32(ipv4(source)).u32(DESTINATION).u16(sport).u16(0).u16(9999).u16(0).view();
    expect([mark, mark + 1]).toContain(jhash(key, SEED));
  }
});

test('jhashWords is jhash of the little-endian bytes', () => {
  fc.assert(
    fc.property(fc.uint32Array({ maxLength: 20 }), fc.nat({ max: 0xffffffff }), (words, seed) => {
      const bytes = new Uint8Array(words.length * 4);
      const view = new DataView(bytes.buffer);
      words.forEach((word, i) => {
        view.setUint32(i * 4, word, true);
      });
      expect(jhashWords(words, seed)).toBe(jhash(bytes, seed));
    }),
  );
});

test('every slot lies below the table’s size', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 0xffffffff }),
      fc.option(fc.nat({ max: 65535 }), { nil: undefined }),
      fc.nat({ max: 0xffffffff }),
      fc.constantFrom(7, 4099, 65537),
      (source, sport, seed, size) => {
        const slot = slotOf(source, sport, seed, size);
        expect(slot).toBeGreaterThanOrEqual(0);
        expect(slot).toBeLessThan(size);
      },
    ),
  );
});
