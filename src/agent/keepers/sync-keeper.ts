/**
 * Keeps the sync thread as the cluster file and the data plane have it, and knows what it last said.
 *
 * In: the settings, whenever they may have changed; orders to flush and to end. Out: who lives, the thread's status, events, and
 * the two barriers: `onSynced` when this director may announce, `onFlushed` when its peers hold what it has.
 *
 * A thread that dies is told of and started anew, later each time; the director goes on meanwhile, with the members it knew. What
 * waits for a thread does not wait for ever: without one, a barrier is taken for passed in the time that the file allows.
 */
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { ConnectionFilter, MemberView, SyncNews, SyncSettings, SyncStatus } from '../../core/model/sync.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import type { StartSyncThread, SyncThread } from '../sync/thread-port.ts';

/** Records, and where the next page begins; undefined = there is none. */
export type ConnectionPage = Pick<Extract<SyncNews, { kind: 'connections' }>, 'records' | 'cursor'>;

export interface SyncKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly start: StartSyncThread;
  onSynced(): void;
  /** `silent`: peers that have not confirmed. */
  onFlushed(silent: readonly string[]): void;
  /** What the others remember of clients; undefined = all that this director remembers is to be told. */
  onClients(records: Uint8Array | undefined): void;
  /** Others live than before, or fewer services wait. */
  onChange(): void;
}

/** Between a thread's death and the next one. */
const FIRST_RETRY: Millis = 500;
const LONGEST_RETRY: Millis = 30_000;
/** One that lived as long died of something new. */
const LIVED_WELL: Millis = 60_000;
/** It says something every second; more than that and it is stuck. */
const SILENT_FOR: Millis = 3000;
/** Beyond what the thread itself waits for its peers. */
const BARRIER_GRACE: Millis = 5000;
/** How long a goodbye may take. */
const END_WITHIN: Millis = 1000;

export class SyncKeeper {
  readonly #options: SyncKeeperOptions;
  #settings: SyncSettings | undefined;
  /** What the thread was told last, as text. */
  #told = '';
  #thread: SyncThread | undefined;
  #startedAt: Instant = 0;
  #retry = FIRST_RETRY;
  #cancelRetry: (() => void) | undefined;
  #cancelBarrier: (() => void) | undefined;
  #synced = false;
  #waiting: ReadonlySet<string> = new Set();
  #flushing = false;
  #view: MemberView | undefined;
  #status: SyncStatus | undefined;
  #answersMisses = false;
  #heardAt: Instant = Number.NEGATIVE_INFINITY;
  #fault: string | undefined;
  /** One that was told to end, and what waits for it. */
  #ending: { readonly thread: SyncThread; readonly done: () => void } | undefined;
  readonly #listings = new Map<number, (page: ConnectionPage) => void>();
  #lastListing = 0;
  #closed = false;

  constructor(options: SyncKeeperOptions) {
    this.#options = options;
  }

  /** Who lives and who is gone, this director among the living; undefined while nothing is known of it. */
  get view(): MemberView | undefined {
    return this.#view;
  }

  /** Services that are not to be announced yet: other directors define them otherwise. */
  get waiting(): ReadonlySet<string> {
    return this.#waiting;
  }

  get status(): SyncStatus | undefined {
    return this.#status;
  }

  /** Why there is no thread, when there should be one. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Has the thread been heard of a moment ago? */
  get isAlive(): boolean {
    return this.#thread !== undefined && this.#options.clock.now() - this.#heardAt < SILENT_FOR;
  }

  /** Is somebody there to find out whose an unknown packet is? */
  get answersMisses(): boolean {
    return this.isAlive && this.#answersMisses;
  }

  /** Starts the thread early, so that it is there when the settings are known. */
  prepare(): void {
    if (this.#thread === undefined && this.#cancelRetry === undefined && !this.#closed) this.#start();
  }

  /** Undefined = nothing is synced. */
  want(settings: SyncSettings | undefined): void {
    if (this.#closed) return;
    const before = this.#settings;
    const isFirst = before === undefined && settings !== undefined;
    this.#settings = settings;
    if (settings === undefined) {
      if (this.#thread !== undefined) void this.#end('nothing is synced any more');
      return;
    }
    if (isFirst && !this.#synced) this.#armBarrier(settings.syncTimeout);
    // What it has told of is under another name now.
    if (before !== undefined && before.self.routerId !== settings.self.routerId)
      void this.#end('it has another router id');
    this.prepare();
    this.#configure();
  }

  /** Clients that this director remembers, for the others. */
  tellClients(records: Uint8Array): void {
    this.#thread?.order({ kind: 'clients', records });
  }

  /** The files that the thread writes may have been moved away. */
  reopen(): void {
    this.#thread?.order({ kind: 'reopen' });
  }

  /** Answered by `onFlushed`. */
  flush(): void {
    this.#flushing = true;
    if (this.#thread === undefined) this.#flushed(this.#peerNames());
    else this.#thread.order({ kind: 'flush' });
  }

  /**
   * A page of the connections that are known, from `cursor` on (0 at first); undefined when there is no thread to ask, or it does
   * not answer.
   */
  list(filter: ConnectionFilter, cursor: number): Promise<ConnectionPage | undefined> {
    const thread = this.#thread;
    if (thread === undefined) return Promise.resolve(undefined);
    const id = ++this.#lastListing;
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(SILENT_FOR, () => {
        this.#listings.delete(id);
        resolve(undefined);
      });
      this.#listings.set(id, (page) => {
        cancel();
        resolve(page);
      });
      thread.order({ kind: 'list', id, cursor, filter });
    });
  }

  /** With a `goodbye` the peers count this director as gone at once, or when it is not back within `back`; without, a second later. */
  async close(goodbye?: string, back?: Millis): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cancelBarrier?.();
    this.#cancelRetry?.();
    await this.#end(goodbye, back);
  }

