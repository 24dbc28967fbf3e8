import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { FakeClock, settle } from './fake-clock.ts';

const noon = () => new Date('2026-01-01T12:00:00Z');
const never = new AbortController().signal;

test('events carry a number, the clock and the time of day; the ring keeps the last thousand', () => {
  const events = new EventLog(new FakeClock(), noon);
  for (let i = 0; i < 1200; i += 1) events.emit('hello-sent', { i });
  expect(events.since(0)).toHaveLength(1000);
  expect(events.since(1199)).toEqual([
    { seq: 1200, t: 0, at: '2026-01-01T12:00:00.000Z', event: 'hello-sent', values: { i: 1199 } },
  ]);
});

test('a poll answers at once when there is something, else with the next event', async () => {
  const events = new EventLog(new FakeClock(), noon);
  events.emit('agent-started');
  expect(await events.poll(0, 1000, never)).toHaveLength(1);
  const next = events.poll(1, 1000, never);
  events.emit('hello-sent');
  expect((await next).map(({ event }) => event)).toEqual(['hello-sent']);
});

test('a poll that waited in vain answers with nothing, and so does one whose client has gone', async () => {
  const clock = new FakeClock();
  const events = new EventLog(clock, noon);
  const late = events.poll(0, 1000, never);
  await clock.advance(1000);
  expect(await late).toEqual([]);
  const gone = new AbortController();
  const aborted = events.poll(0, 1000, gone.signal);
  gone.abort();
  expect(await aborted).toEqual([]);
});

test('a sink that is attached late hears of what was before it', async () => {
  const events = new EventLog(new FakeClock(), noon);
  const heard: string[] = [];
  events.emit('hello-sent');
  events.attach(({ event }) => heard.push(event));
  events.emit('agent-started');
  await settle();
  expect(heard).toEqual(['hello-sent', 'agent-started']);
});
