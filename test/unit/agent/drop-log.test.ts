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
  const told = () => events.since(0).map(({ values }) => `${values['source']} ${values['reason']} ${values['more']}`);
  return { clock, note, told };
}

test('rubbish is told by interface and reason, whoever it came from, once in ten seconds with the count in between', async () => {
  const { clock, note, told } = dropLog();
  for (let second = 0; second < 11; second += 1) {
    note('checksum', second === 0 ? '10.1.0.1' : '10.1.0.2');
    if (second === 3) note('length', '10.1.0.1');
    await clock.advance(1000);
  }
  expect(told()).toEqual(['10.1.0.1 checksum 0', '10.1.0.1 length 0', '10.1.0.2 checksum 9']);
});

test('sources without number make no events without number', () => {
  const { note, told } = dropLog();
  for (let n = 0; n < 5000; n += 1) note('value', `10.${n >>> 8}.${n & 255}.1`);
  expect(told()).toHaveLength(1);
});
