import { expect, test } from 'vitest';
import { DropLog } from '../../../src/agent/drop-log.ts';
import { EventLog } from '../../../src/agent/events.ts';
import { FakeClock } from './fake-clock.ts';

function dropLog() {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const log = new DropLog(clock, events);
  const note = (reason: string, source: string) =>
    log.note('outside', { kind: 'dropped', interface: 'eth1', source, reason, detail: 'key 7' });
  const told = () =>
    events.since(0).map(({ event, values }) => `${event} ${values['source']} ${values['reason']} ${values['more']}`);
  /** Events so far; the log itself keeps the last thousand. */
  const count = () => events.since(0).at(-1)?.seq;
  return { clock, note, told, count };
}

test('a neighbor with a wrong key is named once a minute, each reason for itself, with the count in between', async () => {
  const { clock, note, told } = dropLog();
  for (let second = 0; second < 61; second += 1) {
    note('authKey', '10.1.0.1');
    if (second === 3) note('authKey', '10.1.0.2');
    if (second === 5) note('authDigest', '10.1.0.1');
    await clock.advance(1000);
  }
  expect(told()).toEqual([
    'authentication-refused 10.1.0.1 authKey 0',
    'authentication-refused 10.1.0.2 authKey 0',
    'authentication-refused 10.1.0.1 authDigest 0',
    'authentication-refused 10.1.0.1 authKey 59',
  ]);
});

test('other rubbish is told by interface and reason, whoever it came from', () => {
  const { note, told } = dropLog();
  note('checksum', '10.1.0.1');
  note('checksum', '10.1.0.2');
  expect(told()).toEqual(['packet-dropped 10.1.0.1 checksum 0']);
});

test('sources without number make events without number neither, nor entries', () => {
  const { note, count } = dropLog();
  for (let n = 0; n < 5000; n += 1) note('authType', `10.${n >>> 8}.${n & 255}.1`);
  expect(count()).toBe(1001);
});
