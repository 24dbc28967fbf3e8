/**
 * A data plane in memory, for tests without a kernel. `FakeKernel` stands for one host: tables and connections outlive the
 * `FakeDataplane` that programmed them, as they outlive the agent. It passes the contract suite of the real driver.
 */

import { type Ipv4, parseIpv4 } from '../../../core/base/ipv4.ts';
import type { Millis } from '../../../core/base/machine.ts';
import type { CountingSets } from '../../../core/dataplane/counters.ts';
import type { ClientEntry } from '../../../core/dataplane/explain/client-entry.ts';
import {
  DATA_TABLE,
  DR_TABLE,
  FWMARKS_MAP,
  GUARD_TABLE,
  namesByChain,
  SERVICES_MAP,
  TRAFFIC_IN_SET,
  TRAFFIC_OUT_SET,
} from '../../../core/dataplane/names.ts';
import type { MappedClient } from '../../../core/dataplane/nft/clients.ts';
import { nextGeneration } from '../../../core/dataplane/nft/messages.ts';
import { hasOffsetRules, type Operation } from '../../../core/dataplane/plan.ts';
import {
  endpointElement,
  type Found,
  type FoundChain,
  type FoundSet,
  type FoundTable,
  type Links,
  NO_TALLY,
  plainStamp,
  ruleStamp,
  ruleText,
  setStamp,
  type Tally,
  type TimeoutPolicy,
} from '../../../core/dataplane/ruleset.ts';
import type { DataplaneCounters, DesiredDataplane } from '../../../core/model/dataplane.ts';
import { KernelError } from '../../../io/kernel-error.ts';
import { ConnectionsInMemory } from '../../conntrack/connections-in-memory.ts';
import { Converger, type Kept, NOTHING_KEPT, type Reading, type RulesetKernel, type Written } from '../converge.ts';
import type { ApplyReport, Dataplane, RememberedClient, ServiceClient } from '../port.ts';
import { atOnce } from '../slices.ts';
import { type CountingSet, count, directFate, type FakeFlow, plusOne, type TimedEntries } from './direct.ts';
import { departure, type FakeDeparture } from './egress.ts';
import { sourceSeen } from './fullnat.ts';
import { type FakeAnswer, handedOverTo } from './hand-over.ts';
import { FakeLimits, isEnded, tracked, tupleOf } from './refusals.ts';
import { FakeScheduling } from './scheduling.ts';

interface FakeConnection {
  readonly id: string;
  /** Of the server. */
  readonly address: Ipv4;
  /** `ADDRESS:PORT`, as the server sees it. */
  readonly source: string;
}

interface MutableTable {
  readonly chains: Map<string, FoundChain>;
  readonly sets: Map<string, CountingSet>;
  readonly counters: Map<string, Tally>;
  readonly timeouts: Map<string, TimeoutPolicy>;
}

function copyOf(set: FoundSet): FoundSet {
  return { ...set, elements: new Map(set.elements), tallies: new Map(set.tallies) };
}

function keyOf({ protocol, source, sport, vip, port }: FakeFlow): string {
  return `${protocol} ${source}:${sport} ${vip}:${port}`;
}

