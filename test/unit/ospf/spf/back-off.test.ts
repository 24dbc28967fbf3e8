/** The back-off of RFC 8405 5.1, transition by transition, and the printed table. */
import { expect, test } from 'vitest';
import { formatStateTable } from '../../../../src/core/base/state-table.ts';
import {
  BACK_OFF_EVENTS,
  BACK_OFF_STATES,
  BACK_OFF_TABLE,
  HOLDDOWN,
  INITIAL_SPF_DELAY,
  LONG_SPF_DELAY,
  SHORT_SPF_DELAY,
  TIME_TO_LEARN,
} from '../../../../src/core/ospf/spf/back-off.ts';

test('the back-off, printed', async () => {
  const text = formatStateTable(BACK_OFF_TABLE, BACK_OFF_STATES, BACK_OFF_EVENTS);
  await expect(`${text}\n`).toMatchFileSnapshot('./back-off-table.txt');
});

test('transition 1: an event in QUIET starts all three timers, the SPF timer with the initial delay', () => {
  expect(BACK_OFF_TABLE.quiet.igpEvent).toEqual({
    next: 'shortWait',
    actions: ['initialDelay', 'startLearnTimer', 'startHolddownTimer'],
  });
});

test('transition 2: an event in SHORT_WAIT begins the hold-down anew and waits for the short delay', () => {
  expect(BACK_OFF_TABLE.shortWait.igpEvent).toEqual({ next: 'same', actions: ['startHolddownTimer', 'shortDelay'] });
});

test('transition 3: the learning is over, so this is no single failure', () => {
  expect(BACK_OFF_TABLE.shortWait.learnTimer).toEqual({ next: 'longWait', actions: [] });
});

test('transition 4: an event in LONG_WAIT begins the hold-down anew and waits for the long delay', () => {
  expect(BACK_OFF_TABLE.longWait.igpEvent).toEqual({ next: 'same', actions: ['startHolddownTimer', 'longDelay'] });
});

test('transition 5: silence in SHORT_WAIT ends the learning too', () => {
  expect(BACK_OFF_TABLE.shortWait.holddownTimer).toEqual({ next: 'quiet', actions: ['stopLearnTimer'] });
});

test('transition 6: silence in LONG_WAIT', () => {
  expect(BACK_OFF_TABLE.longWait.holddownTimer).toEqual({ next: 'quiet', actions: [] });
});

test('what is our own never changes the state, and starts neither learning nor hold-down', () => {
  for (const state of BACK_OFF_STATES) {
    const cell = BACK_OFF_TABLE[state].localEvent;
    expect(cell).toMatchObject({ next: 'same' });
    expect(JSON.stringify(cell)).not.toMatch(/Timer/);
  }
});

test('the delays are in the order that RFC 8405 section 6 asks for', () => {
  expect(INITIAL_SPF_DELAY).toBeLessThanOrEqual(SHORT_SPF_DELAY);
  expect(SHORT_SPF_DELAY).toBeLessThanOrEqual(LONG_SPF_DELAY);
  expect(SHORT_SPF_DELAY).toBeLessThanOrEqual(TIME_TO_LEARN);
  expect(HOLDDOWN).toBeGreaterThanOrEqual(3 * TIME_TO_LEARN);
});
