import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeLife, encodeLife, LastLife, type Life } from '../../../src/agent/last-life.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';

const R1 = ipv4('10.255.1.1');
const R2 = ipv4('10.255.1.2');
const WEB = '10.3.0.21:80 http /healthz 200';
const DB = '10.3.0.31:3306 tcp';

const life: Life = {
  bootId: 'a-boot',
  routerId: ipv4('10.255.0.2'),
  aliveAt: 50_000,
  full: [
    { instance: 'outside', interface: 'eth1', routerId: R1 },
    { instance: 'outside', interface: 'eth2', routerId: R2 },
    { instance: 'inside', interface: 'eth1', routerId: R2 },
  ],
  verdicts: { [WEB]: 'up', [DB]: 'down' },
};

/** The life as seen `age` milliseconds later. */
function seen(age: number, changes: Partial<Life> = {}): LastLife {
  const { bootId, routerId, aliveAt } = life;
  return new LastLife({ ...life, ...changes }, { bootId, routerId, now: () => aliveAt + age });
}

test('what is written is read again', () => {
  expect(decodeLife(encodeLife(life))).toEqual(life);
});

test('the neighbors are those of the instance and the interface', () => {
  expect(seen(2000).fullOn('outside', 'eth1', 4000)).toEqual([R1]);
  expect(seen(2000).fullOn('inside', 'eth1', 4000)).toEqual([R2]);
  expect(seen(2000).fullOn('outside', 'eth3', 4000)).toEqual([]);
});

test('a neighbor is remembered for less than its dead interval', () => {
  expect(seen(3999).fullOn('outside', 'eth1', 4000)).toEqual([R1]);
  expect(seen(4000).fullOn('outside', 'eth1', 4000)).toEqual([]);
});

test('a verdict counts as long as a check would need for another one', () => {
  expect(seen(999).verdict(WEB, 1000)).toBe('up');
  expect(seen(999).verdict(DB, 1000)).toBe('down');
  expect(seen(1000).verdict(WEB, 1000)).toBe('unknown');
  expect(seen(0).verdict('10.3.0.99:80 tcp', 1000)).toBe('unknown');
  expect(seen(0).verdict('constructor', 1000)).toBe('unknown');
});

test.each<[string, Partial<Life>]>([
  ['another boot', { bootId: 'another' }],
  ['another router id', { routerId: ipv4('10.255.0.9') }],
  ['the future', { aliveAt: life.aliveAt + 10_000 }],
])('a life of %s says nothing', (_what, changes) => {
  const last = seen(100, changes);
  expect(last.age).toBeUndefined();
  expect(last.fullOn('outside', 'eth1', 4000)).toEqual([]);
  expect(last.verdict(WEB, 4000)).toBe('unknown');
});

test.each([
  ['', 'not JSON'],
  ['{"version":1', 'not JSON'],
  ['[]', 'not a JSON object'],
  ['{"version":2}', 'version 2, not 1'],
  [changed({ bootId: 7 }), 'no bootId'],
  [changed({ routerId: '10.255.0' }), 'no routerId'],
  [changed({ aliveAt: '50000' }), 'no aliveAt'],
  [changed({ full: {} }), 'full is not a list of neighbors'],
  [changed({ full: [{ instance: 'outside', interface: 'eth1', routerId: 'r1' }] }), 'full is not a list of neighbors'],
  [changed({ verdicts: { [WEB]: 'unknown' } }), 'verdicts are not up or down'],
])('%j: %s', (text, fault) => {
  expect(decodeLife(text)).toEqual({ fault });
});

test('no text is too strange to be decoded', () => {
  fc.assert(fc.property(fc.string(), (text) => void decodeLife(text)));
  fc.assert(fc.property(fc.json(), (text) => void decodeLife(text)));
  const near = fc.record(
    { version: fc.constant(1), bootId: fc.anything(), routerId: fc.anything(), full: fc.array(fc.anything()) },
    { requiredKeys: [] },
  );
  fc.assert(
    fc.property(near, (value) => {
      const decoded = decodeLife(JSON.stringify(value, (_key, one: unknown) => (typeof one === 'bigint' ? 0 : one)));
      expect('fault' in decoded).toBe(true);
    }),
  );
});

function changed(changes: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ ...(JSON.parse(encodeLife(life)) as object), ...changes });
}
