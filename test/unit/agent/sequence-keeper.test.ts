import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { SequenceKeeper } from '../../../src/agent/keepers/sequence-keeper.ts';
import { FakeClock } from './fake-clock.ts';

/** Seconds since 1970. */
const CLOCK = 1_780_000_000;

class FakeFile {
  text: string | undefined;
  writes = 0;
  broken = false;

  async read(): Promise<string | undefined> {
    if (this.broken) throw new Error('state-read EIO');
    return this.text;
  }

  async write(text: string): Promise<void> {
    if (this.broken) throw new Error('state-write EROFS');
    this.text = text;
    this.writes += 1;
  }

  async remove(): Promise<void> {
    this.text = undefined;
  }
}

/** An agent that starts on this file, its clock at so many seconds. */
async function agent(file: FakeFile, seconds = CLOCK) {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const keeper = new SequenceKeeper({ clock, events, file, timeOfDay: () => seconds * 1000 + clock.now() });
  await keeper.open();
  const first = keeper.first();
  await keeper.reserve();
  const used = { last: first };
  keeper.follow(() => used.last);
  return { clock, keeper, first, used, faults: () => events.since(0).map(({ values }) => values['message']) };
}

test('the first agent begins at the clock, and what is ahead is reserved before it sends', async () => {
  const file = new FakeFile();
  const { first } = await agent(file);
  expect(first).toBe(CLOCK);
  expect(JSON.parse(file.text ?? '').reserved).toBeGreaterThan(CLOCK + 10_000);
});

test('numbers that ran ahead of the clock are not sent again by the next agent', async () => {
  const file = new FakeFile();
  const earlier = await agent(file);
  for (let second = 0; second < 60; second += 1) {
    earlier.used.last += 10_000;
    await earlier.clock.advance(1000);
  }
  const { first } = await agent(file, CLOCK + 61);
  expect(first).toBeGreaterThanOrEqual(earlier.used.last);
});

test('nor after the clock was set back', async () => {
  const file = new FakeFile();
  const { used } = await agent(file);
  used.last += 100;
  const { first } = await agent(file, CLOCK - 86_400);
  expect(first).toBeGreaterThanOrEqual(used.last);
});

test('a clock that is ahead counts', async () => {
  const file = new FakeFile();
  await agent(file);
  expect((await agent(file, CLOCK + 1_000_000)).first).toBe(CLOCK + 1_000_000);
});

test('an hour of Hellos costs no write', async () => {
  const file = new FakeFile();
  const { clock, used } = await agent(file);
  for (let minute = 0; minute < 60; minute += 1) {
    used.last += 60;
    await clock.advance(60_000);
  }
  expect(file.writes).toBe(1);
});

test('another speaker of the same agent begins where the last one is', async () => {
  const { keeper, used } = await agent(new FakeFile());
  used.last += 500;
  expect(keeper.first()).toBe(used.last);
});

test.each([
  ['no JSON', 'rubbish', 'the file of sequence numbers is not JSON'],
  ['another version', '{"version":9,"reserved":5}', 'the file of sequence numbers has none that is believable'],
  ['beyond 32 bits', '{"version":1,"reserved":4294967296}', 'the file of sequence numbers has none that is believable'],
  ['null', 'null', 'the file of sequence numbers has none that is believable'],
])('a file of %s is told, and the clock has to do', async (_, text, fault) => {
  const file = new FakeFile();
  file.text = text;
  const { first, faults } = await agent(file);
  expect(first).toBe(CLOCK);
  expect(faults()).toEqual([fault]);
});

test('a disk that refuses is told once, and the clock has to do', async () => {
  const file = new FakeFile();
  file.broken = true;
  const { clock, first, faults } = await agent(file);
  await clock.advance(10_000);
  expect(first).toBe(CLOCK);
  expect(faults()).toEqual(['state-read EIO', 'state-write EROFS']);
});

test('numbers end at 32 bits', async () => {
  const file = new FakeFile();
  file.text = '{"version":1,"reserved":4294967295}';
  expect((await agent(file)).first).toBe(4_294_967_295);
});
