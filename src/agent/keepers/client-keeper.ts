/**
 * Keeps what this director and the others remember of clients the same: which server a client's new connections go to, where a
 * service has persistence.
 *
 * Packets write the maps and the kernel tells nobody, so the maps are read about every second, later if that takes long. What is
 * news goes to the sync thread, what the other directors have told goes into the maps, soon after it came. A crash loses what is
 * younger than a round. Not here: what is news (`core/sync/remembered-clients.ts`), how maps are read and written (the data plane).
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { SyncService, SyncSettings } from '../../core/model/sync.ts';
import { RememberedClients } from '../../core/sync/remembered-clients.ts';
import type { Dataplane } from '../../drivers/dataplane/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';

export interface ClientKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly dataplane: Pick<Dataplane, 'clients' | 'remember'>;
  /** Random bits. */
  readonly seed: number;
  /** Persistence entries for the other directors. */
  tell(records: Uint8Array): void;
}

type RememberingService = SyncService & { readonly persistence: number };

const EVERY: Millis = 1000;
/** What the others have told waits no longer, unless rounds take long. */
const SOON: Millis = 50;
/** A round that takes long is followed by a pause so many times as long. */
const REST = 20;

export class ClientKeeper {
  readonly #options: ClientKeeperOptions;
  #services: readonly RememberingService[] = [];
  #self: Ipv4 | undefined;
  #memory: RememberedClients | undefined;
  #cancel: (() => void) | undefined;
  /** When the next round begins, and the earliest moment that would do. */
  #nextAt: Instant = 0;
  #earliest: Instant = 0;
  #closed = false;
  readonly #fault: Fault;

  constructor(options: ClientKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('persistence-fault', { message, retryIn: EVERY }));
  }

  /** As the sync thread is told; undefined = nothing is synced. */
  want(settings: SyncSettings | undefined): void {
    this.#services = (settings?.services ?? []).filter(remembers);
    const self = settings?.self.routerId;
    if (self !== this.#self) this.#memory = undefined;
    this.#self = self;
    if (this.#services.length > 0 && this.#cancel === undefined) this.#schedule(this.#options.clock.now() + EVERY);
  }

  /** What the sync thread says; undefined = it knows nothing, and all is to be told. */
  heard(records: Uint8Array | undefined): void {
    if (records === undefined) {
      this.#memory = undefined;
      return;
    }
    this.#remembered()?.heard(records, this.#seconds());
    const soon = Math.max(this.#earliest, this.#options.clock.now() + SOON);
    if (this.#cancel !== undefined && soon < this.#nextAt) this.#schedule(soon);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #remembered(): RememberedClients | undefined {
    if (this.#self === undefined) return undefined;
    this.#memory ??= new RememberedClients(this.#options.seed, this.#self);
    return this.#memory;
  }

  #seconds(): number {
    return Math.floor(this.#options.clock.now() / 1000);
  }

  #schedule(at: Instant): void {
    const { clock } = this.#options;
    this.#cancel?.();
    this.#nextAt = at;
    this.#cancel = clock.after(at - clock.now(), () => void this.#round());
  }

  async #round(): Promise<void> {
    const { clock } = this.#options;
    this.#nextAt = Number.NEGATIVE_INFINITY;
    const began = clock.now();
    try {
      await this.#work();
      this.#fault.cleared();
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
    if (this.#closed) return;
    this.#cancel = undefined;
    if (this.#services.length === 0) return;
    const now = clock.now();
    this.#earliest = now + REST * (now - began);
    this.#schedule(Math.max(now + EVERY, this.#earliest));
  }

  async #work(): Promise<void> {
    const memory = this.#remembered();
    if (memory === undefined) return;
    const { dataplane, tell } = this.#options;
    const services = this.#services;
    for (const service of services) memory.seen(service, await dataplane.clients(service.name), this.#seconds());
    // Of another memory by now: what was read is told by the next round, all of it.
    if (memory !== this.#memory || this.#closed) return;
    memory.endRound();
    const news = memory.takeNews();
    if (news.length > 0) tell(news);
    const wanted = memory.takeWanted();
    for (const { service, name } of services) {
      const clients = wanted.get(service);
      if (clients !== undefined) await dataplane.remember(name, clients);
    }
  }
}

function remembers(service: SyncService): service is RememberingService {
  return service.persistence !== undefined;
}
