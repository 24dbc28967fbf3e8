/**
 * The director: one loop turn, read -> decide -> act -> read back.
 *
 *   read     verdicts of the health checks, what the data plane read back, what the neighbors heard, the clock
 *   decide   lifecycle (may we serve?), policy (which VIP, at which metric), versions (what the data plane should hold)
 *   act      data plane, speakers, routes; each makes the world equal to a wish, so a turn may be repeated at will
 *
 * Whatever changes calls for a turn; calls are coalesced. The order that matters is kept by what feeds what: a VIP is
 * announced only once the policy has heard from the data plane that it was read back, and the data plane forgets it only
 * once the policy has heard from the speakers that it was withdrawn.
 *
 * Everything that touches the system comes in through `DirectorPorts`. Not here: how any of the parts works, the process
 * around it (`main.ts`), the documents of the control API (`documents/`).
 */
import type { LifecycleState } from '../api/documents.ts';
import { Lifecycle, type LifecycleEffect, type LifecycleInput } from '../core/announce/lifecycle.ts';
import { AnnouncePolicy, type PolicyEffect, type PolicyInput } from '../core/announce/policy.ts';
import type { Ipv4 } from '../core/base/ipv4.ts';
import type { Instant, Millis } from '../core/base/machine.ts';
import { messageOf } from '../core/base/message-of.ts';
import type { Service } from '../core/model/cluster.ts';
import { DeadlineTimer } from '../io/deadline-timer.ts';
import type { Announcer } from './announcer.ts';
import type { LoadedCluster } from './cluster-file.ts';
import { directorParts } from './director-parts.ts';
import type { DirectorPorts } from './director-ports.ts';
import type { ExplainingAgent } from './documents/flow-explanation.ts';
import { endAtOnce, endDrained, endHandedOver } from './endings.ts';
import type { EventLog } from './events.ts';
import { HeldServices } from './held-services.ts';
import type { ClientKeeper } from './keepers/client-keeper.ts';
import type { ConnectionKeeper } from './keepers/connection-keeper.ts';
import type { DataplaneKeeper } from './keepers/dataplane-keeper.ts';
import { DrainWatch } from './keepers/drain-watch.ts';
import type { FillWatch } from './keepers/fill-watch.ts';
import type { HealthKeeper } from './keepers/health-keeper.ts';
import type { InsideKeeper } from './keepers/inside-keeper.ts';
import type { KeyKeeper } from './keepers/key-keeper.ts';
import type { LinkKeeper } from './keepers/link-keeper.ts';
import type { MissKeeper } from './keepers/miss-keeper.ts';
import type { RouteKeeper } from './keepers/route-keeper.ts';
import type { ServerKeeper } from './keepers/server-keeper.ts';
import type { SyncKeeper } from './keepers/sync-keeper.ts';
import type { TunnelKeeper } from './keepers/tunnel-keeper.ts';
import { lastAnnounced } from './last-announcer.ts';
import { LINGER, LingeringVips } from './lingering-vips.ts';
import type { LifeFacts } from './memory/last-life.ts';
import { lifeFacts } from './memory/life-facts.ts';
import type { Speakers } from './speakers.ts';
import { handOverFault, wantedTunnels } from './wishes/hand-over.ts';
import { linksToHold } from './wishes/held-links.ts';
import { insideAddresses } from './wishes/inside.ts';
import { wantedRoutes } from './wishes/kernel-routes.ts';
import { allOwnAddresses, insideVips, type OwnAddress } from './wishes/own-addresses.ts';
import { interfaceKeys, wantedSpeakers } from './wishes/speaker-wishes.ts';
import { livingDirectors, syncPeers, syncSettings } from './wishes/sync.ts';
import { UnsyncedNotice, unsyncedServices } from './wishes/unsynced.ts';

