/**
 * Decides which VIPs are announced, at which metric, and says why not.
 *
 * In: the services of the cluster file, how many of their servers are healthy, which of them were read back from the data
 * plane, the director's stance (`lifecycle.ts`), and what the neighbors can have heard. Out: the whole set of VIPs to
 * announce whenever it changes, a printable reason per VIP, and which VIPs nobody can be sending to us any more.
 *
 * Going up, a VIP is announced only after its services were read back. Going down, it is withdrawn first; only when the
 * withdrawal has gone out (`announced` without it) does `unprogram` allow the data plane to forget it.
 * A VIP that was lost and has come back waits `holdUp` before it is announced again; the first time it does not wait.
 * Not here: how prefixes are announced, what a healthy server is, and when a director drains.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Instant, Machine, Millis } from '../base/machine.ts';
import type { Cluster, Service, WhenDown } from '../model/cluster.ts';
import { type AnnouncedAs, AS_STUB, formatAnnouncedAs } from '../model/routing.ts';

/** What the lifecycle allows: nothing, only as a last resort, or what the services deserve. */
export type Stance = 'withhold' | 'lastResort' | 'serve';

/** A last resort: routers use it only where nobody announces the VIP at a normal metric. */
export const LAST_RESORT = 60_000;

/** What the neighbors can have heard of a VIP. */
export interface HeardVip {
  readonly vip: Ipv4;
  readonly metric: number;
}

export interface VipAnnouncement extends HeardVip {
  readonly lsa: AnnouncedAs;
}

export type PolicyInput =
  | {
      readonly kind: 'configure';
      readonly services: readonly Service[];
      readonly vips: Cluster['vips'];
      readonly holdUp: Millis;
    }
  /** Number of servers of the service that are up and not drained. All of them for a service without a health check. */
  | { readonly kind: 'health'; readonly service: string; readonly healthy: number }
  /** Names of all services that were read back from the kernel as wished. */
  | { readonly kind: 'programmed'; readonly services: readonly string[] }
  /** `state` is for people. */
  | { readonly kind: 'stance'; readonly stance: Stance; readonly state: string }
  /** Everything that the neighbors can have heard from us. */
  | { readonly kind: 'announced'; readonly announcements: readonly HeardVip[] }
  | { readonly kind: 'timer' };

export type PolicyEffect =
  /** The whole set of VIPs to announce, by address; sent when it differs from the last one. */
  | { readonly kind: 'announce'; readonly announcements: readonly VipAnnouncement[] }
  /** What changed for one VIP and why; `undefined` metric: not announced; the same twice: announced in another form. */
  | {
      readonly kind: 'decided';
      readonly vip: Ipv4;
      readonly from: number | undefined;
      readonly to: number | undefined;
      readonly reason: string;
    }
  /** The file no longer has this VIP, and no neighbor does either: the data plane may forget it. */
  | { readonly kind: 'unprogram'; readonly vip: Ipv4 };

export interface VipDecision {
  readonly announce: boolean;
  /** The metric it is, or would be, announced at. */
  readonly metric: number;
  /** Why it is not announced, or not at its normal metric; empty when all is well. */
  readonly waitingFor: readonly string[];
  readonly services: readonly string[];
}

/** From the best to the worst that can become of a VIP. */
type Level = 'normal' | 'lastResort' | 'none';
const LEVELS: readonly Level[] = ['normal', 'lastResort', 'none'];
const LEVEL_WHEN_DOWN: Readonly<Record<WhenDown, Level>> = { keep: 'normal', metric: 'lastResort', withdraw: 'none' };
const LEVEL_BY_STANCE: Readonly<Record<Stance, Level>> = {
  serve: 'normal',
  lastResort: 'lastResort',
  withhold: 'none',
};

interface Vip {
  readonly address: Ipv4;
  readonly require: 'all' | 'any';
  readonly services: readonly Service[];
  /** Services are programmed and healthy, as `require` asks. */
  fit: boolean;
  /** It was fit once and no longer: the next time it waits. */
  lost: boolean;
  /** Fit, but not before this. */
  heldUntil: Instant;
  /** As last decided; undefined: not announced. */
  metric: number | undefined;
  lsa: AnnouncedAs;
}