  #start(): void {
    const { clock, start } = this.#options;
    this.#cancelRetry = undefined;
    this.#startedAt = clock.now();
    this.#heardAt = clock.now();
    this.#told = '';
    this.#answersMisses = false;
    try {
      const thread: SyncThread = start({
        news: (news) => this.#hear(thread, news),
        died: (reason) => this.#died(thread, reason),
      });
      this.#thread = thread;
    } catch (error) {
      this.#died(undefined, messageOf(error));
      return;
    }
    this.#configure();
  }

  #configure(): void {
    if (this.#thread === undefined || this.#settings === undefined) return;
    const text = textOf(this.#settings);
    if (text === this.#told) return;
    this.#told = text;
    this.#thread.order({ kind: 'configure', settings: this.#settings });
  }

  #hear(thread: SyncThread, news: SyncNews): void {
    if (news.kind === 'event') this.#options.events.emit(news.event, news.values);
    if (news.kind === 'ended' && this.#ending?.thread === thread) this.#ending.done();
    // Of one that was told to end nothing else counts any more.
    if (thread !== this.#thread) return;
    this.#heardAt = this.#options.clock.now();
    switch (news.kind) {
      case 'members':
        this.#view = news.view;
        this.#options.events.emit('sync-members', memberNames(news.view));
        this.#options.onChange();
        return;
      case 'synced':
        this.#pass(news.reason, news.waiting);
        return;
      case 'flushed':
        this.#flushed(news.silent);
        return;
      case 'status':
        this.#status = news.status;
        this.#answersMisses = news.answersMisses;
        this.#fault = undefined;
        return;
      case 'connections':
        this.#listings.get(news.id)?.(news);
        this.#listings.delete(news.id);
        return;
      case 'clients':
        this.#options.onClients(news.records);
        return;
      case 'clients-wanted':
        this.#options.onClients(undefined);
        return;
      case 'event':
      case 'ended':
    }
  }

  #armBarrier(syncTimeout: Millis): void {
    this.#cancelBarrier = this.#options.clock.after(syncTimeout + BARRIER_GRACE, () => {
      this.#pass('no word from the sync thread', []);
    });
  }

  #pass(reason: string, waiting: readonly string[]): void {
    const before = this.#waiting;
    // What is announced already is not taken back.
    this.#waiting = new Set(this.#synced ? waiting.filter((name) => before.has(name)) : waiting);
    if (this.#waiting.size === 0) this.#cancelBarrier?.();
    if (this.#waiting.size < before.size) this.#options.onChange();
    if (this.#synced) return;
    this.#synced = true;
    this.#options.events.emit('sync-complete', { reason, waiting });
    this.#options.onSynced();
  }

  #flushed(silent: readonly string[]): void {
    if (!this.#flushing) return;
    this.#flushing = false;
    this.#options.onFlushed(silent);
  }

  #peerNames(): readonly string[] {
    return this.#settings?.peers.map(({ name }) => name) ?? [];
  }

  /** `thread`: undefined if there never was one. */
  #died(thread: SyncThread | undefined, reason: string): void {
    const { clock, events } = this.#options;
    if (thread !== undefined && this.#ending?.thread === thread) this.#ending.done();
    if (thread !== this.#thread) return;
    const lived = clock.now() - this.#startedAt;
    this.#thread = undefined;
    this.#status = undefined;
    if (lived >= LIVED_WELL) this.#retry = FIRST_RETRY;
    this.#fault = reason;
    events.emit('sync-fault', { message: `the sync thread has died: ${reason}`, retryIn: this.#retry });
    this.#flushed(this.#peerNames());
    this.#cancelRetry = clock.after(this.#retry, () => this.#start());
    this.#retry = Math.min(2 * this.#retry, LONGEST_RETRY);
  }

  async #end(goodbye: string | undefined, back?: Millis): Promise<void> {
    const thread = this.#thread;
    if (thread === undefined) return;
    this.#thread = undefined;
    this.#view = undefined;
    this.#status = undefined;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(END_WITHIN, resolve);
      const done = () => {
        cancel();
        resolve();
      };
      this.#ending = { thread, done };
      thread.order({ kind: 'end', goodbye, back });
    });
    this.#ending = undefined;
    await thread.stop();
  }
}

function memberNames({ living, dead }: MemberView) {
  return { living: living.map(({ name }) => name), dead: dead.map(({ name }) => name) };
}

/** Keys are bytes, which print as numbers. It stays in memory. */
function textOf(settings: SyncSettings): string {
  return JSON.stringify(settings);
}