export class Director {
  readonly events: EventLog;
  readonly dataplane: DataplaneKeeper;
  readonly health: HealthKeeper;
  readonly connections: ConnectionKeeper;
  readonly fill: FillWatch;
  readonly servers: ServerKeeper;
  readonly keys: KeyKeeper;
  readonly speakers: Speakers;
  readonly routes: RouteKeeper;
  readonly heldLinks: LinkKeeper;
  readonly tunnels: TunnelKeeper;
  readonly inside: InsideKeeper;
  readonly sync: SyncKeeper;
  readonly clients: ClientKeeper;
  readonly misses: MissKeeper;
  readonly announcer: Announcer;
  readonly policy = new AnnouncePolicy();
  readonly lifecycle = new Lifecycle();
  /** Fulfilled when a stop is complete. */
  readonly stopped: Promise<void>;
  readonly #ports: DirectorPorts;
  readonly #held: HeldServices;
  readonly #timer: DeadlineTimer;
  readonly #drainWatch: DrainWatch;
  readonly #reasons = new Map<Ipv4, string>();
  readonly #lingering = new LingeringVips();
  readonly #unsynced: UnsyncedNotice;
  #loaded: LoadedCluster;
  #own: readonly OwnAddress[];
  /** The services that the policy knows: the file's, once all of them are in the data plane. */
  #served: readonly Service[] = [];
  #drainBy: Instant | undefined;
  #phase: 'opening' | 'adopting' | 'running' | 'stopping' = 'opening';
  #ending = false;
  /** The kernel forwards by what an earlier agent has left. */
  #isRestart = false;
  #turnAsked = false;
  #markStopped: () => void = () => {};