/** One host's tables and connections. */
export class FakeKernel implements RulesetKernel {
  readonly #tables = new Map<string, MutableTable>();
  #generation = 1;
  /** What conntrack keeps, by flow. */
  readonly #connections = new Map<string, FakeConnection>();
  /** The same by what the server sees: source and server. */
  readonly #taken = new Set<string>();
  readonly #scheduling = new FakeScheduling();
  readonly #timed: TimedEntries = new WeakMap();
  readonly #devices = new Map([
    ['front', 2],
    ['back', 3],
  ]);
  /** `ADDRESS . PROTOCOL . PORT` to the mark that somebody's own rules give to such packets. */
  readonly marks = new Map<string, number>();
  /** The same as the kernel tells of them. Whoever deletes one here ends it. */
  readonly connections = new ConnectionsInMemory();
  readonly #limits = new FakeLimits(this.connections);
  /** Told of nothing by themselves: whoever changes `tables` calls them, or does not. */
  readonly watchers = new Set<() => void>();
  /** Of each time that unknown packets were asked for, for how long. */
  readonly missesTakenFor: Millis[] = [];
  /** When set, the next write fails with this errno, once. */
  refuseNext: string | undefined;
  /** When set, rules with ports by offset stay plain, for this reason. */
  refusedOffset: string | undefined;

  /** For whoever is not the data plane. As they may be written to, asking for them counts as a transaction. */
  get tables(): Map<string, MutableTable> {
    this.#generation = nextGeneration(this.#generation);
    return this.#tables;
  }

  async generation(): Promise<number> {
    return this.#generation;
  }

  async read(kept: Kept = NOTHING_KEPT): Promise<Reading> {
    const copy = new Map<string, FoundTable>();
    for (const [name, { chains, sets, counters, timeouts }] of this.#tables) {
      const copiedSets = [...sets].map(([key, set]) => [key, kept.set(name, key) ?? copyOf(set)] as const);
      const known = kept.structure?.get(name);
      copy.set(name, {
        chains: known?.chains ?? new Map(chains),
        sets: new Map(copiedSets),
        counters: known?.counters ?? new Map(counters),
        timeouts: known?.timeouts ?? new Map(timeouts),
      });
    }
    return { tables: copy, generation: this.#generation };
  }

  async links(): Promise<Links> {
    return new Map(this.#devices);
  }

  async readCounting(counting: CountingSets): Promise<Found> {
    const found = new Map<string, FoundTable>();
    for (const [name, table] of this.#tables) {
      const names = counting.get(name);
      if (names === undefined) continue;
      const own = [...table.sets].filter(([set]) => names.includes(set));
      const sets = new Map(own.map(([set, content]) => [set, copyOf(content)]));
      found.set(name, { chains: new Map(), sets, counters: new Map(table.counters) });
    }
    return found;
  }

  async write(operations: readonly Operation[]): Promise<Written> {
    const errno = this.refuseNext;
    this.refuseNext = undefined;
    if (errno !== undefined) throw new KernelError('nft-apply', { errno });
    this.#generation = nextGeneration(this.#generation);
    for (const operation of operations) this.#perform(operation);
    if (!hasOffsetRules(operations)) return { transactions: 1 };
    if (this.refusedOffset !== undefined) return { transactions: 1, refusedOffset: this.refusedOffset };
    this.#generation = nextGeneration(this.#generation);
    return { transactions: 2 };
  }

  async takeMisses(lifetime: Millis): Promise<void> {
    if (!this.#tables.has(DATA_TABLE)) throw new KernelError('nft-second-chance', { errno: 'ENOENT' });
    this.#generation = nextGeneration(this.#generation);
    this.missesTakenFor.push(lifetime);
  }

  /** Takes an interface away, and its chain, as kernels before 6.16 do: no transaction, so the generation stays. */
  unplug(device: string): void {
    this.#devices.delete(device);
    for (const { chains } of this.#tables.values()) {
      for (const [name, { base }] of chains) if (base?.device === device) chains.delete(name);
    }
  }

  plug(device: string, ifindex: number): void {
    this.#devices.set(device, ifindex);
  }

  async readClient(map: string, client: Ipv4): Promise<ClientEntry | undefined> {
    return this.#scheduling.clientOf(map, client);
  }

  async readClients(map: string): Promise<readonly MappedClient[] | undefined> {
    return this.#tables.get(DATA_TABLE)?.sets.has(map) ? this.#scheduling.clients(map) : undefined;
  }

  async writeClients(map: string, out: readonly Ipv4[], into: readonly MappedClient[]): Promise<void> {
    const errno = this.#scheduling.writeClients(map, out, into);
    if (errno !== undefined) throw new KernelError('nft-clients', { errno });
    this.#generation = nextGeneration(this.#generation);
  }

  /** A packet from a client: the address of the server that gets it, or `undefined` when it is dropped or answered by RST. */
  packet(flow: FakeFlow): Ipv4 | undefined {
    const direct = this.#tables.get(DR_TABLE);
    const fate = direct && directFate(direct, flow, this.#timed);
    if (fate !== undefined && fate !== 'not ours') return fate === 'dropped' ? undefined : fate.server;
    const known = this.#known(flow);
    const connection = known ?? this.#translate(flow);
    const table = this.#tables.get(DATA_TABLE);
    if (connection === undefined || table === undefined) return undefined;
    if (known === undefined && this.#limits.refuses(table, connection.id, flow)) return undefined;
    this.#connections.set(keyOf(flow), connection);
    this.connections.set(tracked(flow, connection));
    if (isEnded(table, flow, connection.id)) return undefined;
    // A first packet is counted with its server.
    if (known !== undefined) this.#count(TRAFFIC_IN_SET, connection.id);
    this.#count(TRAFFIC_OUT_SET, connection.id);
    this.#scheduling.passed(table, connection.id, flow.source);
    return connection.address;
  }

  /** A server opens a connection to the outside: `ADDRESS:PORT`, as the outside sees it; `undefined` when it is dropped. */
  leave(packet: FakeDeparture): string | undefined {
    return departure(this.#tables.get(DATA_TABLE), this.#tables.get(GUARD_TABLE), packet, this.#taken);
  }

  /** An answer of a connection that is not known: where it is handed over to; `undefined` when it ends here. */
  answer(answer: FakeAnswer): Ipv4 | undefined {
    return handedOverTo(this.#tables.get(DATA_TABLE), answer);
  }

  /** Whoever deleted its entry has ended it. */
  #known(flow: FakeFlow): FakeConnection | undefined {
    return this.connections.of(tupleOf(flow)) && this.#connections.get(keyOf(flow));
  }

  /** What the server of a flow that is open sees as its client: `ADDRESS:PORT`. */
  sourceOf(flow: FakeFlow): string | undefined {
    return this.#connections.get(keyOf(flow))?.source;
  }

  #translate(flow: FakeFlow): FakeConnection | undefined {
    const table = this.#tables.get(DATA_TABLE);
    const endpoint = endpointElement(flow.vip, flow.protocol, flow.port);
    const marked = table?.sets.get(FWMARKS_MAP)?.elements.get(String(this.marks.get(endpoint)));
    const verdict = marked ?? table?.sets.get(SERVICES_MAP)?.elements.get(endpoint);
    if (table === undefined || verdict === undefined) return undefined;
    const names = namesByChain(verdict.replace(/^goto /, ''));
    const bump = (counter: string) => table.counters.set(counter, plusOne(table.counters.get(counter)));
    bump(names.newConnections);
    const id = this.#scheduling.choose(table, names, flow, bump);
    const address = parseIpv4(table.sets.get(names.servers)?.elements.get(id ?? '') ?? '');
    if (id === undefined || address === undefined) {
      bump(names.misses);
      return undefined;
    }
    this.#count(names.servers, id);
    const exhausted = () => this.connections.drop();
    const source = sourceSeen(table, flow, id, `${flow.protocol} ${address}:${flow.port}`, this.#taken, exhausted);
    return source === undefined ? undefined : { id, address, source };
  }

  #count(set: string, key: string): void {
    const table = this.#tables.get(DATA_TABLE);
    if (table !== undefined) count(table, set, key);
  }

  #perform(operation: Operation): void {
    if (operation.kind === 'add-table') {
      this.#tables.set(operation.table, {
        chains: new Map(),
        sets: new Map(),
        counters: new Map(),
        timeouts: new Map(),
      });
      return;
    }
    if (operation.kind === 'delete-table') {
      this.#tables.delete(operation.table);
      return;
    }
    const table = this.#tables.get(operation.table);
    if (table === undefined) throw new KernelError('nft-apply', { errno: 'ENOENT', table: operation.table });
    this.#change(table, operation);
  }

  #change(table: MutableTable, operation: Exclude<Operation, { kind: 'add-table' | 'delete-table' }>): void {
    const { name } = operation;
    switch (operation.kind) {
      case 'add-counter':
        table.counters.set(name, NO_TALLY);
        break;
      case 'add-timeout':
        table.timeouts.set(name, operation.policy);
        break;
      case 'delete-timeout':
        table.timeouts.delete(name);
        break;
      case 'delete-counter':
        table.counters.delete(name);
        break;
      case 'add-set':
        table.sets.set(name, {
          kind: operation.set,
          stamp: setStamp({ kind: operation.set, declaration: operation.declaration }),
          elements: new Map(),
          tallies: new Map(),
        });
        break;
      case 'delete-set':
        table.sets.delete(name);
        this.#scheduling.setDeleted(name);
        break;
      case 'add-chain':
        table.chains.set(name, { base: operation.base, stamps: [], shapes: [] });
        break;
      case 'flush-chain':
        table.chains.set(name, { base: table.chains.get(name)?.base, stamps: [], shapes: [] });
        break;
      case 'delete-chain':
        table.chains.delete(name);
        break;
      case 'set-rules':
        this.#scheduling.chainWritten(name);
        table.chains.set(name, {
          base: table.chains.get(name)?.base,
          stamps: operation.rules.map(this.refusedOffset === undefined ? ruleStamp : plainStamp),
          shapes: operation.rules.map((rule) => `${ruleText(rule)} ${typeof rule === 'string' ? '' : 'offset'}`),
        });
        break;
      case 'elements': {
        const set = table.sets.get(name);
        if (set === undefined) throw new KernelError('nft-apply', { errno: 'ENOENT', set: name });
        for (const key of operation.remove) {
          set.elements.delete(key);
          set.tallies.delete(key);
        }
        for (const [key, data] of operation.add) set.elements.set(key, data);
      }
    }
  }
}

