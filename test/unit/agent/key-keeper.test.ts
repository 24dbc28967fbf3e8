import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { type InterfaceKeys, KeyKeeper } from '../../../src/agent/keepers/key-keeper.ts';
import { parseKeyFile } from '../../../src/core/config/key-file.ts';
import { FakeClock } from './fake-clock.ts';

const NOON = Date.UTC(2026, 5, 1, 12);
const HOUR = 3_600_000;

function rings(text: string): InterfaceKeys[] {
  const parsed = parseKeyFile(text, 'md5');
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return [{ instance: 'outside', interface: 'eth1', ring: parsed.keys }];
}

function keeper(text: string) {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const day = { offset: NOON };
  let changes = 0;
  const keys = new KeyKeeper({
    clock,
    events,
    timeOfDay: () => day.offset + clock.now(),
    onChange: () => {
      changes += 1;
    },
  });
  keys.configure(rings(text));
  const told = () => events.since(0).map(({ event, values }) => [event, values['to'] ?? values['message']]);
  const sent = () => keys.inForce('outside', 'eth1')?.send?.id;
  return { clock, day, keys, told, sent, changes: () => changes };
}

const ROLLOVER = `1 old send=/2026-06-01T13:00:00Z accept=/2026-06-01T14:00:00Z
2 new send=2026-06-01T13:00:00Z/ accept=2026-06-01T12:30:00Z/`;

test('keys change when their time comes, and the speakers are told', async () => {
  const { clock, keys, told, sent, changes } = keeper(ROLLOVER);
  const accepted = () => keys.inForce('outside', 'eth1')?.accept.map(({ id }) => id);
  expect([sent(), accepted()]).toEqual([1, [1]]);
  await clock.advance(HOUR / 2);
  expect([sent(), accepted()]).toEqual([1, [1, 2]]);
  const before = changes();
  await clock.advance(HOUR / 2);
  expect([sent(), accepted()]).toEqual([2, [1, 2]]);
  expect(changes()).toBeGreaterThan(before);
  await clock.advance(HOUR);
  expect([sent(), accepted()]).toEqual([2, [2]]);
  expect(told()).toEqual([['key-changed', 2]]);
});

test('a clock that is set is noticed within a minute', async () => {
  const { clock, day, sent } = keeper(ROLLOVER);
  await clock.advance(1000);
  day.offset += 2 * HOUR;
  await clock.advance(60_000);
  expect(sent()).toBe(2);
});

test('a last key that has expired is used on, which is said at once and every ten minutes', async () => {
  const { clock, told, sent } = keeper('7 only send=/2026-06-01T12:00:30Z accept=/2026-06-01T12:00:30Z');
  await clock.advance(29_000);
  expect(told()).toEqual([]);
  await clock.advance(2000);
  const fault = ['keys-fault', 'every key has expired; key 7 is used on, until the file has a valid one'];
  expect(told()).toEqual([fault]);
  await clock.advance(601_000);
  expect(told()).toEqual([fault, fault]);
  expect(sent()).toBe(7);
});

test('other keys in the file count at once, and end the complaint', async () => {
  const { clock, keys, told, sent } = keeper('7 only send=/2026-06-01T11:00:00Z');
  keys.configure(rings('7 only send=/2026-06-01T11:00:00Z\n8 fresh'));
  expect(sent()).toBe(8);
  await clock.advance(HOUR);
  expect(told().map(([event]) => event)).toEqual(['keys-fault', 'key-changed']);
  keys.configure([]);
  expect(sent()).toBeUndefined();
});

test('nothing that is told has a secret in it', async () => {
  const { clock, keys, told } = keeper('7 TOPSECRET send=/2026-06-01T12:00:30Z');
  await clock.advance(HOUR);
  expect(JSON.stringify([told(), keys.inForce('outside', 'eth1')])).not.toContain('TOPSECRET');
});
