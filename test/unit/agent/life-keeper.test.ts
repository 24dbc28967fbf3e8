import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { LifeKeeper, readLastLife } from '../../../src/agent/keepers/life-keeper.ts';
import type { Continuation, LifeFacts } from '../../../src/agent/memory/last-life.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { StateFile } from '../../../src/io/state-file.ts';
import { FakeClock, settle } from './fake-clock.ts';

const ROUTER = ipv4('10.255.1.1');
const FULL: LifeFacts = {
  full: [{ instance: 'outside', interface: 'eth1', routerId: ROUTER, designatedRouter: 0, backupDesignatedRouter: 0 }],
  announced: [],
  verdicts: { '10.3.0.21:80 tcp': 'up' },
};

const TERMS: Continuation = { now: 0, dead: () => 4000, announceWithin: 3000, grace: 10_000 };

/** A file in memory, which can be made to refuse. */
class MemoryFile implements StateFile {
  text: string | undefined;
  refusal: Error | undefined;
  writes = 0;
  /** Of these, how many were to be on the disk before they were over. */
  lasting = 0;

  async read(): Promise<string | undefined> {
    if (this.refusal !== undefined) throw this.refusal;
    return this.text;
  }

  async write(text: string, lasting: boolean): Promise<void> {
    if (this.refusal !== undefined) throw this.refusal;
    this.text = text;
    this.writes += 1;
    if (lasting) this.lasting += 1;
  }

  async remove(): Promise<void> {
    this.text = undefined;
  }
}

function life(file = new MemoryFile()) {
  const clock = new FakeClock();
  const events = new EventLog(clock);
  const present = { bootId: 'a-boot', routerId: ipv4('10.255.0.2'), now: () => 70_000 + clock.now() };
  const keeper = new LifeKeeper({ clock, events, file, present, refresh: 1000 });
  const told = () => events.since(0).map(({ event, values }) => `${event} ${String(values['message'] ?? '')}`.trim());
  return { clock, events, present, file, keeper, told, read: () => readLastLife(file, present, events) };
}

test('the next life finds what the last one kept', async () => {
  const { keeper, read, events } = life();
  keeper.keep(FULL);
  await settle();
  const last = await read();
  expect(last.earlier('outside', TERMS)).toMatchObject({ planned: false, interfaces: [{ routerIds: [ROUTER] }] });
  expect(last.verdict('10.3.0.21:80 tcp', 1000)).toBe('up');
  expect(events.since(0).at(-1)).toMatchObject({
    event: 'last-life-found',
    values: { age: 0, full: 1, verdicts: 1 },
  });
});

test('while nothing changes the file is written once per refresh, so that its age is that of the agent', async () => {
  const { clock, keeper, file, read } = life();
  keeper.keep(FULL);
  for (let passed = 0; passed < 10_000; passed += 100) {
    await clock.advance(100);
    keeper.keep(FULL);
  }
  expect(file.writes).toBe(11);
  // Only the first one said anything new.
  expect(file.lasting).toBe(1);
  await clock.advance(700);
  expect((await read()).age).toBe(700);
});

test('until a first router is Full, what the last agent left stays', async () => {
  const { keeper, file } = life();
  file.text = 'of the last agent';
  keeper.keep({ full: [], announced: [], verdicts: {} });
  await settle();
  expect(file.text).toBe('of the last agent');
  keeper.keep(FULL);
  await settle();
  keeper.keep({ full: [], announced: [], verdicts: {} });
  await settle();
  expect(file.text).toContain('"full":[]');
});

test('an orderly end leaves nothing, and nothing is written after it', async () => {
  const { clock, keeper, file } = life();
  keeper.keep(FULL);
  await settle();
  await keeper.forget();
  expect(file.text).toBeUndefined();
  keeper.keep({ ...FULL, verdicts: {} });
  await clock.advance(10_000);
  expect(file.text).toBeUndefined();
});

test('an end with a restart to come is in the file, lasting, and nothing is written after it', async () => {
  const { clock, keeper, file, read } = life();
  keeper.keep(FULL);
  await settle();
  await keeper.handOver(FULL, 120_000);
  expect(file.lasting).toBe(2);
  keeper.keep({ ...FULL, full: [] });
  await clock.advance(10_000);
  expect((await read()).earlier('outside', TERMS)).toMatchObject({ planned: true, until: 110_000 });
});

test('an end that cannot be written down is refused, and the file is kept on as before', async () => {
  const { clock, keeper, file, read } = life();
  keeper.keep(FULL);
  await settle();
  file.refusal = new Error('state-write: ENOSPC');
  await expect(keeper.handOver(FULL, 120_000)).rejects.toThrow('ENOSPC');
  file.refusal = undefined;
  await clock.advance(12_000);
  expect((await read()).age).toBeLessThan(1000);
  expect((await read()).earlier('outside', TERMS)).toMatchObject({ planned: false });
});

test('a disk that refuses is told once and tried again', async () => {
  const { clock, keeper, file, told } = life();
  file.refusal = new Error('state-write: ENOSPC');
  keeper.keep(FULL);
  await clock.advance(5000);
  expect(told()).toEqual(['state-file-fault state-write: ENOSPC']);
  file.refusal = undefined;
  await clock.advance(10_000);
  expect(file.text).toContain('10.255.1.1');
});

test.each([
  ['rubbish', { text: 'rubbish' }, 'what an earlier agent has left is ignored: not JSON'],
  ['a file that cannot be read', { refusal: new Error('state-read: EISDIR') }, 'state-read: EISDIR'],
])('%s is told once and ignored', async (_what, state, message) => {
  const { read, told } = life(Object.assign(new MemoryFile(), state));
  expect((await read()).age).toBeUndefined();
  expect(told()).toEqual([`state-file-fault ${message}`]);
});

test('no file is no news', async () => {
  const { read, told } = life();
  expect((await read()).age).toBeUndefined();
  expect(told()).toEqual([]);
});
