/**
 * The turn that every data plane over nftables tables goes through: observe, plan, write, read back. The tables themselves
 * are behind `RulesetKernel`, so the turn is the same over the kernel and over the fake.
 *
 * It remembers two things between turns, both recoverable: how the tables were when it last looked, with the generation at
 * which they were so, and the server ids (else found in the tables). As long as the generation is the same nobody has
 * written, and what is remembered is what is there. Our own write is one step of the generation: when it took exactly one,
 * only what we wrote to is read back; when it took more, somebody else wrote as well, and everything is read.
 */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import { type CountingSets, readCounters } from '../../core/dataplane/counters.ts';
import type { ClientEntry } from '../../core/dataplane/explain/client-entry.ts';
import { DATA_TABLE, GUARD_TABLE, SECOND_CHANCE_SET, serviceNames } from '../../core/dataplane/names.ts';
import { nextGeneration } from '../../core/dataplane/nft/messages.ts';
import { describe } from '../../core/dataplane/nft/text.ts';
import { changesElementsOnly, type Operation, planSteps, setKey, touchedSets } from '../../core/dataplane/plan.ts';
import { isDirect } from '../../core/dataplane/rules/direct-table.ts';
import { widenedGuard } from '../../core/dataplane/rules/guard.ts';
import { NFTABLES_TABLES, type PlaneTables } from '../../core/dataplane/rules/plane.ts';
import { RulesetMemory } from '../../core/dataplane/rules/wanted.ts';
import {
  distrustEdited,
  type Found,
  type FoundSet,
  type Links,
  sameFound,
  shareElements,
  type Wanted,
  type WithElements,
  withPlainPorts,
} from '../../core/dataplane/ruleset.ts';
import { assignServerIds, type ServerIds } from '../../core/dataplane/server-ids.ts';
import type { DataplaneCounters, DesiredDataplane, DesiredService } from '../../core/model/dataplane.ts';
import { type ClientsKernel, rememberClients } from './clients.ts';
import type { ApplyReport, RememberedClient, ServiceClient } from './port.ts';
import type { Run } from './slices.ts';

/** What is known and need not be read; only good when the reading turns out to be of the generation that it is known for. */
export interface Kept {
  /** Tables whose chains, rules, counters and list of sets are as they were; `undefined` when these are to be read. */
  readonly structure: Found | undefined;
  /** `undefined` for a set whose elements are to be read. */
  set(table: string, name: string): FoundSet | undefined;
}

export const NOTHING_KEPT: Kept = { structure: undefined, set: () => undefined };

/** Our tables as they were at a generation; a table that does not exist is left out. */
export interface Reading {
  readonly tables: Found;
  /** `undefined` when somebody wrote while they were read, so that they may be as they never were at one time. */
  readonly generation: number | undefined;
}

/** Whoever holds the tables. */
export interface RulesetKernel extends ClientsKernel {
  /** Changes by one with every transaction on any table, whoever makes it, and by nothing else. */
  generation(): Promise<number>;
  read(kept?: Kept): Promise<Reading>;
  links(): Promise<Links>;
  /** Named counters of these tables, and their sets with their tallies. What is not there is left out. */
  readCounting(counting: CountingSets): Promise<Found>;
  /** One entry of a map of clients; `undefined` when there is none. */
  readClient(map: string, client: Ipv4): Promise<ClientEntry | undefined>;
  /**
   * All of it or nothing, as one transaction; then another one for the ports of rules that nft cannot write. Throws
   * `KernelError`.
   */
  write(operations: readonly Operation[]): Promise<Written>;
  /** One transaction of its own, on elements that no plan is about. Throws `KernelError`. */
  takeMisses(lifetime: Millis): Promise<void>;
}

export interface Written {
  /** By how much our own writing has changed the generation. */
  readonly transactions: number;
  /** The kernel refuses ports by offset, in these words; the rules are there without it. */
  readonly refusedOffset?: string;
}

const NOTHING: DesiredDataplane = { services: [], upstream: [] };

