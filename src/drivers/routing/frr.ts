/**
 * The speaker `frr`: one routing instance of ours, announced by an OSPF process of an FRR that the operator runs.
 *
 * In: the prefixes to announce, what FRR was seen to say. Out: the wish for `FrrDaemon`, which all instances share, and
 * `SpeakerEvent`s as the built-in speaker has them.
 * Announced is what stands in an LSA of FRR's own. Interfaces, areas, timers, authentication and restarts are the operator's
 * configuration: compared with the cluster file and told where they differ, never changed.
 */
import { formatIpv4, formatPrefix, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Millis } from '../../core/base/machine.ts';
import type { FrrPrefix } from '../../core/frr/instance.ts';
import { asAnnounced } from '../../core/frr/wish.ts';
import type { FrrSettings } from '../../core/model/routing.ts';
import type {
  AnnouncedPrefix,
  InstanceConfig,
  InterfaceConfig,
  LsaFilter,
  NeighborView,
  OspfRoute,
  TakeOverView,
} from '../../core/ospf/events.ts';
import type { UpstreamQuery } from '../../core/ospf/instance.ts';
import { upstreamView } from '../../core/ospf/spf/upstream-view.ts';
import type { Clock } from '../../io/clock.ts';
import type { FrrDaemon } from './frr-daemon.ts';
import type { FrrClient } from './frr-member.ts';
import {
  type Announcers,
  ageOf,
  interfaceViews,
  lsaViews,
  neighborViews,
  otherAnnouncers,
  type ProcessView,
  redistributed,
  stubLinks,
} from './frr-views.ts';
import type { Speaker, SpeakerEvent, UpstreamRouter } from './port.ts';

export interface FrrSpeakerOptions {
  readonly instance: string;
  readonly config: InstanceConfig;
  readonly daemon: FrrDaemon;
  /** The number of `router ospf N`; undefined for the one without a number. */
  readonly process: number | undefined;
  readonly clock: Clock;
  /** How long what an earlier agent left may stay announced without being wished. */
  readonly keepInherited: Millis;
  readonly settings: Pick<FrrSettings, 'announce' | 'unverified'>;
}

/** How long an orderly stop waits until FRR has withdrawn everything. */
const STOP_LIMIT: Millis = 15_000;

export class FrrSpeaker implements Speaker, FrrClient {
  readonly instance: string;
  readonly name: string;
  readonly process: string;
  readonly area: Ipv4;
  readonly keepInherited: Millis;
  readonly #options: FrrSpeakerOptions;
  readonly #listeners: ((event: SpeakerEvent) => void)[] = [];
  #settings: readonly InterfaceConfig[];
  #wished: readonly AnnouncedPrefix[] = [];
  /** Every prefix that was wished in this life, as last wished. */
  readonly #ours = new Map<string, AnnouncedPrefix>();
  #announced: readonly AnnouncedPrefix[] = [];
  #view: ProcessView | undefined;
  #announcers: { readonly of: ProcessView['lsas']; readonly found: Announcers } | undefined;
  #isRunning = false;
  #onGone: (() => void) | undefined;
  readonly #greeted = new Set<string>();
  readonly #troubles = new Set<string>();

  constructor(options: FrrSpeakerOptions) {
    const { instance, config, process, keepInherited } = options;
    this.#options = options;
    this.instance = instance;
    this.name = instance;
    this.process = process === undefined ? '' : String(process);
    this.area = config.areaId;
    this.keepInherited = keepInherited;
    this.#settings = config.interfaces;
  }

  async start(): Promise<void> {
    this.#isRunning = true;
    this.#options.daemon.add(this);
  }

