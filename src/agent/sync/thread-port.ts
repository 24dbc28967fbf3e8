/**
 * The sync thread as the director sees it: something that takes orders, tells news, and may die. `worker.ts` runs it on a thread
 * of its own; tests bring one in memory.
 */
import type { SyncNews, SyncOrder } from '../../core/model/sync.ts';

export interface SyncThreadListener {
  news(news: SyncNews): void;
  /** It is gone without having been told to stop. Called once, and nothing after it. */
  died(reason: string): void;
}

export interface SyncThread {
  order(order: SyncOrder): void;
  /** Stops it where it is; nothing is told any more. */
  stop(): Promise<void>;
}

/** @throws what keeps a thread from being started at all */
export type StartSyncThread = (listener: SyncThreadListener) => SyncThread;