/** Elements to write that take long enough to matter where misses are taken for a few seconds. */
const LONG_TURN = 10_000;
/** Of a turn: written, read back and compared; some three times what a free machine needs (`npm run bench -- nftables`). */
const MILLIS_PER_ELEMENT = 0.1;
/** An agent may die in its turn: for so long at most its unknown packets are nobody's. */
const MOST_OUTLASTED: Millis = 20_000;

/** Is the service untouched by what could not be made to agree? Objects that are nobody's alone concern every service. */
function isProgrammed(service: string, names: ReadonlySet<string>, left: readonly Operation[]): boolean {
  const own = new Set<string>(Object.values(serviceNames(service)));
  return left.every((operation) => 'name' in operation && names.has(operation.name) && !own.has(operation.name));
}

function linkNames({ services, upstream, handOver }: DesiredDataplane): readonly string[] {
  const handsOver = handOver === undefined ? [] : [handOver.device];
  if (!services.some(isDirect)) return handsOver;
  return [...handsOver, ...upstream, ...services.flatMap(({ direct }) => direct?.device ?? [])];
}

/** Keeps ids of what is no longer wanted, so that a server which returns is the same one. */
function mergeIds(older: ServerIds, newer: ServerIds): ServerIds {
  const merged = new Map(older);
  for (const [service, ids] of newer) merged.set(service, new Map([...(older.get(service) ?? []), ...ids]));
  return merged;
}

export class Converger {
  readonly #kernel: RulesetKernel;
  readonly #run: Run;
  readonly #plane: PlaneTables;
  readonly #memory = new RulesetMemory();
  #known: Reading | undefined;
  /** As they last were, for comparison. */
  #links = '[]';
  #ids: ServerIds = new Map();
  #desired: DesiredDataplane = NOTHING;
  /** What the last turn was given and found, if there was nothing to do: with the same there is nothing to do again. */
  #calm: { readonly desired: DesiredDataplane; readonly tables: Found; readonly links: string } | undefined;
  /** What it has told. */
  #calmReport: ApplyReport = { programmed: [], operations: [], drift: false };
  /** For how long misses were taken last. */
  #missLifetime: Millis | undefined;
  /** Why ports are not by offset, once the kernel has refused that. It is not asked again. */
  #plainPorts: string | undefined;

  constructor(kernel: RulesetKernel, run: Run, plane: PlaneTables = NFTABLES_TABLES) {
    this.#kernel = kernel;
    this.#run = run;
    this.#plane = plane;
  }

