/**
 * The turn over IPVS: observe, plan, perform, read back. What nftables holds beside it has a turn of its own (`converge.ts`).
 *
 * Between turns it remembers how it left the services, so that it can say that somebody else has written; and in a file which are
 * ours, before one is made. There is no generation here: what is as wished is looked at again and again (`glance.ts`), and read
 * whole as soon as that shows a difference.
 */
import type { Ipv4 } from '../../../core/base/ipv4.ts';
import { type WishedService, wishedServices, wishedTimeouts } from '../../../core/dataplane/ipvs/desired.ts';
import { type IpvsMemory, NOTHING_OWNED, sameIpvsMemory } from '../../../core/dataplane/ipvs/own.ts';
import {
  describeIpvs,
  type IpvsOperation,
  planIpvs,
  planTimeouts,
  sharesOf,
} from '../../../core/dataplane/ipvs/plan.ts';
import { allServers } from '../../../core/hash/service-table.ts';
import type { DesiredDataplane, ServerCounters, ServiceCounters } from '../../../core/model/dataplane.ts';
import { type IpvsServiceKey, serviceKeyText } from '../../../core/netlink/ipvs/service.ts';
import type { IpvsTimeouts } from '../../../core/netlink/ipvs/settings.ts';
import { type IpvsStatistics, NO_STATISTICS } from '../../../core/netlink/ipvs/statistics.ts';
import { KernelError } from '../../../io/kernel-error.ts';
import { type Budget, Glance, sameFound } from './glance.ts';
import type { FoundService, IpvsKernel, IpvsReading, RefusedOperation } from './kernel.ts';

/** Keeps what is ours beyond the end of the process. */
export interface OwnedServices {
  read(): Promise<IpvsMemory>;
  write(memory: IpvsMemory): Promise<void>;
}

/** As long as the process lives. */
export const OWNED_HERE: () => OwnedServices = () => {
  let kept = NOTHING_OWNED;
  return {
    read: async () => kept,
    write: async (memory) => {
      kept = memory;
    },
  };
};

/** What a turn has done. */
export interface IpvsReport {
  /** By name in the file: all of their services are in the kernel as wished. */
  readonly programmed: readonly string[];
  readonly operations: readonly string[];
  readonly drift: boolean;
  /** Services that are not ours, by their keys. */
  readonly foreign: readonly string[];
  readonly refused: readonly RefusedOperation[];
}

/** While destinations are deleted to be added again, their connections must outlive that. */
export type WithoutExpiry = <T>(work: () => Promise<T>) => Promise<T>;

export class IpvsServices {
  readonly #kernel: IpvsKernel;
  readonly #owned: OwnedServices;
  readonly #withoutExpiry: WithoutExpiry;
  readonly #glance: Glance;
  #memory: IpvsMemory | undefined;
  /** How the services were left. */
  #left: IpvsReading['services'] | undefined;
  /** As they were before they were first changed. */
  #timeoutsBefore: IpvsTimeouts | undefined;
  /** Of `#desired`, which is the very same object as long as nothing is wished anew. */
  #wished: readonly WishedService[] = [];
  #desired: DesiredDataplane | undefined;
  /** Of the last turn that went to its end. */
  #settled: DesiredDataplane | undefined;
  /** What there is to tell as long as that one holds; `undefined` when there is anything left to do or to wait for. */
  #calm: IpvsReport | undefined;

  constructor(kernel: IpvsKernel, owned: OwnedServices, withoutExpiry: WithoutExpiry, budget: Budget) {
    this.#kernel = kernel;
    this.#owned = owned;
    this.#withoutExpiry = withoutExpiry;
    this.#glance = new Glance(kernel, budget);
  }

