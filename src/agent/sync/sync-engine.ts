/**
 * All that the sync thread does, without the thread: the mesh machine, fed by the streams to the other directors and by the
 * kernel's connections, and its effects performed.
 *
 *   orders of the main thread ─┐                       ┌─ streams: send, end
 *   streams: opened, bytes ────┼─> mesh (core/sync) ───┼─ kernel: apply, dump, look up
 *   kernel: told, dumped ──────┘                       └─ news for the main thread
 *
 * Whatever the system refuses is told as an event and tried again; what the mesh knows meanwhile is not lost. Not here: what is
 * sent to whom and who owns what (`core/sync`), and when an agent has a sync thread (`keepers/sync-keeper.ts`).
 */

import { formatIpv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import { Secret } from '../../core/base/secret.ts';
import type { SyncNews, SyncOrder, SyncSettings } from '../../core/model/sync.ts';
import { Mesh } from '../../core/sync/mesh/mesh.ts';
import type { MeshEffect, MeshInput } from '../../core/sync/mesh/mesh-events.ts';
import { tupleAt } from '../../core/sync/records/flow-key.ts';
import { persistenceEntries } from '../../core/sync/remembered-clients.ts';
import { listPage } from '../../core/sync/table/listing.ts';
import type { Replication } from '../../drivers/conntrack/replication.ts';
import type { Misses } from '../../drivers/miss/port.ts';
import type { OpenAppendFile } from '../../io/append-file.ts';
import type { Clock } from '../../io/clock.ts';
import { DeadlineTimer } from '../../io/deadline-timer.ts';
import type { MeshEvents, MeshOptions, MeshTransport } from '../../io/mesh-transport.ts';
import { Faults } from '../faults.ts';
import { MappingLog } from './mapping-log.ts';
import { Refusals } from './refusals.ts';
import { SecondChanceShell } from './second-chance-shell.ts';

export type OpenMesh = (options: MeshOptions, events: MeshEvents, clock: Clock) => MeshTransport;

export interface SyncEngineOptions {
  readonly clock: Clock;
  /** Of this life: 16 hexadecimal digits that no other life has. */
  readonly epoch: string;
  readonly openMesh: OpenMesh;
  readonly replication: Replication;
  readonly misses: Misses;
  readonly openFile: OpenAppendFile;
  /** Milliseconds since 1970, for what people read. */
  timeOfDay(): number;
  tell(news: SyncNews): void;
}

const STATUS_EVERY: Millis = 1000;
/** Between two attempts at what the kernel refuses. */
const RETRY: Millis = 2000;

const NO_RECORDS = new Uint8Array(0);

export class SyncEngine {
  readonly #options: SyncEngineOptions;
  #mesh: Mesh | undefined;
  readonly #timer: DeadlineTimer;
  readonly #faults: Faults;
  readonly #refusals: Refusals;
  readonly #chance: SecondChanceShell;
  readonly #mapping: MappingLog;
  /** In their order: what performing one brings about comes behind those that wait. */
  readonly #effects: MeshEffect[] = [];
  #isPerforming = false;
  /** The stream that a peer has now. */
  readonly #streams = new Map<string, number>();
  #transport: MeshTransport | undefined;
  #settings: SyncSettings | undefined;
  #isListening = false;
  #isDumping = false;
  /** Has the kernel been listed whole, in this process? */
  #hasListed = false;
  /** Another dump is wanted when the one under way is over. */
  #dumpAgain = false;
  /** The last of what was to be applied, which is done when all before it is. */
  #applied: Promise<void> = Promise.resolve();
  /** Why a peer could not be dialed, until there is a stream to it. */
  readonly #unreachable = new Map<string, string>();
  #ended = false;

  constructor(options: SyncEngineOptions) {
    const { clock, tell, misses, replication, openFile: open, timeOfDay } = options;
    this.#options = options;
    this.#timer = new DeadlineTimer(clock, () => this.#feed({ kind: 'timer' }));
    this.#faults = new Faults((message) => tell({ kind: 'event', event: 'sync-fault', values: { message } }));
    this.#refusals = new Refusals((values) => tell({ kind: 'event', event: 'sync-refused', values }));
    this.#chance = new SecondChanceShell({
      ...{ clock, misses, replication, faults: this.#faults },
      table: () => this.#mesh?.table,
      ask: (id, side, tuple) => this.#feed({ kind: 'query', id, side, tuple }),
      tell: (records) => this.#heard(records),
    });
    this.#mapping = new MappingLog({
      ...{ clock, open, timeOfDay },
      tell: (event, values) => tell({ kind: 'event', event, values }),
    });
    this.#reportLater();
  }

  order(order: SyncOrder): void {
    if (this.#ended) return;
    switch (order.kind) {
      case 'configure':
        this.#configure(order.settings);
        return;
      case 'flush':
        this.#feed({ kind: 'leave' });
        return;
      case 'clients':
        this.#feed({ kind: 'kernel', records: order.records });
        return;
      case 'list':
        this.#list(order);
        return;
      case 'reopen':
        this.#mapping.reopen();
        return;
      case 'end':
        void this.#end(order);
    }
  }

  #configure(settings: SyncSettings): void {
    const { clock, epoch, replication } = this.#options;
    const wasUnnamed = this.#settings?.unnamed === true;
    this.#settings = settings;
    this.#mapping.configure(settings);
    replication.configure(settings.services);
    void this.#listenToKernel();
    const options = meshOptions(settings);
    if (this.#transport === undefined) this.#transport = this.#openTransport(options);
    else this.#transport.configure(options);
    if (this.#mesh !== undefined) this.#feed({ kind: 'configure', settings });
    else {
      this.#mesh = new Mesh({ epoch, settings }, clock.now());
      this.#feed({ kind: 'timer' });
    }
    this.#chance.configure(settings);
    if (wasUnnamed && !settings.unnamed) void this.#dump();
  }

  #openTransport(options: MeshOptions): MeshTransport {
    const { openMesh, clock } = this.#options;
    const events: MeshEvents = {
      opened: (peer, stream) => {
        this.#streams.set(peer, stream);
        this.#unreachable.delete(peer);
        this.#feed({ kind: 'opened', peer, stream });
      },
      bytes: (peer, stream, bytes) => this.#feed({ kind: 'bytes', peer, stream, bytes }),
      closed: (peer, stream, reason) => {
        if (this.#streams.get(peer) === stream) this.#streams.delete(peer);
        this.#feed({ kind: 'closed', peer, stream, reason });
      },
      // How much may be under way is the mesh's own reckoning.
      writable: () => {},
      unreachable: (peer, reason) => {
        this.#unreachable.set(peer, reason);
        this.#feed({ kind: 'unreachable', peer });
      },
      refused: (refusal) => this.#refusals.add(refusal, clock.now()),
      listening: () => this.#faults.cleared('listen'),
      failed: (error) => this.#faults.report('listen', messageOf(error)),
    };
    return openMesh(options, events, clock);
  }

  async #listenToKernel(): Promise<void> {
    if (this.#isListening || this.#ended) return;
    this.#isListening = true;
    try {
      await this.#options.replication.open({
        records: (records) => this.#told(records),
        lost: () => this.#feed({ kind: 'kernelLost' }),
        failed: (error) => this.#deaf(messageOf(error)),
      });
      this.#faults.cleared('conntrack');
      if (this.#settings !== undefined) this.#options.replication.configure(this.#settings.services);
    } catch (error) {
      this.#deaf(messageOf(error));
    }
  }

  #told(records: Uint8Array): void {
    const news = this.#chance.kernel(records);
    if (news.length > 0) this.#heard(news);
  }

  #heard(records: Uint8Array): void {
    if (this.#mesh !== undefined) this.#mapping.note(records, this.#mesh.table, 'event');
    this.#feed({ kind: 'kernel', records });
  }

  /** No event comes any more: what happens until there are events again is found by a dump. */
  #deaf(message: string): void {
    this.#faults.report('conntrack', message);
    this.#isListening = false;
    this.#options.clock.after(RETRY, () => {
      void this.#listenToKernel().then(() => this.#feed({ kind: 'kernelLost' }));
    });
  }

  #feed(input: MeshInput): void {
    if (this.#ended || this.#mesh === undefined) return;
    this.#effects.push(...this.#mesh.handle(input, this.#options.clock.now()));
    this.#timer.set(this.#mesh.deadline);
    if (this.#isPerforming) return;
    this.#isPerforming = true;
    for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift())
      this.#perform(effect);
    this.#isPerforming = false;
  }

  #perform(effect: MeshEffect): void {
    switch (effect.kind) {
      case 'send':
        if (this.#isCurrent(effect)) this.#transport?.send(effect.peer, effect.bytes);
        return;
      case 'disconnect':
        if (this.#isCurrent(effect)) this.#transport?.disconnect(effect.peer, effect.reason);
        return;
      case 'apply':
        this.#tellClients(effect.records);
        this.#applied = this.#apply(effect.records);
        return;
      case 'dumpKernel':
        this.#options.tell({ kind: 'clients-wanted' });
        void this.#dump();
        return;
      case 'lookUp':
        void this.#lookUp(effect);
        return;
      case 'listService':
        void this.#listService(effect);
        return;
      case 'answered':
        this.#chance.answered(effect.id, effect.record, effect.silent.length);
        return;
      case 'servedPrediction':
        this.#chance.served(effect.record);
        return;
      case 'synced':
        // The table is complete; the kernel is when all is applied that came before. Who has waited too long does not wait on.
        if (effect.reason === 'timeout') this.#options.tell(effect);
        else void this.#applied.then(() => this.#options.tell(effect));
        return;
      case 'members':
        this.#chance.members(effect.view);
        this.#options.tell(effect);
        return;
      default:
        this.#options.tell(effect);
    }
  }

  /** Which server a client has is no connection: who keeps the maps of clients hears of it. */
  #tellClients(records: Uint8Array): void {
    const clients = persistenceEntries(records);
    if (clients.length > 0) this.#options.tell({ kind: 'clients', records: clients });
  }

  /** Of a stream that has another in its place nothing matters any more. */
  #isCurrent({ peer, stream }: { readonly peer: string; readonly stream: number }): boolean {
    return this.#streams.get(peer) === stream;
  }

  async #apply(records: Uint8Array): Promise<void> {
    try {
      // What is refused is counted by the back end.
      await this.#options.replication.apply(records);
      this.#faults.cleared('apply');
    } catch (error) {
      this.#faults.report('apply', messageOf(error));
    }
  }

  /**
   * One at a time, and after all that was to be applied. What the mesh is told last is that it is over. The first waits for the
   * kernel's names of the servers: without them it would find none of our connections, and the mesh would take them for ended.
   */
  async #dump(): Promise<void> {
    if (this.#settings?.unnamed) return;
    this.#dumpAgain = this.#isDumping;
    if (this.#isDumping) return;
    this.#isDumping = true;
    try {
      await this.#applied;
      await this.#options.replication.dump({ replicas: undefined }, (records) => {
        const found = this.#chance.kernel(records);
        if (this.#mesh !== undefined) this.#mapping.note(found, this.#mesh.table, this.#hasListed ? 'dump' : 'start');
        this.#feed({ kind: 'kernelDump', records: found, last: false });
        return this.#mapping.room();
      });
      this.#faults.cleared('dump');
      this.#hasListed = true;
      this.#feed({ kind: 'kernelDump', records: NO_RECORDS, last: true });
    } catch (error) {
      this.#faults.report('dump', messageOf(error));
      this.#options.clock.after(RETRY, () => void this.#dump());
    } finally {
      this.#isDumping = false;
    }
    if (this.#dumpAgain) await this.#dump();
  }

  /** What a peer may be asked about next: not predictions, which are nobody's business until they have come true. */
  async #listService({ token, service, most }: Extract<MeshEffect, { kind: 'listService' }>): Promise<void> {
    try {
      await this.#options.replication.dump({ replicas: false, service, most }, (records) => {
        const found = this.#chance.kernel(records);
        if (found.length > 0) this.#feed({ kind: 'listed', token, records: found });
      });
      this.#faults.cleared('dump');
    } catch (error) {
      this.#faults.report('dump', messageOf(error));
    }
    this.#feed({ kind: 'listed', token, records: NO_RECORDS });
  }

  /** A peer asks for what our table does not hold; the kernel may, if its event is on the way. */
  async #lookUp({ token, side, tuple }: Extract<MeshEffect, { kind: 'lookUp' }>): Promise<void> {
    let record: Uint8Array | undefined;
    try {
      record = await this.#options.replication.get(side === 'client' ? 'original' : 'reply', tupleAt(tuple));
    } catch (error) {
      this.#faults.report('look-up', messageOf(error));
    }
    if (side === 'server' && record !== undefined && this.#chance.holds(record, 0)) this.#chance.served(record);
    this.#feed({ kind: 'lookedUp', token, record });
  }

  #reportLater(): void {
    this.#options.clock.after(STATUS_EVERY, () => {
      if (this.#ended) return;
      this.#report();
      this.#reportLater();
    });
  }

  #report(): void {
    const { clock, tell, replication } = this.#options;
    const status = this.#mesh?.status(clock.now());
    if (status === undefined) return;
    const peers = status.peers.map((peer) => {
      return { ...peer, lastError: this.#unreachable.get(peer.name) ?? peer.lastError };
    });
    const counters = {
      ...status.counters,
      ...prefixed('kernel', replication.counts()),
      ...prefixed('second-chance', this.#chance.counts()),
      ...prefixed('refused', this.#refusals.counts()),
      ...prefixed('mapping-log', this.#mapping.counts()),
    };
    tell({ kind: 'status', status: { ...status, peers, counters }, answersMisses: this.#chance.isOpen });
  }

  #list({ id, filter, cursor }: Extract<SyncOrder, { kind: 'list' }>): void {
    const { clock, tell } = this.#options;
    const seconds = Math.floor(clock.now() / 1000);
    const none = { records: NO_RECORDS, cursor: undefined };
    const page = this.#mesh === undefined ? none : listPage(this.#mesh.table, filter, cursor, seconds);
    tell({ kind: 'connections', id, ...page });
  }

  async #end({ goodbye, back }: Extract<SyncOrder, { kind: 'end' }>): Promise<void> {
    if (goodbye !== undefined) this.#feed({ kind: 'stop', text: goodbye, back });
    this.#ended = true;
    this.#timer.set(undefined);
    this.#transport?.close();
    this.#chance.close();
    await Promise.all([this.#options.replication.close(), this.#mapping.close()]);
    this.#options.tell({ kind: 'ended' });
  }
}

function meshOptions({ self, peers, keys }: SyncSettings): MeshOptions {
  return {
    self: self.name,
    listen: { address: formatIpv4(self.endpoint.address), port: self.endpoint.port },
    ring: keys.map(({ id, secret, acceptOnly }) => ({ id, secret: new Secret(secret), acceptOnly })),
    peers: peers.map(({ name, routerId, endpoint }) => ({
      name,
      address: formatIpv4(endpoint.address),
      port: endpoint.port,
      // One of the two dials: the one with the lesser router id.
      dial: self.routerId < routerId,
    })),
  };
}

function prefixed(prefix: string, counts: object): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(counts).map(([name, count]) => [`${prefix}.${name}`, count]));
}
