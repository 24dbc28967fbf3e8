import { describe, expect, test } from 'vitest';
import { errorClass, reconvergence, Window } from '../../../lab/traffic/window.ts';

describe('reconvergence', () => {
  test('is immediate when no new connection failed', () => expect(reconvergence([], 1000, 1001)).toBe(0));
  test('is the last failure, once it is long enough ago', () =>
    expect(reconvergence([1100, 1400, 1250], 1000, 9000)).toBe(400));
  test('is unknown while failures are recent', () => expect(reconvergence([1100, 8000], 1000, 9000)).toBeNull());
  test('a quiet moment before the trouble does not count', () =>
    expect(reconvergence([9000, 9100], 1000, 20_000)).toBe(8100));
  test('an attempt from before the mark that failed after it counts from the mark', () =>
    expect(reconvergence([900], 1000, 9000)).toBe(0));
});

describe('a window', () => {
  test('counts losses by class and by load', () => {
    const window = new Window('crash', 0);
    window.broken('push', 'stalled');
    window.broken('push', 'reset');
    window.broken('request', 'reset');
    window.failed(10, 'timeout');
    const summary = window.summary(5000);
    expect(summary.broken).toEqual({ stalled: 1, reset: 2 });
    expect(summary.brokenByLoad).toEqual({ push: 2, request: 1 });
    expect(summary.failed).toEqual({ timeout: 1 });
  });

  test('keeps the longest wait and the latest lag', () => {
    const window = new Window('w', 0);
    window.waited('push', 300);
    window.waited('push', 1200);
    window.waited('idle', 10);
    window.lagged(7);
    window.lagged(3);
    expect(window.summary(1)).toMatchObject({ longestStall: 1200, longestWaits: { push: 1200, idle: 10 }, ownLag: 7 });
  });

  test('a slow connection delays reconvergence', () => {
    const window = new Window('w', 0);
    window.opened();
    window.slow(700);
    expect(window.summary(10_000)).toMatchObject({ opened: 1, slow: 1, reconverged: 700 });
  });
});

test.each([
  ['ECONNRESET', 'reset'],
  ['EPIPE', 'reset'],
  ['ECONNREFUSED', 'refused'],
  ['ETIMEDOUT', 'timeout'],
  ['ENETUNREACH', 'unreachable'],
  [undefined, 'closed'],
])('%s is %s', (code, expected) => expect(errorClass(code)).toBe(expected));
