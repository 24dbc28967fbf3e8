import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TrackedEntries } from '../../../src/core/dataplane/tracked-entries.ts';

// Few keys, most of which share a place: runs that are long, and holes in the middle of them.
const word = fc.constantFrom(0, 1, 2, 0x800, 0x1000, 0xffff_f800, 0xffff_ffff);
const step = fc.record({ id: word, client: word, value: fc.option(fc.nat(0x3ffff)) });

test('it answers as a Map does, whatever comes and goes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const [entries, model] = [new TrackedEntries(), new Map<string, number>()];
      for (const { id, client, value } of steps) {
        const key = `${id} ${client}`;
        expect(entries.get(id, client)).toBe(model.get(key) ?? -1);
        if (value === null) {
          expect(entries.delete(id, client)).toBe(model.get(key) ?? -1);
          model.delete(key);
        } else {
          entries.set(id, client, value);
          model.set(key, value);
        }
        expect(entries.size).toBe(model.size);
      }
      for (const [key, value] of model) {
        const [id, client] = key.split(' ').map(Number) as [number, number];
        expect(entries.get(id, client)).toBe(value);
      }
    }),
  );
});

test('what was there before it grew is there, and what was taken out is not', () => {
  const entries = new TrackedEntries();
  for (let n = 0; n < 5000; n++) entries.set(Math.imul(n, 0x9e3779b1) >>> 0, n, n);
  for (let n = 0; n < 5000; n += 2) entries.delete(Math.imul(n, 0x9e3779b1) >>> 0, n);
  expect(entries.size).toBe(2500);
  const missing = Array.from({ length: 5000 }, (_, n) => entries.get(Math.imul(n, 0x9e3779b1) >>> 0, n)).filter(
    (value, n) => value !== (n % 2 === 0 ? -1 : n),
  );
  expect(missing).toEqual([]);
  entries.clear();
  expect(entries.get(Math.imul(1, 0x9e3779b1) >>> 0, 1)).toBe(-1);
});
