/** The sync thread as a thread, from the built program: what becomes of one that cannot go on. */
import { resolve } from 'node:path';
import { expect, test, vi } from 'vitest';
import type { StartSyncThread } from '../../../src/agent/sync/thread-port.ts';
import type { SyncNews, SyncSettings } from '../../../src/core/model/sync.ts';

const { startSyncThread } = (await import(resolve('dist/src/agent/sync/worker.js'))) as {
  readonly startSyncThread: StartSyncThread;
};

function started() {
  const news: SyncNews[] = [];
  const deaths: string[] = [];
  const thread = startSyncThread({ news: (one) => news.push(one), died: (reason) => deaths.push(reason) });
  return { thread, news, deaths };
}

test('one that fails is told of as dead, once, and takes nothing with it', async () => {
  const { thread, deaths } = started();
  thread.order({ kind: 'configure', settings: {} as SyncSettings });
  await vi.waitFor(() => expect(deaths).toHaveLength(1), 5000);
  await thread.stop();
  expect(deaths).toHaveLength(1);
});

test('one that is told to end says that it has, and one that is stopped says nothing', async () => {
  const { thread, news, deaths } = started();
  thread.order({ kind: 'end', goodbye: undefined });
  await vi.waitFor(() => expect(news).toContainEqual({ kind: 'ended' }), 5000);
  await thread.stop();
  expect(deaths).toEqual([]);
});