  /**
   * One turn. `between`: what has to be done after services were taken away and before new ones come.
   *
   * @throws KernelError when the kernel cannot be asked; what it refuses of single services is in the report
   */
  async apply(desired: DesiredDataplane, between: () => Promise<void> = async () => {}): Promise<IpvsReport> {
    if (desired === this.#settled && this.#calm !== undefined && (await this.#holds(desired))) {
      await between();
      return this.#calm;
    }
    this.#calm = undefined;
    const wished = this.#wishedOf(desired);
    const memory = await this.#remember(wished);
    await this.#glance.look();
    const before = await this.#kernel.read((key) => memory.own.has(key));
    const drift = this.#left !== undefined && !sameReading(this.#left, before.services);
    const { removal, rest } = planIpvs(wished, before.services, memory.own, memory.shares);
    const timeouts = planTimeouts(wishedTimeouts(desired), await this.#knownTimeouts());
    // Until all is read back nobody knows how the services are.
    this.#left = undefined;
    const gone = await this.#perform(removal);
    // What was there already, and is to come back, has its guard: it need not wait for a look at the tables.
    const isRepair = desired === this.#settled;
    this.#settled = undefined;
    if (!isRepair) await between();
    const refused = [...gone, ...(await this.#perform([...timeouts, ...rest]))];
    if (isRepair) await between();
    const operations = [...removal, ...timeouts, ...rest];
    const after = operations.length === 0 ? before : await this.#readBack(memory);
    const shares = sharesOf(wished, after.services);
    await this.#write({ own: new Set(wished.map(({ key }) => serviceKeyText(key))), shares });
    this.#left = after.services;
    this.#settled = desired;
    // What was found to be as wished needs no second look.
    const left = operations.length === 0 ? [] : planIpvs(wished, after.services, new Set(), shares).rest;
    const programmed = programmedOf(wished, left);
    const report = { programmed, operations: operations.map(describeIpvs), drift, foreign: after.foreign, refused };
    if (left.length === 0 && refused.length === 0 && waitsForNothing(wished, after.services)) {
      this.#glance.settle(after.services.values());
      this.#calm = { ...report, operations: [], drift: false };
    }
    return report;
  }

  /** Is anything of ours there? */
  async isPresent(): Promise<boolean> {
    const { own } = await this.#known();
    if (own.size === 0) return false;
    return (await this.#kernel.read((key) => own.has(key))).services.size > 0;
  }

  /** Of what was applied last. */
  async counters(desired: DesiredDataplane): Promise<IpvsCounters> {
    const { own } = await this.#known();
    const { services } = await this.#kernel.read((key) => own.has(key), true);
    return countersOf(desired, this.#wished, services);
  }

  /** Takes all services of ours away; their connections end with them. Returns what was put back, one printable line each. */
  async remove(): Promise<readonly string[]> {
    const { own } = await this.#known();
    const { services } = await this.#kernel.read((key) => own.has(key));
    const { removal } = planIpvs([], services, own, new Map());
    const refused = await this.#perform(removal);
    if (refused[0] !== undefined) throw refusal(refused[0]);
    const told =
      this.#timeoutsBefore === undefined ? [] : planTimeouts(this.#timeoutsBefore, await this.#kernel.timeouts());
    await this.#perform(told);
    this.#timeoutsBefore = undefined;
    this.#left = undefined;
    this.#wished = [];
    this.#desired = undefined;
    this.#settled = undefined;
    this.#calm = undefined;
    await this.#write(NOTHING_OWNED);
    return told.map(describeIpvs);
  }

  /** Is all as it was left, and left as wished? */
  async #holds(desired: DesiredDataplane): Promise<boolean> {
    if (!(await this.#glance.holds())) return false;
    return planTimeouts(wishedTimeouts(desired), await this.#knownTimeouts()).length === 0;
  }

  async #readBack({ own }: IpvsMemory): Promise<IpvsReading> {
    await this.#glance.look();
    return this.#kernel.read((key) => own.has(key));
  }

  #wishedOf(desired: DesiredDataplane): readonly WishedService[] {
    if (desired !== this.#desired) this.#wished = wishedServices(desired);
    this.#desired = desired;
    return this.#wished;
  }

  async #knownTimeouts(): Promise<IpvsTimeouts> {
    const timeouts = await this.#kernel.timeouts();
    this.#timeoutsBefore ??= timeouts;
    return timeouts;
  }

  async #perform(operations: readonly IpvsOperation[]): Promise<readonly RefusedOperation[]> {
    if (operations.length === 0) return [];
    const reorders = operations.some((one) => one.kind === 'delete-destination' && one.returns);
    const work = () => this.#kernel.perform(operations);
    return reorders ? this.#withoutExpiry(work) : work();
  }

  async #known(): Promise<IpvsMemory> {
    this.#memory ??= await this.#owned.read();
    return this.#memory;
  }

  /** What is wished is ours from now on: written before it is made, lest it outlive us unknown. */
  async #remember(wished: readonly WishedService[]): Promise<IpvsMemory> {
    const { own, shares } = await this.#known();
    await this.#write({ own: new Set([...own, ...wished.map(({ key }) => serviceKeyText(key))]), shares });
    return this.#known();
  }

  async #write(memory: IpvsMemory): Promise<void> {
    if (sameIpvsMemory(memory, await this.#known())) return;
    await this.#owned.write(memory);
    this.#memory = memory;
  }
}

export type IpvsCounters = {
  readonly services: readonly ServiceCounters[];
  readonly servers: readonly ServerCounters[];
};

function refusal({ operation, errno }: RefusedOperation): KernelError {
  return new KernelError(`ipvs-${operation.kind}`, { errno, text: describeIpvs(operation) });
}

/** As an error would read that names the request. */
export function refusalText(refused: RefusedOperation): string {
  return refusal(refused).message;
}

/** The services of which nothing is left to do. */
function programmedOf(wished: readonly WishedService[], left: readonly IpvsOperation[]): readonly string[] {
  const open = new Set(left.map((operation) => serviceKeyText(keyOf(operation)!)));
  const names = new Map<string, boolean>();
  for (const { name, key } of wished) {
    names.set(name, (names.get(name) ?? true) && !open.has(serviceKeyText(key)));
  }
  return [...names].filter(([, isThere]) => isThere).map(([name]) => name);
}

function keyOf(operation: IpvsOperation): IpvsServiceKey | undefined {
  if (operation.kind === 'set-timeouts') return undefined;
  return 'service' in operation ? operation.service.key : operation.key;
}

/** Did nobody write between two readings? What counts is left out. */
function sameReading(a: IpvsReading['services'], b: IpvsReading['services']): boolean {
  if (a.size !== b.size) return false;
  for (const [key, service] of a) if (!sameFound(service, b.get(key))) return false;
  return true;
}

/** A destination that nobody wishes goes when its connections have ended, which no listing of the kernel's tells. */
function waitsForNothing(wished: readonly WishedService[], found: IpvsReading['services']): boolean {
  return wished.every(({ key, destinations }) => {
    return found.get(serviceKeyText(key))?.destinations.length === destinations.length;
  });
}

function traffic({ packetsIn, bytesIn, packetsOut, bytesOut }: IpvsStatistics) {
  return { packetsIn, bytesIn, packetsOut, bytesOut };
}

function sum(all: readonly IpvsStatistics[]): IpvsStatistics {
  return all.reduce(
    (a, b) => ({
      connections: a.connections + b.connections,
      packetsIn: a.packetsIn + b.packetsIn,
      packetsOut: a.packetsOut + b.packetsOut,
      bytesIn: a.bytesIn + b.bytesIn,
      bytesOut: a.bytesOut + b.bytesOut,
    }),
    NO_STATISTICS,
  );
}

function countersOf(
  { services }: DesiredDataplane,
  wished: readonly WishedService[],
  found: ReadonlyMap<string, FoundService>,
): IpvsCounters {
  const byName = new Map<string, FoundService[]>();
  for (const { name, key } of wished) {
    const there = found.get(serviceKeyText(key));
    if (there !== undefined) byName.set(name, [...(byName.get(name) ?? []), there]);
  }
  const ofServer = (name: string, address: Ipv4) =>
    sum(
      (byName.get(name) ?? []).flatMap(({ destinations }) =>
        destinations.filter((one) => one.address === address).map(({ statistics }) => statistics),
      ),
    );
  return {
    services: services.map(({ name }) => {
      const total = sum((byName.get(name) ?? []).map(({ statistics }) => statistics));
      // The kernel does not say how often it found no server, nor does it bound the clients that it remembers.
      return { service: name, newConnections: total.connections, misses: 0, persistenceFull: 0, ...traffic(total) };
    }),
    servers: services.flatMap((service) =>
      allServers(service).map((server) => {
        const own = ofServer(service.name, server.address);
        return { service: service.name, server: server.name, newConnections: own.connections, ...traffic(own) };
      }),
    ),
  };
}
