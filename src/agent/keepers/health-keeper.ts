/**
 * Runs the health checks: the shell around `HealthScheduler`. Probes are started and ended here; what they mean for a server
 * of a service is answered here; when to probe and what makes a verdict is the core's.
 *
 * Out: `server-state` events, and `onChange` when some answer may have changed.
 */
import type { ServerDocument } from '../../api/documents.ts';
import type { Instant, Millis } from '../../core/base/machine.ts';
import { type HealthEffect, HealthScheduler, type TargetView } from '../../core/health/checker.ts';
import type { Verdict } from '../../core/health/rise-fall.ts';
import { type HealthTarget, healthTarget, targetKey } from '../../core/health/target.ts';
import type { RealServer, Service } from '../../core/model/cluster.ts';
import type { Clock } from '../../io/clock.ts';
import { DeadlineTimer } from '../../io/deadline-timer.ts';
import type { ProbeResult, ProbeTarget } from '../../io/probes.ts';
import type { EventLog } from '../events.ts';

/** Starts a probe, reports once, later; the returned function cancels it. */
export type StartProbe = (target: ProbeTarget, timeout: Millis, onResult: (result: ProbeResult) => void) => () => void;

export interface HealthKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly startProbe: StartProbe;
  /** What an agent that was killed a moment ago had found; else `unknown`. */
  readonly lastVerdict: (target: HealthTarget) => Verdict;
  onChange(): void;
}

export class HealthKeeper {
  readonly #options: HealthKeeperOptions;
  readonly #scheduler = new HealthScheduler();
  readonly #timer: DeadlineTimer;
  readonly #running = new Map<string, () => void>();
  #services: readonly Service[] = [];
  /** By service and its servers: until when the first verdicts are waited for. */
  readonly #patience = new Map<string, Instant>();
  #cancelPatience: (() => void)[] = [];
  /** By target: what the agent before us had found. */
  readonly #inheritance = new Map<string, Verdict>();

  constructor(options: HealthKeeperOptions) {
    this.#options = options;
    this.#timer = new DeadlineTimer(options.clock, () =>
      this.#perform(this.#scheduler.handle({ kind: 'timer' }, this.#now())),
    );
  }

  /** All services from now on, old and new versions of one alike; servers that stay keep their verdicts. */
  configure(services: readonly Service[]): void {
    this.#services = services;
    const keys = new Set(services.map(versionKey));
    for (const key of this.#patience.keys()) if (!keys.has(key)) this.#patience.delete(key);
    for (const service of services) if (!this.#patience.has(versionKey(service))) this.#waitFor(service);
    const targets = services.flatMap((service) => service.servers.flatMap((server) => targetOf(service, server) ?? []));
    this.#inherit(targets);
    this.#perform(this.#scheduler.handle({ kind: 'configure', targets }, this.#now()));
  }

  /**
   * A server without a check is up. One whose check has no verdict yet is what it was to the agent before us, as long as the
   * first verdicts may take; else `unknown`.
   */
  state(service: Service, server: RealServer): ServerDocument['state'] {
    const target = targetOf(service, server);
    if (target === undefined) return 'up';
    const verdict = this.#scheduler.verdict(targetKey(target));
    return verdict === 'unknown' && this.#isPatient(service) ? this.#inherited(target) : verdict;
  }

  /**
   * Is enough known about the service to hash by it? Else a start would send everything to the server that answered first,
   * and take its neighbors' flows away from servers that are well. What is unknown after a while counts as down.
   */
  isSettled(service: Service): boolean {
    if (!this.#isPatient(service)) return true;
    return service.servers.every((server) => this.state(service, server) !== 'unknown');
  }

  /** What our own checks have found, by target. */
  verdicts(): Readonly<Record<string, 'up' | 'down'>> {
    const known = this.#scheduler.views(this.#now()).flatMap(({ key, verdict }) => {
      return verdict === 'unknown' ? [] : [[key, verdict] as const];
    });
    return Object.fromEntries(known);
  }

  views(): ReadonlyMap<string, TargetView> {
    return new Map(this.#scheduler.views(this.#now()).map((view) => [view.key, view]));
  }

  stop(): void {
    this.#timer.set(undefined);
    for (const cancel of [...this.#running.values(), ...this.#cancelPatience]) cancel();
    this.#running.clear();
  }

  #now(): Instant {
    return this.#options.clock.now();
  }

  #inherit(targets: readonly HealthTarget[]): void {
    for (const target of targets) {
      const key = targetKey(target);
      if (!this.#inheritance.has(key)) this.#inheritance.set(key, this.#options.lastVerdict(target));
    }
    const keys = new Set(targets.map(targetKey));
    for (const key of this.#inheritance.keys()) if (!keys.has(key)) this.#inheritance.delete(key);
  }

  #isPatient(service: Service): boolean {
    return this.#now() < (this.#patience.get(versionKey(service)) ?? 0);
  }

  /** Asked for once, when the target is new: what is of use then is of use until the first verdicts. */
  #inherited(target: HealthTarget): Verdict {
    return this.#inheritance.get(targetKey(target)) ?? 'unknown';
  }

  /** Long enough for every server that is well to be found so. */
  #waitFor(service: Service): void {
    const { health } = service;
    const wait = health === undefined ? 0 : health.rise * health.interval + health.timeout;
    this.#patience.set(versionKey(service), this.#now() + wait);
    this.#cancelPatience.push(this.#options.clock.after(wait, () => this.#options.onChange()));
  }

  #perform(effects: readonly HealthEffect[]): void {
    let changed = false;
    for (const effect of effects) {
      if (effect.kind === 'startProbe') this.#start(effect);
      else {
        this.#tell(effect);
        changed = true;
      }
    }
    this.#timer.set(this.#scheduler.deadline);
    if (changed) this.#options.onChange();
  }

  #start({ key, run, target }: HealthEffect & { kind: 'startProbe' }): void {
    this.#running.get(key)?.();
    const cancel = this.#options.startProbe(target, target.timeout, ({ ok, detail }) => {
      this.#running.delete(key);
      this.#perform(this.#scheduler.handle({ kind: 'result', key, run, ok, detail }, this.#now()));
    });
    this.#running.set(key, cancel);
  }

  /** One event per service that has the server behind the target. */
  #tell({ key, from, to, reason }: HealthEffect & { kind: 'verdict' }): void {
    const told = new Set<string>();
    for (const service of this.#services) {
      for (const server of service.servers) {
        const target = targetOf(service, server);
        const name = `${service.name} ${server.name}`;
        if (target === undefined || targetKey(target) !== key || told.has(name)) continue;
        told.add(name);
        this.#options.events.emit('server-state', { service: service.name, server: server.name, from, to, reason });
      }
    }
  }
}

/** Versions of a service with the same servers and checks need no new wait. */
function versionKey({ name, servers, health }: Service): string {
  return JSON.stringify([name, servers.map(({ address }) => address), health]);
}

export function targetOf(service: Service, server: RealServer): HealthTarget | undefined {
  return service.health === undefined ? undefined : healthTarget(server.address, service.health);
}
