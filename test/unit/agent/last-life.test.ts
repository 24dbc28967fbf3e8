import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Continuation, decodeLife, encodeLife, LastLife, type Life } from '../../../src/agent/memory/last-life.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE } from '../../../src/core/ospf/codes.ts';

const R1 = ipv4('10.255.1.1');
const R2 = ipv4('10.255.1.2');
const NOBODY = { designatedRouter: 0, backupDesignatedRouter: 0 };
const DESIGNATED = { designatedRouter: ipv4('10.1.2.1'), backupDesignatedRouter: ipv4('10.1.2.2') };
const VIP = { address: ipv4('203.0.113.10'), length: 32 };
const WEB = '10.3.0.21:80 http /healthz 200';
const DB = '10.3.0.31:3306 tcp';

const life: Life = {
  bootId: 'a-boot',
  routerId: ipv4('10.255.0.2'),
  aliveAt: 50_000,
  graceUntil: undefined,
  full: [
    { instance: 'outside', interface: 'eth1', routerId: R1, ...NOBODY },
    { instance: 'outside', interface: 'eth2', routerId: R2, ...DESIGNATED },
    { instance: 'inside', interface: 'eth1', routerId: R2, ...NOBODY },
  ],
  announced: [{ instance: 'outside', prefix: VIP }],
  verdicts: { [WEB]: 'up', [DB]: 'down' },
};

/** The life as seen `age` milliseconds later. */
function seen(age: number, changes: Partial<Life> = {}): LastLife {
  const { bootId, routerId, aliveAt } = life;
  return new LastLife({ ...life, ...changes }, { bootId, routerId, now: () => aliveAt + age });
}

/** Half of the interfaces have a dead interval of 4 s, the others of 40 s. */
const TERMS: Continuation = {
  now: 100,
  dead: (name) => (name === 'eth1' ? 4000 : 40_000),
  announceWithin: 3000,
  grace: 10_000,
};

test.each([undefined, 170_000])('what is written is read again; grace %s', (graceUntil) => {
  expect(decodeLife(encodeLife({ ...life, graceUntil }))).toEqual({ ...life, graceUntil });
});

test('what is continued is that of the instance', () => {
  const outside = seen(2000).earlier('outside', TERMS)!;
  expect(outside.interfaces).toEqual([
    { interface: 'eth1', routerIds: [R1], ...NOBODY },
    { interface: 'eth2', routerIds: [R2], ...DESIGNATED },
  ]);
  expect(outside.expected).toEqual([VIP]);
  expect(seen(2000).earlier('inside', TERMS)).toMatchObject({ interfaces: [{ routerIds: [R2] }], expected: [] });
  expect(seen(2000).earlier('elsewhere', TERMS)).toBeUndefined();
});

test('after a kill a neighbor is remembered for less than its dead interval', () => {
  const names = (age: number) =>
    seen(age)
      .earlier('outside', TERMS)
      ?.interfaces.map((one) => one.interface);
  expect(names(3999)).toEqual(['eth1', 'eth2']);
  expect(names(4000)).toEqual(['eth2']);
  expect(names(40_000)).toBeUndefined();
  expect(seen(2000).earlier('outside', TERMS)).toMatchObject({ planned: false, until: 10_100, announceBy: 3100 });
});

test('after a planned end all neighbors are remembered until the grace period is over, and no longer', () => {
  const planned = { graceUntil: life.aliveAt + 120_000 };
  const earlier = seen(50_000, planned).earlier('outside', TERMS)!;
  expect(earlier).toMatchObject({ planned: true, until: 70_100, announceBy: 3100 });
  expect(earlier.interfaces.map((one) => one.interface)).toEqual(['eth1', 'eth2']);
  expect(seen(120_000, planned).earlier('outside', TERMS)).toBeUndefined();
});

test('the number of a Grace-LSA is greater in a later life', () => {
  const first = seen(1000).earlier('outside', TERMS)!.sequence;
  expect(seen(2000).earlier('outside', TERMS)!.sequence).toBe(first + 1);
  expect(first).toBeGreaterThanOrEqual(INITIAL_SEQUENCE);
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
  expect(last.earlier('outside', TERMS)).toBeUndefined();
  expect(last.verdict(WEB, 4000)).toBe('unknown');
});

test.each([
  ['', 'not JSON'],
  ['{"version":2', 'not JSON'],
  ['[]', 'not a JSON object'],
  ['{"version":1}', 'version 1, not 2'],
  [changed({ bootId: 7 }), 'no bootId'],
  [changed({ routerId: '10.255.0' }), 'no routerId'],
  [changed({ aliveAt: '50000' }), 'no aliveAt'],
  [changed({ graceUntil: 'soon' }), 'graceUntil is not a number'],
  [changed({ full: {} }), 'full is not a list of neighbors'],
  [changed({ full: [{ instance: 'outside', interface: 'eth1', routerId: 'r1' }] }), 'full is not a list of neighbors'],
  [changed({ announced: [{ instance: 'outside', prefix: '203.0.113.10/33' }] }), 'announced is not a list of prefixes'],
  [changed({ verdicts: { [WEB]: 'unknown' } }), 'verdicts are not up or down'],
])('%j: %s', (text, fault) => {
  expect(decodeLife(text)).toEqual({ fault });
});

test('no text is too strange to be decoded', () => {
  fc.assert(fc.property(fc.string(), (text) => void decodeLife(text)));
  fc.assert(fc.property(fc.json(), (text) => void decodeLife(text)));
  const near = fc.record(
    { version: fc.constant(2), bootId: fc.anything(), routerId: fc.anything(), full: fc.array(fc.anything()) },
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
