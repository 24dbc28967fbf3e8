/**
 * Keeps the data plane as wished and knows what of it is really there.
 *
 * In: the desired data plane, whenever it may have changed. Out: events, and `onChange` whenever the answer of `isProgrammed`
 * may have changed. A refusal leaves what was known to be programmed as it is: nothing was written.
 */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { DataplaneCounters, DesiredDataplane, DesiredService, GuardCounters } from '../../core/model/dataplane.ts';
import type { ApplyReport, Dataplane } from '../../drivers/dataplane/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Reconciler } from './reconciler.ts';

export interface Counters extends DataplaneCounters {
  /** When they were read. */
  readonly at: Instant;
}

const NOTHING_DROPPED: GuardCounters = {
  vipUnknown: 0,
  serverUntranslated: 0,
  transit: 0,
  lipUnknown: 0,
  poolUnknown: 0,
  egressUntranslated: 0,
  serverFull: 0,
};

export interface DataplaneKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly dataplane: Dataplane;
  onChange(): void;
}

/** How often a data plane that nobody changed is compared with the kernel. */
const DRIFT_CHECK = 1000;
/** Counters younger than this are not read again. */
const COUNTERS_AGE = 900;
/** An event names this many operations; the rest are counted. */
const SHOWN_OPERATIONS = 10;

