import { expect, test } from 'vitest';
import { Secret } from '../../../../src/core/base/secret.ts';
import type { Lifetime, RingKey } from '../../../../src/core/model/keys.ts';
import { keysAt, nextKeyChange } from '../../../../src/core/ospf/authentication/key-ring.ts';

const ALWAYS: Lifetime = { from: -Infinity, until: Infinity };

function key(id: number, send: Partial<Lifetime> | undefined = {}, accept: Partial<Lifetime> = {}): RingKey {
  const secret = new Secret(Uint8Array.of(id));
  return { id, algorithm: 'md5', secret, send: { ...ALWAYS, ...send }, accept: { ...ALWAYS, ...accept } };
}

const acceptOnly = (id: number): RingKey => ({ ...key(id), send: undefined });

/** `2, accepts 1+2, valid` */
function at(now: number, ...ring: RingKey[]): string {
  const { send, accept, standing } = keysAt(ring, now);
  return `${send?.id}, accepts ${accept.map(({ id }) => id).join('+')}, ${standing}`;
}

test('of the keys that may be sent with, the one that began last', () => {
  const ring = [key(1), key(3, { from: 300 }), key(2, { from: 200 })];
  expect(at(100, ...ring)).toBe('1, accepts 1+3+2, valid');
  expect(at(200, ...ring)).toBe('2, accepts 1+3+2, valid');
  expect(at(300, ...ring)).toBe('3, accepts 1+3+2, valid');
});

test('of several that began together, the one further down', () => {
  expect(at(0, key(9), key(1))).toBe('1, accepts 9+1, valid');
});

test('a key that is accept-only is never sent with', () => {
  expect(at(0, key(1), acceptOnly(2))).toBe('1, accepts 1+2, valid');
});

test('a lifetime ends before its last moment', () => {
  const ring = [key(1, { until: 100 }, { until: 200 }), key(2, { from: 100 }, { from: 50 })];
  expect(at(99, ...ring)).toBe('1, accepts 1+2, valid');
  expect(at(100, ...ring)).toBe('2, accepts 1+2, valid');
  expect(at(199, ...ring)).toBe('2, accepts 1+2, valid');
  expect(at(200, ...ring)).toBe('2, accepts 2, valid');
  expect(at(49, ...ring)).toBe('1, accepts 1, valid');
});

test('when all have expired, the last goes on, and is accepted', () => {
  const ring = [key(1, { until: 300 }, { until: 300 }), key(2, { until: 200 }, { until: 200 })];
  expect(at(1000, ...ring)).toBe('1, accepts 1, expired');
});

test('when none has begun, the next is used already', () => {
  const ring = [key(1, { from: 300 }, { from: 300 }), key(2, { from: 200 }, { from: 200 })];
  expect(at(100, ...ring)).toBe('2, accepts 2, early');
});

test('the next change is the next beginning or end of anything', () => {
  const ring = [key(1, { until: 100 }, { until: 200 }), key(2, { from: 90 }, { from: 50 })];
  expect([0, 50, 90, 100, 200].map((now) => nextKeyChange(ring, now))).toEqual([50, 90, 100, 200, undefined]);
});
