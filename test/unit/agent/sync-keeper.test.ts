/** The sync thread over its life: told what it needs, heard, restarted, ended. */
import { describe, expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { SyncKeeper } from '../../../src/agent/keepers/sync-keeper.ts';
import type { SyncStatus } from '../../../src/core/model/sync.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { FakeSyncThreads, SETTINGS, viewOf } from './sync-threads.ts';

const STATUS: SyncStatus = { synced: true, connections: { total: 0, own: 0, bytes: 0 }, peers: [], counters: {} };

class Bench {
  readonly clock = new FakeClock();
  readonly events = new EventLog(this.clock);
  readonly threads = new FakeSyncThreads();
  readonly heard: string[] = [];
  readonly keeper = new SyncKeeper({
    clock: this.clock,
    events: this.events,
    start: this.threads.start,
    onSynced: () => this.heard.push('synced'),
    onClients: (records) => this.heard.push(`clients ${records?.length ?? 'wanted'}`),
    onFlushed: (silent) => this.heard.push(`flushed without ${silent.join(' ') || 'nobody'}`),
    onChange: () => this.heard.push('changed'),
  });

  get thread() {
    return this.threads.last;
  }

  told(): string[] {
    return this.events.since(0).map(({ event, values }) => [event, values['message'] ?? values['reason']].join(': '));
  }
}

describe('what the thread is told', () => {
  test('the settings, and no more of them until they change', () => {
    const { keeper, thread } = begun();
    keeper.want({ ...SETTINGS });
    expect(thread.kinds()).toEqual(['configure']);
    keeper.want({ ...SETTINGS, configHash: 'c' });
    expect(thread.kinds()).toEqual(['configure', 'configure']);
    expect(thread.settings.configHash).toBe('c');
  });

  test('that its files were moved away, each time', () => {
    const { keeper, thread } = begun();
    keeper.reopen();
    keeper.reopen();
    expect(thread.kinds()).toEqual(['configure', 'reopen', 'reopen']);
  });

  test('a key that was exchanged is a change', () => {
    const { keeper, thread } = begun();
    keeper.want({ ...SETTINGS, keys: [{ id: '1', secret: Uint8Array.of(1, 2, 4), acceptOnly: false }] });
    expect(thread.kinds()).toEqual(['configure', 'configure']);
  });

  test('another router id is another thread’s', async () => {
    const { keeper, thread, threads } = begun();
    keeper.want({ ...SETTINGS, self: { ...SETTINGS.self, routerId: 9 } });
    expect(thread.orders.at(-1)).toEqual({ kind: 'end', goodbye: 'it has another router id' });
    expect(threads.all).toHaveLength(2);
    expect(threads.last.settings.self.routerId).toBe(9);
    await settle();
    expect(thread.stopped).toBe(true);
  });

  test('it may be started before anything is known', () => {
    const bench = new Bench();
    bench.keeper.prepare();
    expect(bench.thread.orders).toEqual([]);
    bench.keeper.want(SETTINGS);
    expect(bench.threads.all).toHaveLength(1);
    expect(bench.thread.kinds()).toEqual(['configure']);
  });

  test('where nothing is synced there is no thread, and one that was there says goodbye', async () => {
    const bench = new Bench();
    bench.keeper.want(undefined);
    expect(bench.threads.all).toEqual([]);
    bench.keeper.want(SETTINGS);
    bench.keeper.want(undefined);
    expect(bench.thread.orders.at(-1)).toEqual({ kind: 'end', goodbye: 'nothing is synced any more' });
    await settle();
    expect(bench.thread.stopped).toBe(true);
    bench.keeper.want(SETTINGS);
    expect(bench.threads.all).toHaveLength(2);
  });
});

describe('what the thread says', () => {
  test('who lives, how it is, and that it lives itself', async () => {
    const { keeper, thread, heard, clock } = begun();
    expect(keeper.view).toBeUndefined();
    thread.say({ kind: 'members', view: viewOf(['d1', 'd2']) });
    thread.say({ kind: 'status', status: STATUS, answersMisses: true });
    expect(heard).toEqual(['changed']);
    expect(keeper.view?.living.map(({ name }) => name)).toEqual(['d1', 'd2']);
    expect(keeper.status).toBe(STATUS);
    expect([keeper.isAlive, keeper.answersMisses]).toEqual([true, true]);
    await clock.advance(3000);
    expect([keeper.isAlive, keeper.answersMisses]).toEqual([false, false]);
  });

  test('that this director may announce: once', () => {
    const { thread, heard, told } = begun();
    thread.say({ kind: 'synced', reason: 'equal', waiting: [] });
    thread.say({ kind: 'synced', reason: 'equal', waiting: [] });
    expect(heard).toEqual(['synced']);
    expect(told()).toEqual(['sync-complete: equal']);
  });

  test('services that peers define otherwise wait, though no longer than that; once released they do not wait again', async () => {
    const { keeper, thread, heard, clock } = begun();
    const say = (...waiting: string[]) => thread.say({ kind: 'synced', reason: 'equal', waiting });
    say('web', 'dns');
    expect([...keeper.waiting]).toEqual(['web', 'dns']);
    say('dns');
    say('web', 'dns');
    expect([...keeper.waiting]).toEqual(['dns']);
    expect(heard).toEqual(['synced', 'changed']);
    await clock.advance(35_000);
    expect([...keeper.waiting]).toEqual([]);
    expect(heard).toEqual(['synced', 'changed', 'changed']);
  });

  test('a thread that never says so does not keep the director from announcing', async () => {
    const { clock, heard, told } = begun();
    await clock.advance(34_999);
    expect(heard).toEqual([]);
    await clock.advance(1);
    expect(heard).toEqual(['synced']);
    expect(told()).toEqual(['sync-complete: no word from the sync thread']);
  });

  test('events go into the log', () => {
    const { thread, told } = begun();
    thread.say({ kind: 'event', event: 'sync-refused', values: { reason: 'unknown-key' } });
    expect(told()).toEqual(['sync-refused: unknown-key']);
  });
});

describe('a flush', () => {
  test('is answered by the thread, and what was not asked for is not passed on', () => {
    const { keeper, thread, heard } = begun();
    thread.say({ kind: 'flushed', silent: [] });
    expect(heard).toEqual([]);
    keeper.flush();
    expect(thread.kinds()).toEqual(['configure', 'flush']);
    thread.say({ kind: 'flushed', silent: ['d2'] });
    expect(heard).toEqual(['flushed without d2']);
  });

  test('without a thread is over at once, and nobody has confirmed; so it is when the thread dies meanwhile', () => {
    const { keeper, thread, heard } = begun();
    keeper.flush();
    thread.die('x');
    expect(heard).toEqual(['flushed without d2']);
    keeper.flush();
    expect(heard).toEqual(['flushed without d2', 'flushed without d2']);
  });
});

describe('connections', () => {
  test('come a page at a time', async () => {
    const { keeper, thread } = begun();
    const [first, second] = [keeper.list({ vip: 7 }, 0), keeper.list({}, 100)];
    const [a, b] = thread.orders.filter((order) => order.kind === 'list');
    expect(a).toMatchObject({ cursor: 0, filter: { vip: 7 } });
    expect(b).toMatchObject({ cursor: 100, filter: {} });
    thread.say({ kind: 'connections', id: b!.id, records: Uint8Array.of(2), cursor: undefined });
    thread.say({ kind: 'connections', id: a!.id, records: Uint8Array.of(1), cursor: 256 });
    expect(await first).toMatchObject({ records: Uint8Array.of(1), cursor: 256 });
    expect(await second).toMatchObject({ records: Uint8Array.of(2), cursor: undefined });
  });

  test('of a thread that does not answer, or of none, are not waited for', async () => {
    const { keeper, clock } = begun();
    const page = keeper.list({}, 0);
    await clock.advance(3000);
    expect(await page).toBeUndefined();
    expect(await new Bench().keeper.list({}, 0)).toBeUndefined();
  });
});

describe('a thread that dies', () => {
  test('is told of and started anew, later each time, with the same settings', async () => {
    const { keeper, threads, clock, told } = begun();
    for (const delay of [500, 1000, 2000]) {
      threads.last.die('out of memory');
      expect(keeper.fault).toBe('out of memory');
      const before = threads.all.length;
      await clock.advance(delay - 1);
      expect(threads.all).toHaveLength(before);
      await clock.advance(1);
      expect(threads.all).toHaveLength(before + 1);
      expect(threads.last.settings).toEqual(SETTINGS);
    }
    expect(told()).toEqual(Array(3).fill('sync-fault: the sync thread has died: out of memory'));
  });

  test('after a minute begins with short waits again', async () => {
    const { threads, clock } = begun();
    threads.last.die('x');
    await clock.advance(500);
    threads.last.die('x');
    await clock.advance(1000 + 60_000);
    threads.last.die('x');
    await clock.advance(500);
    expect(threads.all).toHaveLength(4);
  });

  test('leaves what is known of the members', () => {
    const { keeper, thread } = begun();
    thread.say({ kind: 'members', view: viewOf(['d1']) });
    thread.die('x');
    expect(keeper.view?.living.map(({ name }) => name)).toEqual(['d1']);
    expect(keeper.isAlive).toBe(false);
  });

  test('may be one that cannot be started at all', async () => {
    const bench = new Bench();
    bench.threads.refusal = new Error('EAGAIN');
    bench.keeper.want(SETTINGS);
    expect(bench.keeper.fault).toBe('EAGAIN');
    bench.threads.refusal = undefined;
    await bench.clock.advance(500);
    expect(bench.thread.settings).toEqual(SETTINGS);
  });
});

describe('the end', () => {
  test('with a goodbye, waits for the thread to have said it', async () => {
    const { keeper, thread } = begun();
    await keeper.close('drained');
    expect(thread.orders.at(-1)).toEqual({ kind: 'end', goodbye: 'drained' });
    expect(thread.stopped).toBe(true);
  });

  test('does not wait for a thread that is stuck, and does not take its death for one', async () => {
    const { keeper, thread, threads, clock } = begun();
    thread.isStuck = true;
    const closed = keeper.close();
    await clock.advance(1000);
    await closed;
    expect(thread.stopped).toBe(true);
    thread.die('terminated');
    await clock.advance(60_000);
    expect(threads.all).toHaveLength(1);
  });
});

function begun() {
  const bench = new Bench();
  bench.keeper.want(SETTINGS);
  const { keeper, clock, threads, heard, thread } = bench;
  return { keeper, clock, threads, heard, thread, told: () => bench.told() };
}