export class DataplaneKeeper {
  readonly #options: DataplaneKeeperOptions;
  readonly #reconciler: Reconciler<DesiredDataplane, ApplyReport>;
  /** Only until the guard is there; after that it is part of what is applied. */
  readonly #guard: Reconciler<DesiredDataplane, readonly string[]>;
  /** By service name: what it was wished to be when it was last read back as programmed. */
  #programmed = new Map<string, string>();
  #vips: ReadonlySet<Ipv4> = new Set();
  #guarded: ReadonlySet<Ipv4> | undefined;
  #lastApply: Instant | undefined;
  /** When the last check was made because somebody wrote. */
  #hurried: Instant = Number.NEGATIVE_INFINITY;
  #fault: string | undefined;
  #plainPorts: string | undefined;
  #foreign: readonly string[] = [];
  #counters: Counters = {
    at: Number.NEGATIVE_INFINITY,
    services: [],
    servers: [],
    fullnat: { noBlock: 0, handedOver: 0 },
    guard: NOTHING_DROPPED,
  };
  #sampling: Promise<Counters> | undefined;

  constructor(options: DataplaneKeeperOptions) {
    this.#options = options;
    this.#reconciler = new Reconciler({
      clock: options.clock,
      recheck: DRIFT_CHECK,
      apply: (desired) => options.dataplane.apply(desired),
      onApplied: (desired, report) => this.#applied(desired, report),
      onFault: (error, retryIn) => this.#refused(error, retryIn),
    });
    this.#guard = new Reconciler({
      clock: options.clock,
      recheck: DRIFT_CHECK,
      apply: (desired) => options.dataplane.guard(desired),
      onApplied: (desired, operations) => this.#guards(desired, operations),
      onFault: (error, retryIn) => this.#refused(error, retryIn),
    });
  }

  get name(): string {
    return this.#options.dataplane.name;
  }

  /** `t` of the last apply that succeeded. */
  get lastApply(): Instant | undefined {
    return this.#lastApply;
  }

  /** Why the last apply was refused, until one succeeds. */
  get fault(): string | undefined {
    return this.#fault;
  }

  /** Why source ports cannot be predicted, where the kernel refuses them by offset. */
  get plainPorts(): string | undefined {
    return this.#plainPorts;
  }

  /** Services in the kernel that are not ours, where it has such. */
  get foreign(): readonly string[] {
    return this.#foreign;
  }

  /** For a start, before anything leads packets here. A refusal is told and tried again. */
  guard(desired: DesiredDataplane): void {
    this.#guard.want(desired);
    try {
      this.#options.dataplane.watch(() => this.#hurry());
    } catch (error) {
      this.#report(error, undefined);
    }
  }

  /**
   * The VIPs for which nothing is answered that no connection here translates: nothing should lead packets of others here.
   * `undefined` until the first are guarded.
   */
  get guarded(): ReadonlySet<Ipv4> | undefined {
    return this.#guarded;
  }

  /** The id that stands for a server in the marks of its connections; undefined before it was applied. */
  serverId(service: string, address: Ipv4): number | undefined {
    return this.#options.dataplane.serverId(service, address);
  }

  want(desired: DesiredDataplane): void {
    this.#reconciler.want(desired);
  }

  /** Something that it rests on has changed: looks now. */
  recheck(): void {
    this.#reconciler.recheck();
  }

  /** Was this service, with these VIPs, ports and servers, read back from the kernel? */
  isProgrammed(service: DesiredService): boolean {
    return this.#programmed.get(service.name) === shapeOf(service);
  }

  /** The services that were read back as they were wished last. */
  programmed(): readonly string[] {
    return [...this.#programmed.keys()];
  }

  /** The VIPs that something in the kernel is for, as far as is known. */
  vips(): ReadonlySet<Ipv4> {
    return this.#vips;
  }

  /** Reads the counters, unless they are younger than `maxAge`; on a refusal the last known ones. */
  sample(maxAge: Millis = COUNTERS_AGE): Promise<Counters> {
    if (this.#sampling !== undefined) return this.#sampling;
    if (this.#options.clock.now() - this.#counters.at < maxAge) return Promise.resolve(this.#counters);
    this.#sampling = this.#read().finally(() => {
      this.#sampling = undefined;
    });
    return this.#sampling;
  }

  /** Removes everything that is ours from the kernel; nothing is applied after that. Returns which settings were put back. */
  async remove(): Promise<readonly string[]> {
    await this.close();
    try {
      const restored = await this.#options.dataplane.remove();
      this.#forget(new Set());
      return restored;
    } catch (error) {
      this.#report(error, undefined);
      return [];
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#reconciler.close(), this.#guard.close()]);
  }

  async #read(): Promise<Counters> {
    try {
      const counters = await this.#options.dataplane.counters();
      this.#counters = { at: this.#options.clock.now(), ...counters };
    } catch (error) {
      this.#report(error, undefined);
    }
    return this.#counters;
  }

  /** Somebody has written to some table: a look now instead of at the next check, though no oftener than that. */
  #hurry(): void {
    const now = this.#options.clock.now();
    if (now - this.#hurried < DRIFT_CHECK) return;
    this.#hurried = now;
    this.#reconciler.recheck();
  }

  #guards(desired: DesiredDataplane, operations: readonly string[]): void {
    void this.#guard.close();
    this.#guarded ??= new Set(vipsOf(desired.services));
    this.#fault = undefined;
    if (operations.length > 0) this.#options.events.emit('dataplane-guarded', shownOperations(operations));
    this.#options.onChange();
  }

  #applied(desired: DesiredDataplane, report: ApplyReport): void {
    const { events, clock } = this.#options;
    this.#lastApply = clock.now();
    this.#refusedInPart(report.refused);
    this.#tellForeign(report.foreign ?? []);
    if (report.plainPorts !== undefined && this.#plainPorts === undefined) {
      events.emit('port-offset-refused', { message: report.plainPorts });
    }
    this.#plainPorts = report.plainPorts;
    const operations = shownOperations(report.operations);
    if (report.drift) events.emit('dataplane-drift', operations);
    const before = this.#programmed;
    const names = new Set(report.programmed);
    const there = desired.services.filter(({ name }) => names.has(name));
    this.#programmed = new Map(there.map((service) => [service.name, shapeOf(service)]));
    const fresh = there.filter(({ name }) => before.get(name) !== this.#programmed.get(name));
    if (fresh.length > 0 || report.operations.length > 0) {
      const vips = vipsOf(there).map(formatIpv4);
      events.emit('dataplane-programmed', { services: there.map(({ name }) => name), vips, ...operations });
    }
    void this.#guard.close();
    this.#guarded = new Set(vipsOf(desired.services));
    this.#forget(this.#guarded);
    this.#options.onChange();
  }

  /** What was refused of single services stays a fault until it is done. */
  #refusedInPart([first, ...more]: readonly string[] = []): void {
    if (first === undefined) this.#fault = undefined;
    else this.#report(new Error(more.length === 0 ? first : `${first} (and ${more.length} more)`), undefined);
  }

  #tellForeign(foreign: readonly string[]): void {
    if (foreign.join() === this.#foreign.join()) return;
    this.#foreign = foreign;
    this.#options.events.emit('dataplane-foreign', { services: foreign });
  }

  /** These VIPs are left in the kernel. */
  #forget(vips: ReadonlySet<Ipv4>): void {
    for (const vip of this.#vips) {
      if (!vips.has(vip)) this.#options.events.emit('vip-unprogrammed', { vip: formatIpv4(vip) });
    }
    this.#vips = vips;
  }

  #refused(error: unknown, retryIn: Millis): void {
    this.#report(error, retryIn);
    this.#options.onChange();
  }

  /** The same refusal again is not news. */
  #report(error: unknown, retryIn: Millis | undefined): void {
    const message = messageOf(error);
    if (message === this.#fault) return;
    this.#fault = message;
    this.#options.events.emit('dataplane-fault', retryIn === undefined ? { message } : { message, retryIn });
  }
}

/** What of a service must be in the kernel before it counts as there; which servers are up or on their way out is not part of it. */
function shapeOf({ vips, ports, protocol, fwmark, servers, direct, fullnat = false }: DesiredService): string {
  const slotHolders = servers.flatMap(({ address, weight }) => (weight === 0 ? [] : [address]));
  return JSON.stringify([vips, protocol, ports, fwmark ?? 0, fullnat, slotHolders, direct]);
}

function vipsOf(services: readonly DesiredService[]): Ipv4[] {
  return [...new Set(services.flatMap(({ vips }) => vips))];
}

function shownOperations(operations: readonly string[]) {
  return { count: operations.length, operations: operations.slice(0, SHOWN_OPERATIONS) };
}