  /** One turn. @throws KernelError when the tables cannot be read or written; then nothing was written */
  async apply(desired: DesiredDataplane): Promise<ApplyReport> {
    const before = this.#known?.tables;
    const links = await this.#linksOf(desired);
    const observed = await this.#observe();
    if (this.#isCalm(desired, observed)) return this.#calmReport;
    const drift = before !== undefined && !sameFound(observed.tables, before);

    const ids = assignServerIds(desired, observed.tables, this.#ids, (found) => this.#plane.recover(found));
    const wished = await this.#run(this.#plane.steps(desired, ids, observed.tables, this.#memory, links));
    const wanted = this.#plainPorts === undefined ? wished : withPlainPorts(wished);
    const found = await this.#run(shareElements(observed.tables, wanted));
    const trusted = before === undefined ? found : distrustEdited(found, before);
    const operations = await this.#run(planSteps(wanted, trusted));
    this.#known = { ...observed, tables: found };
    await this.#outlast(operations);
    const left = operations.length > 0 ? await this.#perform(operations, wanted, this.#known) : [];
    this.#ids = mergeIds(this.#ids, ids);
    this.#desired = desired;

    const names = new Set(desired.services.flatMap(({ name }) => Object.values(serviceNames(name))));
    const programmed = desired.services
      .filter((service) => isProgrammed(service.name, names, left) && this.#hasLink(service, links))
      .map(({ name }) => name);
    const plainPorts = this.#plainPorts === undefined ? {} : { plainPorts: this.#plainPorts };
    this.#calm = operations.length > 0 ? undefined : { desired, tables: this.#known.tables, links: this.#links };
    this.#calmReport = { programmed, operations: [], drift: false, ...plainPorts };
    return { ...this.#calmReport, operations: operations.map(describe), drift };
  }

  /** What is wished is the very object of the last turn, and what is there was not even read again. */
  #isCalm(desired: DesiredDataplane, observed: Reading): boolean {
    const calm = this.#calm;
    return calm?.desired === desired && calm.tables === observed.tables && calm.links === this.#links;
  }

  /**
   * The guard table, and more of it rather than less: `desired` is guarded, and whatever was so before. Nothing else is
   * touched. @throws KernelError
   */
  async guard(desired: DesiredDataplane): Promise<readonly string[]> {
    const observed = await this.#observe();
    const found = observed.tables.get(GUARD_TABLE);
    const wanted = new Map([[GUARD_TABLE, widenedGuard(this.#plane.guard(desired), found)]]);
    const operations = await this.#run(
      planSteps(wanted, found === undefined ? new Map() : new Map([[GUARD_TABLE, found]])),
    );
    this.#known = observed;
    if (operations.length === 0) return [];
    // The turn that follows reads everything, and calls nothing of this drift.
    this.#known = undefined;
    await this.#kernel.write(operations);
    return operations.map(describe);
  }

  /** As the port has it. @throws KernelError */
  async takeMisses(lifetime: Millis): Promise<void> {
    this.#missLifetime = lifetime;
    await this.#kernel.takeMisses(lifetime);
    await this.#stepped(1);
  }

  /**
   * Nobody can take misses while a turn writes and reads back. One that takes long takes them for as long, too, lest unknown packets go
   * by the hash meanwhile; the next to take them says for how long again.
   */
  async #outlast(operations: readonly Operation[]): Promise<void> {
    const lifetime = this.#missLifetime;
    const elements = operations.reduce((sum, one) => {
      return one.kind === 'elements' ? sum + one.add.size + one.remove.length : sum;
    }, 0);
    const canBeTaken = this.#known?.tables.get(DATA_TABLE)?.sets.has(SECOND_CHANCE_SET) === true;
    if (lifetime === undefined || elements < LONG_TURN || !canBeTaken) return;
    await this.#kernel.takeMisses(lifetime + Math.min(Math.round(elements * MILLIS_PER_ELEMENT), MOST_OUTLASTED));
    await this.#stepped(1);
  }

  /** As the port has it. @throws KernelError */
  async clients(service: string): Promise<readonly ServiceClient[]> {
    const entries = (await this.#kernel.readClients(serviceNames(service).clients)) ?? [];
    const servers = new Map([...(this.#ids.get(service) ?? [])].map(([address, id]) => [id, address]));
    return entries.flatMap(({ client, serverId, expiresIn }) => {
      const server = servers.get(serverId);
      return server === undefined ? [] : [{ client, server, expiresIn }];
    });
  }

  /** As the port has it. @throws KernelError */
  async remember(service: string, clients: readonly ServiceClient[]): Promise<void> {
    const ids = this.#ids.get(service);
    const wanted = clients.flatMap(({ client, server, expiresIn }) => {
      const serverId = ids?.get(server);
      return serverId === undefined ? [] : [{ client, serverId, expiresIn }];
    });
    await this.#stepped(await rememberClients(this.#kernel, serviceNames(service).clients, wanted));
  }

  /** We have written so many transactions that no plan is about: what is known stays known, unless somebody else wrote as well. */
  async #stepped(transactions: number): Promise<void> {
    const known = this.#known;
    if (known?.generation === undefined || transactions === 0) return;
    let ours = known.generation;
    for (let step = 0; step < transactions; step++) ours = nextGeneration(ours);
    if ((await this.#kernel.generation()) === ours) this.#known = { ...known, generation: ours };
  }

  /** Of the services last applied; a server that has left the file may be remembered yet. */
  async remembered(service: string, client: Ipv4): Promise<RememberedClient | undefined> {
    const entry = await this.#kernel.readClient(serviceNames(service).clients, client);
    const known = [...(this.#ids.get(service) ?? [])].find(([, id]) => id === entry?.serverId);
    return entry && known && { server: known[0], expiresIn: entry.expiresIn };
  }

  /** As last used, also of a server that is no longer wanted. */
  serverId(service: string, address: Ipv4): number | undefined {
    return this.#ids.get(service)?.get(address);
  }

  /** Of the services last applied. */
  async counters(): Promise<DataplaneCounters> {
    const desired = this.#desired;
    return readCounters(desired, this.#ids, await this.#kernel.readCounting(this.#plane.counting(desired)));
  }

  /** Deletes our tables. Connections that were translated go on being so until they end: conntrack holds their mapping. */
  async remove(): Promise<void> {
    const operations = await this.#run(planSteps(new Map(), (await this.#observe()).tables));
    this.#known = undefined;
    if (operations.length > 0) await this.#kernel.write(operations);
    this.#desired = NOTHING;
  }

  #hasLink(service: DesiredService, links: Links): boolean {
    const link = this.#plane.linkOf(service);
    return link === undefined || links.has(link);
  }

  /**
   * The links, where they matter. The chain of an interface may go with it, and an interface that comes back has another
   * index: neither is a step of the generation, so all is read when they have changed.
   */
  async #linksOf(desired: DesiredDataplane): Promise<Links> {
    const matter = new Set(linkNames(desired));
    const links = matter.size === 0 ? [] : [...(await this.#kernel.links())].filter(([name]) => matter.has(name));
    const text = JSON.stringify(links.toSorted());
    if (text !== this.#links && this.#known !== undefined) this.#known = { ...this.#known, generation: undefined };
    this.#links = text;
    return new Map(links);
  }

  /** What is known, when nobody has written since; else a new reading of everything. */
  async #observe(): Promise<Reading> {
    const known = this.#known;
    if (known === undefined) return this.#kernel.read();
    if (known.generation !== undefined && known.generation === (await this.#kernel.generation())) return known;
    return this.#share(await this.#kernel.read(), known.tables);
  }

  /** Writes, reads back, and says what is still to be done. */
  async #perform(operations: readonly Operation[], wished: Wanted, before: Reading): Promise<readonly Operation[]> {
    // If any of this fails we no longer know how we left the tables, and must not call the next sight of them drift.
    this.#known = undefined;
    const written = await this.#kernel.write(operations);
    this.#plainPorts ??= written.refusedOffset;
    const wanted = this.#plainPorts === undefined ? wished : withPlainPorts(wished);
    let after = await this.#share(await this.#readBack(operations, before, written.transactions), wanted);
    let left = await this.#run(planSteps(wanted, after.tables));
    if (left.length > 0) {
      // A dump of a set whose hash table the kernel is still enlarging after our write may lack elements: look once more.
      after = await this.#share(await this.#kernel.read(), wanted);
      left = await this.#run(planSteps(wanted, after.tables));
    }
    this.#known = after;
    return left;
  }

  async #readBack(operations: readonly Operation[], before: Reading, transactions: number): Promise<Reading> {
    const touched = touchedSets(operations);
    if (touched === undefined || before.generation === undefined) return this.#kernel.read();
    const kept: Kept = {
      structure: changesElementsOnly(operations) ? before.tables : undefined,
      set: (table, name) => (touched.has(setKey(table, name)) ? undefined : before.tables.get(table)?.sets.get(name)),
    };
    const reading = await this.#kernel.read(kept);
    // Somebody wrote as well, before or after us: what was kept may be no more.
    let ours = before.generation;
    for (let step = 0; step < transactions; step++) ours = nextGeneration(ours);
    return reading.generation === ours ? reading : this.#kernel.read();
  }

  async #share(reading: Reading, likely: WithElements): Promise<Reading> {
    return { ...reading, tables: await this.#run(shareElements(reading.tables, likely)) };
  }
}
