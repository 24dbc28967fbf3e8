/**
 * The second chance with its surroundings: packets that rules have taken out of the kernel come in, questions go to the mesh, entries
 * to the kernel, and packets back into it. What is decided is decided in `core/sync/chance/second-chance.ts`.
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { MemberView, SyncSettings } from '../../core/model/sync.ts';
import {
  type ApplyOutcome,
  SecondChance,
  type SecondChanceEffect,
  type SecondChanceInput,
  type Side,
} from '../../core/sync/chance/second-chance.ts';
import { clientKey, tupleAt } from '../../core/sync/records/flow-key.ts';
import { joinRecords, RECORD_BYTES, readRecord } from '../../core/sync/records/record.ts';
import { type ConnectionTable, NO_SLOT } from '../../core/sync/table/connection-table.ts';
import type { Replication } from '../../drivers/conntrack/replication.ts';
import type { Missed, Misses } from '../../drivers/miss/port.ts';
import type { Clock } from '../../io/clock.ts';
import { DeadlineTimer } from '../../io/deadline-timer.ts';
import type { Faults } from '../faults.ts';

export interface SecondChanceShellOptions {
  readonly clock: Clock;
  readonly misses: Misses;
  readonly replication: Replication;
  readonly faults: Faults;
  table(): ConnectionTable | undefined;
  /** Who knows this connection? Answered by `answered`. */
  ask(id: number, side: Side, tuple: Uint8Array): void;
  /** Connections of ours that nobody has heard of yet. */
  tell(records: Uint8Array): void;
}

const RETRY: Millis = 2000;

export class SecondChanceShell {
  readonly #options: SecondChanceShellOptions;
  readonly #chance: SecondChance<Missed>;
  readonly #timer: DeadlineTimer;
  #settings: SyncSettings | undefined;
  #view: MemberView = { living: [], dead: [] };
  #state: 'closed' | 'opening' | 'open' | 'ended' = 'closed';

  constructor(options: SecondChanceShellOptions) {
    this.#options = options;
    this.#chance = new SecondChance((service, client) => this.#remembered(service, client));
    this.#timer = new DeadlineTimer(options.clock, () => this.#feed({ kind: 'timer' }));
  }

  /** Is somebody there to take packets? */
  get isOpen(): boolean {
    return this.#state === 'open';
  }

  configure(settings: SyncSettings): void {
    this.#settings = settings;
    this.#rebase();
    void this.#open();
  }

  members(view: MemberView): void {
    this.#view = view;
    this.#rebase();
  }

  answered(id: number, record: Uint8Array | undefined, silent: number): void {
    this.#feed({ kind: 'answered', id, record, silent });
  }

  /** Another director's packets met a connection that is predicted here. */
  served(record: Uint8Array): void {
    this.#feed({ kind: 'served', record });
  }

  /** What the kernel told: what of it others may hear. Predictions are nobody's business until they have come true. */
  kernel(records: Uint8Array): Uint8Array {
    if (this.#chance.waiting.predictions === 0) return records;
    this.#feed({ kind: 'kernel', records });
    const kept: Uint8Array[] = [];
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      if (!this.holds(records, at)) kept.push(records.subarray(at, at + RECORD_BYTES));
    }
    return kept.length * RECORD_BYTES === records.length ? records : joinRecords(kept);
  }

  holds(records: Uint8Array, at: number): boolean {
    return this.#chance.holds(records, at);
  }

  counts(): Readonly<Record<string, number>> {
    const { dropped, predictions, ...rest } = this.#chance.counts();
    const { flows, predictions: pending } = this.#chance.waiting;
    return {
      ...rest,
      ...named('dropped', dropped),
      ...named('predictions', Object.entries(predictions)),
      ...named('packets', Object.entries(this.#options.misses.counts())),
      'waiting.flows': flows,
      'waiting.predictions': pending,
    };
  }

  close(): void {
    this.#state = 'ended';
    this.#timer.set(undefined);
    this.#options.misses.close();
  }

  async #open(): Promise<void> {
    const { misses, faults } = this.#options;
    if (this.#state !== 'closed') return;
    this.#state = 'opening';
    try {
      await misses.open({
        packet: (packet) => this.#feed({ kind: 'packet', packet }),
        failed: (error) => this.#failed(error.message),
      });
      if (this.#state !== 'opening') return;
      this.#state = 'open';
      faults.cleared('misses');
    } catch (error) {
      this.#failed(messageOf(error));
    }
  }

  #failed(message: string): void {
    if (this.#state === 'ended') return;
    const { misses, faults, clock } = this.#options;
    faults.report('misses', message);
    misses.close();
    this.#state = 'opening';
    clock.after(RETRY, () => {
      if (this.#state === 'ended') return;
      this.#state = 'closed';
      void this.#open();
    });
  }

  #rebase(): void {
    if (this.#settings === undefined) return;
    const { plane, services, self } = this.#settings;
    const { directors = [], shared = [] } = plane.local ?? {};
    this.#feed({
      kind: 'configure',
      base: { desired: plane, services, view: this.#view, self: self.routerId },
      locals: [...directors.flatMap(({ local }) => local), ...shared],
    });
  }

  #feed(input: SecondChanceInput<Missed>): void {
    if (this.#state === 'ended') return;
    for (const effect of this.#chance.handle(input, this.#options.clock.now())) this.#perform(effect);
    this.#timer.set(this.#chance.deadline);
  }

  #perform(effect: SecondChanceEffect<Missed>): void {
    const { ask, tell, misses } = this.#options;
    switch (effect.kind) {
      case 'query':
        ask(effect.id, effect.side, effect.tuple);
        return;
      case 'apply':
        void this.#apply(effect.records).then((outcome) => this.#feed({ kind: 'applied', id: effect.id, outcome }));
        return;
      case 'change':
        void this.#apply(effect.records);
        return;
      case 'reinject':
        misses.reinject(effect.packets);
        return;
      case 'tell':
        tell(effect.records);
        return;
      case 'lookUp':
        void this.#lookUp(effect.record);
    }
  }

  async #apply(records: Uint8Array): Promise<ApplyOutcome> {
    try {
      const { refused, inUse } = await this.#options.replication.apply(records);
      if (refused.length === 0) return 'taken';
      return inUse > 0 ? 'in-use' : 'refused';
    } catch (error) {
      this.#options.faults.report('apply', messageOf(error));
      return 'refused';
    }
  }

  async #lookUp(record: Uint8Array): Promise<void> {
    let found: Uint8Array | undefined;
    try {
      found = await this.#options.replication.get('original', tupleAt(record));
    } catch (error) {
      this.#options.faults.report('look-up', messageOf(error));
    }
    this.#feed({ kind: 'looked', record, found });
  }

  /** The server that a client of a service is to have, as any director remembers it. */
  #remembered(service: number, client: Ipv4): Ipv4 | undefined {
    const table = this.#options.table();
    if (table === undefined) return undefined;
    const slot = table.find(clientKey(service, client), 0);
    return slot === NO_SLOT ? undefined : readRecord(table.bytes, table.offset(slot)).server;
  }
}

function named(prefix: string, entries: Iterable<readonly [string, number]>): Readonly<Record<string, number>> {
  return Object.fromEntries([...entries].map(([name, count]) => [`${prefix}.${name}`, count]));
}