  constructor(ports: DirectorPorts, loaded: LoadedCluster) {
    const { clock, events } = ports;
    const onChange = () => this.#ask();
    this.#ports = ports;
    this.#loaded = loaded;
    this.#own = allOwnAddresses(loaded);
    this.events = events;
    this.#unsynced = new UnsyncedNotice(events);
    const parts = directorParts(ports, {
      onChange,
      onSynced: () => this.#hear({ kind: 'synced' }),
      onFlushed: (silent) => this.#hear({ kind: 'flushed', silent }),
    });
    ({ announcer: this.announcer, speakers: this.speakers, keys: this.keys, routes: this.routes } = parts);
    ({ dataplane: this.dataplane, connections: this.connections, fill: this.fill, tunnels: this.tunnels } = parts);
    ({ health: this.health, servers: this.servers, heldLinks: this.heldLinks, inside: this.inside } = parts);
    ({ sync: this.sync, clients: this.clients, misses: this.misses } = parts);
    this.#held = new HeldServices(parts);
    this.#timer = new DeadlineTimer(clock, onChange);
    this.#drainWatch = new DrainWatch({
      clock,
      sample: (maxAge) => this.dataplane.sample(maxAge),
      services: () => this.#served,
      onRates: (rates) => this.#hear({ kind: 'traffic', rates }),
    });
    this.stopped = new Promise((resolve) => {
      this.#markStopped = resolve;
    });
  }

  get loaded(): LoadedCluster {
    return this.#loaded;
  }

  get state(): LifecycleState {
    return this.lifecycle.state;
  }

  now(): Instant {
    return this.#ports.clock.now();
  }

  /** Was the director told to end? */
  get isStopping(): boolean {
    return this.#ending;
  }

  /** Milliseconds until a drain under way gives up waiting for the traffic to go. */
  get drainLeft(): Millis | undefined {
    if (this.#drainBy === undefined || this.state !== 'draining') return undefined;
    return Math.max(0, this.#drainBy - this.#ports.clock.now());
  }

  /** First of all the neighbors hear Hello: adjacencies take longest. Announces nothing yet. */
  async greet(): Promise<void> {
    await this.heldLinks.begin(linksToHold(this.#loaded), () => this.#ports.dataplane.isPresent());
    await this.#setSpeakers();
  }

  /** Takes up what the kernel has, then serves. Throws `KernelError` naming the feature that is missing. */
  async open(): Promise<void> {
    const { dataplane, routes, links } = this.#ports;
    this.#configurePolicy();
    await Promise.all([dataplane.open(), routes.open()]);
    this.#isRestart = await dataplane.isPresent();
    await this.routes.adopt();
    if (this.#phase !== 'opening') return;
    this.connections.open();
    this.dataplane.guard(this.#held.desired(this.#loaded, this.#loaded.cluster.services));
    links.onChange(() => {
      this.routes.recheck();
      this.#ask();
    });
    this.#phase = 'adopting';
    const peers = syncPeers(this.#loaded);
    if (peers > 0) this.sync.prepare();
    this.misses.open();
    this.#hear({ kind: 'opened', peers });
  }

  /** Another file is in force from now on. What does not differ is not touched. */
  async apply(loaded: LoadedCluster): Promise<void> {
    this.#loaded = loaded;
    this.#own = allOwnAddresses(loaded);
    this.health.configure([...loaded.cluster.services, ...this.#served, ...this.#held.services]);
    this.#hear({ kind: 'peers', peers: syncPeers(loaded) });
    await this.#setSpeakers();
  }

  /** Moves the traffic away, within `within` milliseconds (default: the file's), then withdraws. */
  async drain(within: Millis = this.#loaded.cluster.lifecycle.drain): Promise<void> {
    await this.#leave({ kind: 'drain', within });
  }

  undrain(): void {
    this.#hear({ kind: 'undrain' });
  }

  /** Drains, then ends. */
  async stop(): Promise<void> {
    this.#ending = true;
    await this.#leave({ kind: 'stop', within: this.#loaded.cluster.lifecycle.drain });
  }

  /** Says goodbye to the neighbors and ends, now. The kernel goes on forwarding what still comes. */
  async stopAtOnce(): Promise<void> {
    if (this.#phase === 'stopping') return;
    this.#phase = 'stopping';
    this.#cease();
    await endAtOnce(this, this.#ports.life);
    this.#markStopped();
  }

  /**
   * Ends so that the next agent finds everything as it is: the routers are asked to wait for it, nothing is withdrawn, and the
   * kernel goes on (RFC 3623). Returns when that is settled, with the rest under way; a text says why it is not to be.
   */
  async handOver(reason: 'restart' | 'upgrade'): Promise<string | undefined> {
    if (this.#ending || this.#phase !== 'running' || this.state !== 'active') {
      return `the director is ${this.state}${this.#ending ? ' and about to end' : ''}, not active`;
    }
    const period = this.#loaded.cluster.lifecycle.grace;
    this.#ending = true;
    try {
      await this.#ports.life.handOver(this.#facts, period);
    } catch (error) {
      this.#ending = false;
      return `the next agent would not know of this one: ${messageOf(error)}`;
    }
    this.#phase = 'stopping';
    this.#cease();
    const sequence = this.#ports.graceSequence();
    void endHandedOver(this, { period, reason, sequence }).then(() => this.#markStopped());
    return undefined;
  }

  async #leave(input: Extract<LifecycleInput, { kind: 'drain' | 'stop' }>): Promise<void> {
    // Where the counters stand now, so that the first rates are there before any silence could be believed.
    if (this.#phase === 'running') await this.#drainWatch.start();
    if (this.state !== 'draining' || input.kind === 'stop') this.#drainBy = this.#ports.clock.now() + input.within;
    this.#tellLifecycle(input);
    if (this.state !== 'draining') this.#drainWatch.stop();
    this.#ask();
  }

  #ask(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    queueMicrotask(() => {
      this.#turnAsked = false;
      if (this.#phase === 'adopting' || this.#phase === 'running') this.#turn();
    });
  }

  #turn(): void {
    this.#lingering.forget(this.now());
    this.#read();
    // What was read may have ended it all: then the kernel is no longer this turn's to change.
    if (this.#isEnding()) return;
    this.#announceLocal();
    this.announcer.publish();
    this.#keepTunnels();
    this.#keepInside();
    this.#programDataplane();
    this.#keepSynced();
    this.#takeUpConfiguration();
    this.#installRoutes();
    const links = linksToHold(this.#loaded);
    this.heldLinks.want(links, links.length > 0 && this.#canServe());
    this.#remember();
    this.#timer.set(this.#deadline());
  }

  /** Before the data plane, whose rules go by them. */
  #keepTunnels(): void {
    const links = this.#ports.links.links();
    this.tunnels.want({ tunnels: wantedTunnels(this.#loaded, links), fault: handOverFault(this.#loaded, links) });
  }

  #keepInside(): void {
    const { cluster, director } = this.#loaded;
    const wanted = insideAddresses(cluster, director.name, livingDirectors(this.#loaded, this.sync.view));
    this.inside.want(wanted, cluster.lifecycle.grace);
  }

  #isEnding(): boolean {
    return this.#phase === 'stopping';
  }

  /** Tells the deciding machines all facts. They answer with wishes only where a fact is new. */
  #read(): void {
    const announcements = [...this.announcer.heard()].map(([vip, { metric }]) => ({ vip, metric }));
    const programmed = this.#held.announceable(this.#loaded, this.#served);
    if (this.dataplane.lastApply !== undefined) this.#tellLifecycle({ kind: 'programmed' });
    this.#tellLifecycle({ kind: 'announced', announcements });
    this.#tellLifecycle({ kind: 'lastAnnouncer', vips: lastAnnounced(this.announcer) });
    for (const service of this.#served) {
      this.#tellPolicy({ kind: 'health', service: service.name, healthy: this.servers.healthy(service) });
    }
    this.#tellPolicy({ kind: 'programmed', services: programmed });
    this.#tellPolicy({ kind: 'announced', announcements });
  }

  /** Our own addresses are announced from before the first VIP until routers have acted on the withdrawal of the last one. */
  #announceLocal(): void {
    const isServing = this.state === 'active' || this.state === 'draining' || this.#lingering.size > 0;
    this.announcer.setOwn(isServing ? this.#own : []);
  }

  #programDataplane(): void {
    const { services } = this.#loaded.cluster;
    const settled = services.every((service) => this.health.isSettled(service));
    // Until all is known that the first look at the servers can tell, what an earlier agent left serves best.
    if (this.#phase === 'adopting' && !settled) return;
    this.#phase = 'running';
    const desired = this.#held.advance(
      this.#loaded,
      (vip) => this.policy.mustStayProgrammed(vip) || this.#lingering.has(vip),
    );
    this.dataplane.want(desired);
    this.fill.want(desired);
  }

  /**
   * Once the kernel has names for the servers: what comes before that could not be put into it. After a restart most is there
   * already, and the peers, who wait for us no longer than a moment, are greeted first.
   */
  #keepSynced(): void {
    if (this.dataplane.lastApply === undefined && !this.#isRestart) return;
    const { services, plane } = this.#held.orOfFile(this.#loaded);
    const settings = syncSettings(this.#loaded, services, plane, this);
    const unnamed = this.dataplane.lastApply === undefined;
    this.sync.want(settings && { ...settings, unnamed });
    this.#unsynced.tell(unsyncedServices(this.#loaded.cluster, this.dataplane.name));
    if (!unnamed) this.clients.want(settings);
  }

  /** The policy goes over to the services of a new file when all of them are in the data plane: nothing flaps meanwhile. */
  #takeUpConfiguration(): void {
    const { services } = this.#loaded.cluster;
    if (this.#served === services || this.#phase !== 'running') return;
    if (!services.every((service) => this.health.isSettled(service) && this.#held.isProgrammed(service))) return;
    this.#configurePolicy();
    this.#ask();
  }

  /** The data plane as it is wished now, for whoever wants to know what it makes of a flow. */
  explaining(): ExplainingAgent {
    return {
      director: this.#loaded.director.name,
      desired: this.#held.desired(this.#loaded),
      isProgrammed: (service) => this.dataplane.isProgrammed(service),
      remembered: (service, client) => this.#ports.dataplane.remembered(service, client),
    };
  }

  /** Whatever a router sends us finds its way: nothing is left to be copied, and every service is in the kernel. */
  #canServe(): boolean {
    return (
      this.state === 'active' && this.#loaded.cluster.services.every((service) => this.#held.isProgrammed(service))
    );
  }

  #configurePolicy(): void {
    const { services, vips, lifecycle } = this.#loaded.cluster;
    const before = new Map(this.#served.map((service) => [service.name, service]));
    // What the policy needs for its first look at the new services it must know already, at terms that satisfy the old
    // ones too; the next turn tells it how things are.
    for (const service of services) {
      const old = before.get(service.name) ?? service;
      const healthy = Math.max(this.servers.healthy(service), this.servers.healthy(old));
      this.#tellPolicy({ kind: 'health', service: service.name, healthy });
    }
    this.#tellPolicy({ kind: 'programmed', services: this.#held.announceable(this.#loaded, this.#served) });
    this.#tellPolicy({ kind: 'configure', services, vips, holdUp: lifecycle.holdUp });
    this.#served = services;
    this.announcer.setInside(insideVips(services));
    this.health.configure([...services, ...this.#held.services]);
  }

  #installRoutes(): void {
    const { guarded } = this.dataplane;
    // What an earlier agent has left stays meanwhile.
    if (guarded === undefined) return;
    // A local route outlives what the data plane has for its VIP: without it, packets would go back to the router and return.
    const held = [...this.#held.services.flatMap((one) => one.vips), ...this.dataplane.vips()];
    this.routes.want(
      wantedRoutes(this.#loaded, {
        ...{ guarded, links: this.#ports.links.links(), own: this.#own, learned: this.speakers.learned() },
        // While adopting, the local routes of an earlier agent stay.
        held: this.#phase === 'adopting' ? undefined : held,
        restarting: this.speakers.isTakingOver(),
      }),
    );
  }

  get #facts(): LifeFacts {
    return lifeFacts(this.speakers.all(), this.health.verdicts());
  }

  /** For an agent that has to go on from here should this one be killed. While we take over ourselves, the file knows more. */
  #remember(): void {
    if (this.#phase !== 'running' || this.speakers.isTakingOver()) return;
    this.#ports.life.keep(this.#facts);
  }

  /** News for the lifecycle, from outside of a turn. */
  #hear(input: LifecycleInput): void {
    this.#tellLifecycle(input);
    this.#ask();
  }

  #tellLifecycle(input: LifecycleInput): void {
    for (const effect of this.lifecycle.handle(input, this.#ports.clock.now())) this.#performLifecycle(effect);
  }

  #performLifecycle(effect: LifecycleEffect): void {
    switch (effect.kind) {
      case 'state':
        this.events.emit('state-changed', { from: effect.from, to: effect.to, reason: effect.reason });
        if (effect.to === 'draining') void this.#drainWatch.start();
        else this.#drainWatch.stop();
        break;
      case 'stance':
        this.#tellPolicy({ kind: 'stance', stance: effect.stance, state: effect.state });
        break;
      case 'flush':
        this.sync.flush();
        break;
      case 'drainStep':
        this.events.emit('drain-step', { step: effect.step, detail: effect.detail });
        break;
      case 'stop':
        void this.#finish();
    }
  }

  #tellPolicy(input: PolicyInput): void {
    for (const effect of this.policy.handle(input, this.#ports.clock.now())) this.#performPolicy(effect);
  }

  #performPolicy(effect: PolicyEffect): void {
    switch (effect.kind) {
      case 'decided':
        this.#reasons.set(effect.vip, effect.reason);
        break;
      case 'announce':
        this.announcer.set(new Map(effect.announcements.map(({ vip, ...rest }) => [vip, rest])), this.#reasons);
        break;
      case 'unprogram':
        this.#lingering.add(effect.vip, this.now());
    }
  }

  async #setSpeakers(): Promise<void> {
    const keys = interfaceKeys(this.#loaded);
    if (keys.length > 0) await this.#ports.sequences.reserve();
    this.keys.configure(keys);
    await this.speakers.set(wantedSpeakers(this.#loaded, this.#ports.seed));
  }

  #deadline(): Instant | undefined {
    const all = [this.lifecycle.deadline, this.policy.deadline, this.servers.deadline, this.#lingering.deadline];
    const set = all.filter((deadline) => deadline !== undefined);
    return set.length === 0 ? undefined : Math.min(...set);
  }

  async #finish(): Promise<void> {
    const opened = this.#phase !== 'opening';
    if (this.#phase === 'stopping') return;
    this.#phase = 'stopping';
    this.#cease();
    // Answers of real servers come to our own addresses as long as packets for the VIPs do.
    if (this.dataplane.vips().size > 0) await this.#pause(LINGER);
    await endDrained(this, this.#ports.life, opened);
    this.#markStopped();
  }

  #cease(): void {
    this.keys.stop();
    this.#ports.sequences.close();
    this.#timer.set(undefined);
    this.#drainWatch.stop();
    this.health.stop();
    this.connections.close();
    this.fill.close();
    this.misses.close();
    this.clients.close();
  }

  #pause(delay: Millis): Promise<void> {
    return new Promise((resolve) => void this.#ports.clock.after(delay, resolve));
  }
}
