import { expect, test } from 'vitest';
import { Timers } from '../../../src/core/ospf/timers.ts';

test('the deadline is the least of what is pending, and undefined when nothing is', () => {
  const timers = new Timers();
  expect(timers.deadline).toBeUndefined();
  timers.set('late', 20, () => undefined);
  timers.set('early', 10, () => undefined);
  expect(timers.deadline).toBe(10);
  timers.clear('early');
  expect(timers.deadline).toBe(20);
});

test('due timers run once, the earliest first; what one of them clears does not run', () => {
  const timers = new Timers();
  const ran: string[] = [];
  timers.set('third', 3, () => ran.push('third'));
  timers.set('first', 1, () => {
    ran.push('first');
    timers.clear('second');
  });
  timers.set('second', 2, () => ran.push('second'));
  timers.set('future', 9, () => ran.push('future'));
  timers.runDue(5);
  timers.runDue(5);
  expect(ran).toEqual(['first', 'third']);
  expect(timers.deadline).toBe(9);
});

test('setAtLatest only brings a timer forward', () => {
  const timers = new Timers();
  timers.setAtLatest('acks', 10, () => undefined);
  timers.setAtLatest('acks', 20, () => undefined);
  expect(timers.deadline).toBe(10);
  timers.setAtLatest('acks', 5, () => undefined);
  expect(timers.deadline).toBe(5);
});