  configure(interfaces: readonly InterfaceConfig[]): void {
    this.#settings = interfaces;
    if (this.#isRunning) this.#options.daemon.look();
  }

  /** FRR has its keys from the operator. */
  setKeys(): void {}

  /** As the operator has configured it: `graceful-restart helper`. */
  helpAs(): void {}

  set(prefixes: readonly AnnouncedPrefix[]): void {
    this.#wished = prefixes;
    for (const one of prefixes) this.#ours.set(formatPrefix(one.prefix), one);
    if (this.#isRunning) this.#options.daemon.look();
  }

  wished(): readonly FrrPrefix[] {
    return this.#wished;
  }

  announced(): readonly AnnouncedPrefix[] {
    return this.#announced;
  }

  unknown(): string | undefined {
    return this.#options.daemon.unknown;
  }

  neighbors(): readonly NeighborView[] {
    return this.#view === undefined ? [] : neighborViews(this.#view, this.unknown());
  }

  interfaces() {
    const trouble = this.#options.settings.unverified ? UNVERIFIED : this.unknown();
    return interfaceViews(this.#options.config, this.#settings, this.#view, trouble);
  }

  lsdb(filter: LsaFilter = {}) {
    return this.#view === undefined ? [] : lsaViews(this.#view, filter, this.#options.clock.now());
  }

  /** FRR puts what it learns into the kernel itself. */
  routes(): readonly OspfRoute[] {
    return [];
  }

  otherAnnouncers(vip: Ipv4, below: number): readonly Ipv4[] {
    if (this.#view === undefined) return [];
    const { lsas } = this.#view;
    if (this.#announcers?.of !== lsas) this.#announcers = { of: lsas, found: otherAnnouncers(this.#view) };
    const routers = this.#announcers.found.byHost.get(vip)?.filter(({ metric }) => metric < below) ?? [];
    return [...new Set(routers.map(({ router }) => router))].sort((a, b) => a - b);
  }

  upstreamView(query: UpstreamQuery): readonly UpstreamRouter[] {
    const view = this.#view;
    if (view === undefined) return [];
    const now = this.#options.clock.now();
    const lsas = view.lsas.filter((lsa) => ageOf(lsa, view, now) < MAX_AGE);
    const full = new Set(view.neighbors.flatMap(({ state, routerId }) => (state === 'full' ? [routerId] : [])));
    return upstreamView({ ...query, lsas }).map((router) => ({ ...router, reachable: full.has(router.router) }));
  }

  counters(): Readonly<Record<string, number>> {
    return this.#options.daemon.allCounters();
  }

  takeOver(): TakeOverView | undefined {
    const { prefixes, left } = this.#options.daemon.inherited(this.name);
    if (prefixes === 0) return undefined;
    return { planned: false, left, waitingFor: [`${prefixes} prefixes to be announced again`] };
  }

  onEvent(listener: (event: SpeakerEvent) => void): void {
    this.#listeners.push(listener);
  }

  async stop(): Promise<void> {
    if (!this.#isRunning) return;
    this.#wished = [];
    const { daemon, clock } = this.#options;
    await new Promise<void>((resolve) => {
      const cancel = clock.after(STOP_LIMIT, () => this.#onGone?.());
      this.#onGone = () => {
        cancel();
        resolve();
      };
      daemon.leave(this.name);
    });
    this.#isRunning = false;
    daemon.remove(this.name);
    if (this.#announced.length > 0) {
      this.#emit({ kind: 'fault', message: `FRR still announces: ${this.#announced.map(textOf).join(', ')}` });
    }
  }

  /** FRR keeps the adjacencies and goes on announcing: there is nothing to ask of the neighbors. */
  async handOver(): Promise<void> {
    this.#isRunning = false;
    this.#options.daemon.handOver();
  }

  looked(): boolean {
    const { daemon } = this.#options;
    const before = this.#view;
    this.#view = daemon.process(this.process);
    this.#hearAnnounced();
    if (this.#view !== undefined && this.#view !== before) {
      for (const event of differences(before, this.#view)) this.#emit(event);
      this.#greet(this.#view);
      // That it did not answer a moment ago is no trouble of an interface.
      if (this.unknown() === undefined) this.#hearTroubles();
    }
    const isSettled = this.unknown() !== undefined || this.#isAsWished();
    const isGone = isSettled && this.#announced.length === 0 && daemon.hasLeft(this.name);
    // One that does not answer is not waited for.
    if (isGone || this.unknown() !== undefined) this.#onGone?.();
    return isSettled;
  }

  tell(message: string): void {
    this.#emit({ kind: 'fault', message });
  }

  #hearAnnounced(): void {
    const { alone, stubs } = this.#shown();
    const announced = [...this.#ours].flatMap(([text, one]): AnnouncedPrefix[] => {
      const { lsa } = asAnnounced(one, this.#options.settings.announce);
      const found = (lsa.kind === 'stub' ? stubs : alone).get(text);
      return found === undefined ? [] : [{ ...one, ...found }];
    });
    if (JSON.stringify(announced) === JSON.stringify(this.#announced)) return;
    this.#announced = announced;
    this.#emit({ kind: 'announced', prefixes: announced });
  }

  #shown(): Record<'alone' | 'stubs', ReadonlyMap<string, Pick<AnnouncedPrefix, 'metric' | 'lsa'>>> {
    const { daemon, settings } = this.#options;
    if (settings.unverified) {
      const configured = daemon.configured(this.name).map((one) => [textOf(one), one] as const);
      const isStub = ([, { lsa }]: (typeof configured)[number]) => lsa.kind === 'stub';
      return { stubs: new Map(configured.filter(isStub)), alone: new Map(configured.filter((one) => !isStub(one))) };
    }
    if (this.#view === undefined) return { alone: new Map(), stubs: new Map() };
    return { alone: redistributed(this.#view), stubs: stubLinks(this.#view) };
  }

  #isAsWished(): boolean {
    if (this.#announced.length !== this.#wished.length) return false;
    const metrics = new Map(this.#announced.map((one) => [textOf(one), one.metric]));
    return this.#wished.every((one) => metrics.get(textOf(one)) === one.metric);
  }

  #greet({ interfaces }: ProcessView): void {
    for (const { name, state } of interfaces) {
      if (state === 'down' || state === 'passive' || this.#greeted.has(name)) continue;
      if (!this.#settings.some((one) => one.name === name)) continue;
      this.#greeted.add(name);
      this.#emit({ kind: 'hello', interface: name });
    }
  }

  /** Each thing that FRR does otherwise than the file says is told once, and again when it has been right in between. */
  #hearTroubles(): void {
    const { config } = this.#options;
    const found = this.interfaces().flatMap(({ name, troubles }) => troubles.map((trouble) => `${name}: ${trouble}`));
    const { routerId } = this.#view?.summary ?? config;
    if (routerId !== config.routerId) {
      found.push(`FRR has router id ${formatIpv4(routerId)}, the cluster file says ${formatIpv4(config.routerId)}`);
    }
    for (const message of found) if (!this.#troubles.has(message)) this.#emit({ kind: 'fault', message });
    this.#troubles.clear();
    for (const message of found) this.#troubles.add(message);
  }

  #emit(event: SpeakerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

const MAX_AGE = 3600;
const UNVERIFIED = 'nothing is read back (routing.frr.unverified)';

function textOf({ prefix }: Pick<AnnouncedPrefix, 'prefix'>): string {
  return formatPrefix(prefix);
}

/** What has happened between two looks. */
function* differences(before: ProcessView | undefined, after: ProcessView): Iterable<SpeakerEvent> {
  const interfaces = new Map(before?.interfaces.map((one) => [one.name, one.state]));
  for (const { name, state } of after.interfaces) {
    const from = interfaces.get(name) ?? 'down';
    if (from !== state) yield { kind: 'interface', interface: name, from, to: state };
    interfaces.delete(name);
  }
  for (const [name, from] of interfaces)
    if (from !== 'down') yield { kind: 'interface', interface: name, from, to: 'down' };
  const keyOf = (row: ProcessView['neighbors'][number]) => `${row.interface} ${row.routerId} ${row.address}`;
  const neighbors = new Map(before?.neighbors.map((row) => [keyOf(row), row]));
  const changed = (row: ProcessView['neighbors'][number], from: string, to: string): SpeakerEvent => {
    const [routerId, address] = [formatIpv4(row.routerId), formatIpv4(row.address)];
    return { kind: 'neighbor', interface: row.interface, routerId, address, from, to, reason: 'seenInFrr' };
  };
  for (const row of after.neighbors) {
    const from = neighbors.get(keyOf(row))?.state ?? 'down';
    if (from !== row.state) yield changed(row, from, row.state);
    neighbors.delete(keyOf(row));
  }
  for (const row of neighbors.values()) if (row.state !== 'down') yield changed(row, row.state, 'down');
}
