/** Runs the sync thread: a worker of this process with an event loop of its own, so that a flood of connections delays no Hello. */
import { Worker } from 'node:worker_threads';
import type { SyncNews } from '../../core/model/sync.ts';
import type { StartSyncThread } from './thread-port.ts';

/** Beside the program in the bundle, beside this module as tsc has written it. */
function threadFile(here: string): URL {
  const isBundle = /\/bundle\/(?:bin|parts)\/[^/]+$/.test(here);
  return new URL(isBundle ? '../bin/sync-thread.js' : './thread-main.js', here);
}

export const startSyncThread: StartSyncThread = (listener) => {
  const worker = new Worker(threadFile(import.meta.url), {
    name: 'sync',
    workerData: performance.timeOrigin,
  });
  let isOver = false;
  const died = (reason: string) => {
    if (!isOver) listener.died(reason);
    isOver = true;
  };
  worker.on('message', (news: SyncNews) => {
    if (!isOver) listener.news(news);
  });
  worker.on('error', (error) => died(error.message));
  worker.on('exit', (code) => died(`it ended with code ${code}`));
  return {
    order: (order) => worker.postMessage(order),
    stop: async () => {
      isOver = true;
      await worker.terminate();
    },
  };
};
