/** Sync threads in memory: what each was ordered, and what the test has it say. */
import type { SyncThread, SyncThreadListener } from '../../../src/agent/sync/thread-port.ts';
import type { MemberView, SyncNews, SyncOrder, SyncSettings } from '../../../src/core/model/sync.ts';

/** Of a director with one peer and no services. */
export const SETTINGS: SyncSettings = {
  cluster: 'test',
  self: { name: 'd1', routerId: 1, endpoint: { address: 1, port: 7171 } },
  peers: [{ name: 'd2', routerId: 2, endpoint: { address: 2, port: 7171 } }],
  keys: [{ id: '1', secret: Uint8Array.of(1, 2, 3), acceptOnly: false }],
  configHash: 'a',
  tableDigest: 'b',
  syncTimeout: 30_000,
  grace: 120_000,
  services: [],
  plane: { services: [], upstream: [] },
};

export class FakeSyncThread implements SyncThread {
  readonly orders: SyncOrder[] = [];
  readonly #listener: SyncThreadListener;
  /** Set by the test: it does not answer `end`. */
  isStuck = false;
  stopped = false;

  constructor(listener: SyncThreadListener) {
    this.#listener = listener;
  }

  order(order: SyncOrder): void {
    this.orders.push(order);
    if (order.kind === 'end' && !this.isStuck) queueMicrotask(() => this.say({ kind: 'ended' }));
  }

  async stop(): Promise<void> {
    this.stopped = true;
  }

  say(news: SyncNews): void {
    this.#listener.news(news);
  }

  die(reason: string): void {
    this.#listener.died(reason);
  }

  kinds(): string[] {
    return this.orders.map(({ kind }) => kind);
  }

  /** The settings told last. */
  get settings(): SyncSettings {
    const told = this.orders.findLast((order) => order.kind === 'configure');
    if (told === undefined) throw new Error('it was told no settings');
    return told.settings;
  }
}

export class FakeSyncThreads {
  readonly all: FakeSyncThread[] = [];
  /** Set by the test: no thread can be started. */
  refusal: Error | undefined;

  readonly start = (listener: SyncThreadListener): SyncThread => {
    if (this.refusal !== undefined) throw this.refusal;
    const thread = new FakeSyncThread(listener);
    this.all.push(thread);
    return thread;
  };

  get last(): FakeSyncThread {
    const thread = this.all.at(-1);
    if (thread === undefined) throw new Error('no sync thread yet');
    return thread;
  }
}

/** These live, and those are gone. */
export function viewOf(living: readonly string[], dead: readonly string[] = []): MemberView {
  return {
    living: living.map((name) => ({ name, routerId: 0, epoch: '0000000000000001', since: 0 })),
    dead: dead.map((name) => ({ name, since: 0 })),
  };
}