export class AnnouncePolicy implements Machine<PolicyInput, PolicyEffect> {
  #vips = new Map<Ipv4, Vip>();
  /** No longer in the file, but the neighbors may still send traffic for them. */
  readonly #leaving = new Set<Ipv4>();
  readonly #healthy = new Map<string, number>();
  #programmed: ReadonlySet<string> = new Set();
  #announced: ReadonlySet<Ipv4> = new Set();
  #stance: Stance = 'withhold';
  #state = 'starting';
  #holdUp: Millis = 0;
  #now: Instant = 0;

  get deadline(): Instant | undefined {
    const held = [...this.#vips.values()].filter((vip) => vip.fit && vip.heldUntil > this.#now);
    return held.length === 0 ? undefined : Math.min(...held.map((vip) => vip.heldUntil));
  }

  handle(input: PolicyInput, now: Instant): readonly PolicyEffect[] {
    this.#now = now;
    const removed = this.#note(input);
    for (const vip of this.#vips.values()) this.#updateFitness(vip, now);
    const changes = [...removed, ...[...this.#vips.values()].flatMap((vip) => this.#decide(vip, now))];
    const effects: PolicyEffect[] = [...changes];
    if (changes.length > 0) effects.push({ kind: 'announce', announcements: this.announcements() });
    return [...effects, ...this.#unprogram()];
  }

  /** The VIPs to announce now, by address. */
  announcements(): readonly VipAnnouncement[] {
    return [...this.#vips.values()]
      .flatMap(({ address, metric, lsa }) => (metric === undefined ? [] : [{ vip: address, metric, lsa }]))
      .sort((a, b) => a.vip - b.vip);
  }

  /** Every VIP of the file. `now` makes times left exact; without it they are as of the last input. */
  decisions(now: Instant = this.#now): ReadonlyMap<Ipv4, VipDecision> {
    return new Map([...this.#vips].map(([address, vip]) => [address, this.#decision(vip, now)]));
  }

  /** Must the data plane still serve this VIP? True for the file's own, and for others until their withdrawal has gone out. */
  mustStayProgrammed(vip: Ipv4): boolean {
    return this.#vips.has(vip) || this.#leaving.has(vip);
  }

  #note(input: PolicyInput): readonly PolicyEffect[] {
    switch (input.kind) {
      case 'configure':
        return this.#configure(input.services, input.vips, input.holdUp);
      case 'health':
        this.#healthy.set(input.service, input.healthy);
        return [];
      case 'programmed':
        this.#programmed = new Set(input.services);
        return [];
      case 'stance':
        this.#stance = input.stance;
        this.#state = input.state;
        return [];
      case 'announced':
        this.#announced = new Set(input.announcements.map(({ vip }) => vip));
        return [];
      case 'timer':
        return [];
    }
  }

  /** VIPs that stay keep their history: a reload neither announces anew nor starts a hold-up. */
  #configure(services: readonly Service[], settings: Cluster['vips'], holdUp: Millis): readonly PolicyEffect[] {
    this.#holdUp = holdUp;
    const before = this.#vips;
    const addresses = new Set(services.flatMap((service) => service.vips));
    this.#vips = new Map(
      [...addresses].map((address) => {
        const old = before.get(address) ?? { fit: false, lost: false, heldUntil: 0, metric: undefined, lsa: AS_STUB };
        const require = settings[formatIpv4(address)]?.require ?? 'all';
        const own = services.filter((service) => service.vips.includes(address));
        return [address, { ...old, address, require, services: own }];
      }),
    );
    for (const address of addresses) this.#leaving.delete(address);
    const names = new Set(services.map((service) => service.name));
    for (const name of this.#healthy.keys()) if (!names.has(name)) this.#healthy.delete(name);
    return [...before.values()].filter((vip) => !addresses.has(vip.address)).flatMap((vip) => this.#leave(vip));
  }

  #leave({ address, metric }: Vip): readonly PolicyEffect[] {
    this.#leaving.add(address);
    if (metric === undefined) return [];
    return [{ kind: 'decided', vip: address, from: metric, to: undefined, reason: 'no longer in the cluster file' }];
  }

  #updateFitness(vip: Vip, now: Instant): void {
    const fit =
      vip.require === 'all'
        ? vip.services.every((service) => this.#isFit(service))
        : vip.services.some((service) => this.#isFit(service));
    if (fit && !vip.fit) vip.heldUntil = vip.lost ? now + this.#holdUp : now;
    if (!fit && vip.fit) vip.lost = true;
    vip.fit = fit;
  }

  #isFit(service: Service): boolean {
    return this.#programmed.has(service.name) && this.#isHealthy(service);
  }

  #isHealthy(service: Service): boolean {
    return (this.#healthy.get(service.name) ?? 0) >= serversNeeded(service);
  }

  /** What the services deserve, whatever the lifecycle says. */
  #deserved(vip: Vip, now: Instant): Level {
    if (vip.fit && now >= vip.heldUntil) return 'normal';
    const programmed = vip.services.filter((service) => this.#programmed.has(service.name));
    if (vip.require === 'all') {
      if (programmed.length < vip.services.length) return 'none';
      // While held, every service has a say: any of them may be the one that was lost.
      const down = vip.fit ? vip.services : vip.services.filter((service) => !this.#isHealthy(service));
      return worst(down.map((service) => LEVEL_WHEN_DOWN[service.announce.whenDown]));
    }
    // Any one service is enough, so the one that asks for the least harm is heard.
    return best(programmed.map((service) => LEVEL_WHEN_DOWN[service.announce.whenDown]));
  }

  #wished(vip: Vip, now: Instant): number | undefined {
    const level = worst([LEVEL_BY_STANCE[this.#stance], this.#deserved(vip, now)]);
    return level === 'none' ? undefined : metricAt(vip, level);
  }

  #decide(vip: Vip, now: Instant): readonly PolicyEffect[] {
    const to = this.#wished(vip, now);
    const from = vip.metric;
    // Services that share a VIP announce it alike; the parser sees to it.
    const { lsa } = vip.services[0]!.announce;
    if (from === to && formatAnnouncedAs(vip.lsa) === formatAnnouncedAs(lsa)) return [];
    vip.metric = to;
    vip.lsa = lsa;
    if (from === undefined && to === undefined) return [];
    const waiting = this.#decision(vip, now).waitingFor;
    const reason = waiting.length === 0 ? 'programmed, healthy and active' : waiting.join('; ');
    return [{ kind: 'decided', vip: vip.address, from, to, reason }];
  }

  #decision(vip: Vip, now: Instant): VipDecision {
    const waitingFor = [...this.#reasons(vip, now)];
    const metric = vip.metric ?? metricAt(vip, 'normal');
    return { announce: vip.metric !== undefined, metric, waitingFor, services: vip.services.map(({ name }) => name) };
  }

  *#reasons(vip: Vip, now: Instant): Iterable<string> {
    if (this.#stance !== 'serve') yield `lifecycle: ${this.#state}`;
    if (vip.fit) {
      if (now < vip.heldUntil) yield `hold-up: ${Math.ceil((vip.heldUntil - now) / 1000)} s left`;
      return;
    }
    for (const service of vip.services) {
      const { name, servers } = service;
      if (!this.#programmed.has(name)) yield `data plane: ${name} not read back yet`;
      if (this.#isHealthy(service)) continue;
      const healthy = this.#healthy.get(name) ?? 0;
      yield `health of ${name}: ${healthy} of ${servers.length} healthy, needs ${serversNeeded(service)}`;
    }
  }

  #unprogram(): readonly PolicyEffect[] {
    const gone = [...this.#leaving].filter((vip) => !this.#announced.has(vip));
    for (const vip of gone) this.#leaving.delete(vip);
    return gone.map((vip) => ({ kind: 'unprogram', vip }));
  }
}

/** A share is rounded up: 50 % of 3 servers are 2. */
export function serversNeeded({ announce: { min }, servers }: Service): number {
  return min.kind === 'count' ? min.value : Math.ceil((servers.length * min.value) / 100);
}

/** Services that share a VIP have the same metric; the parser sees to it. */
function metricAt({ services }: Vip, level: 'normal' | 'lastResort'): number {
  const metric = services[0]!.announce.metric;
  return level === 'normal' ? metric : LAST_RESORT + metric;
}

function worst(levels: readonly Level[]): Level {
  return LEVELS.findLast((level) => levels.includes(level)) ?? 'normal';
}

function best(levels: readonly Level[]): Level {
  return LEVELS.find((level) => levels.includes(level)) ?? 'none';
}
