/** The reduced size of `npm run soak -- sync-security`. */
import { expect, test } from 'vitest';
import { attack } from './attacks.ts';

test('who has no key, or alters the bytes of who has one, gets no record in; a mad director breaks nothing', async () => {
  const sizes = { strangers: 20, altered: 50, behind: 20, mutated: 2000 };
  const { attacks, mad, alive } = await attack(sizes, 1, () => undefined);
  for (const { name, connections, opened, records, applied, refused } of attacks) {
    expect({ name, opened, records, applied }).toEqual({ name, opened: 0, records: 0, applied: 0 });
    const counted = Object.values(refused).reduce((sum, count) => sum + count, 0);
    expect(counted).toBe(name === 'altered on the way' ? 0 : connections);
  }
  expect(mad.undecodable).toBeGreaterThan(mad.sent / 4);
  expect(alive).toBe(true);
});