export class FakeDataplane implements Dataplane {
  readonly name = 'fake';
  readonly kernel: FakeKernel;
  readonly #converger: Converger;

  constructor(kernel: FakeKernel = new FakeKernel()) {
    this.kernel = kernel;
    this.#converger = new Converger(kernel, atOnce);
  }

  async open(): Promise<void> {}

  async isPresent(): Promise<boolean> {
    const { tables } = await this.kernel.read();
    return tables.has(DATA_TABLE);
  }

  guard(desired: DesiredDataplane): Promise<readonly string[]> {
    return this.#converger.guard(desired);
  }

  watch(onForeignWrite: () => void): void {
    this.kernel.watchers.add(onForeignWrite);
  }

  apply(desired: DesiredDataplane): Promise<ApplyReport> {
    return this.#converger.apply(desired);
  }

  takeMisses(lifetime: Millis): Promise<void> {
    return this.#converger.takeMisses(lifetime);
  }

  serverId(service: string, address: Ipv4): number | undefined {
    return this.#converger.serverId(service, address);
  }

  counters(): Promise<DataplaneCounters> {
    return this.#converger.counters();
  }

  remembered(service: string, client: Ipv4): Promise<RememberedClient | undefined> {
    return this.#converger.remembered(service, client);
  }

  clients(service: string): Promise<readonly ServiceClient[]> {
    return this.#converger.clients(service);
  }

  remember(service: string, clients: readonly ServiceClient[]): Promise<void> {
    return this.#converger.remember(service, clients);
  }

  async remove(): Promise<readonly string[]> {
    await this.#converger.remove();
    return [];
  }

  async close(): Promise<void> {}
}
