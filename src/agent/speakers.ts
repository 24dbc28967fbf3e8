/**
 * The speakers of all routing instances: starts, reconfigures and stops them, and turns what they say into events.
 *
 * A reload touches only what differs: an instance whose settings are the same is left alone, one whose interfaces differ is
 * told the new ones, and only who it is (router id, area, what it announces) makes it start over.
 */
import type { EventName } from '../api/documents.ts';
import type { Director, RoutingInstance } from '../core/model/cluster.ts';
import type { FrrSettings } from '../core/model/routing.ts';
import type { InstanceConfig } from '../core/ospf/events.ts';
import type { HandOver, Speaker, SpeakerEvent } from '../drivers/routing/port.ts';
import type { Clock } from '../io/clock.ts';
import type { Announcer } from './announcer.ts';
import { DropLog } from './drop-log.ts';
import type { EventLog } from './events.ts';
import type { KeyKeeper } from './keepers/key-keeper.ts';
import type { LearnedRoutes } from './keepers/route-keeper.ts';
import type { OwnAddress } from './wishes/own-addresses.ts';

export interface SpeakersOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly announcer: Announcer;
  readonly makeSpeaker: MakeSpeaker;
  readonly keys: Pick<KeyKeeper, 'inForce'>;
  /** Routes, adjacencies or announcements have changed. */
  onChange(): void;
}

/** `frr`: it speaks for the instance, in place of our own speaker. */
export type MakeSpeaker = (name: string, config: InstanceConfig, frr: FrrProcess | undefined) => Speaker;

/** One OSPF process of the operator's FRR. */
export interface FrrProcess {
  readonly settings: FrrSettings;
  /** The number of `router ospf N`; undefined for the one without a number. */
  readonly process: number | undefined;
}

/** What is wished of a speaker. */
export interface WantedSpeaker {
  readonly instance: RoutingInstance;
  readonly config: InstanceConfig;
  readonly frr: FrrProcess | undefined;
}

interface Running extends WantedSpeaker {
  readonly speaker: Speaker;
}

/** RFC 2328's RxmtInterval; FRR and BIRD take 5 s, which is 5 s of outage for each packet that is lost at the wrong moment. */
const RXMT_INTERVAL = 1000;
/** Routers take no second instance of an LSA within a second (RFC 2328 MinLSArrival). */
const ORIGINATE_FLOOR = 1100;
/** Two of our own speakers must not wait for each other for longer. */
const HOLD_LIMIT = 300;
/** A data plane is read back within half a second of the start, a first health verdict soon after. */
const FIRST_ANNOUNCE_LIMIT = 1500;

/** The settings of one instance as the OSPF core takes them; interfaces by their names on this host. `own`: its addresses. */
export function instanceConfig(
  instance: RoutingInstance,
  director: Director,
  own: readonly OwnAddress[],
  seed: number,
): InstanceConfig {
  const interfaces = instance.interfaces.flatMap((settings) => {
    const name = director.interfaces[settings.alias];
    if (name === undefined) return [];
    const { network, cost, hello, dead, poll, priority, mtuIgnore, passive, neighbors, auth } = settings;
    const authentication = auth && { algorithm: auth.algorithm, migrate: auth.migrate };
    const times = { helloInterval: hello, deadInterval: dead, rxmtInterval: RXMT_INTERVAL, pollInterval: poll };
    return [{ name, network, cost, priority, mtuIgnore, passive, neighbors, authentication, ...times }];
  });
  return {
    routerId: director.routerId,
    areaId: instance.area,
    areaType: instance.areaType,
    interfaces,
    stubRouter: true,
    originateFloor: ORIGINATE_FLOOR,
    holdLimit: HOLD_LIMIT,
    firstAnnounceLimit: hasPrefixes(instance, own) ? FIRST_ANNOUNCE_LIMIT : 0,
    seed,
  };
}

/** Will there be anything to wait for? */
function hasPrefixes({ announce }: RoutingInstance, own: readonly OwnAddress[]): boolean {
  return announce.includes('vip') || own.some((one) => announce.includes(one.class));
}

export class Speakers {
  readonly #options: SpeakersOptions;
  readonly #running = new Map<string, Running>();
  readonly #dropLog: DropLog;

  constructor(options: SpeakersOptions) {
    this.#options = options;
    this.#dropLog = new DropLog(options.clock, options.events);
  }

  all(): readonly Speaker[] {
    return [...this.#running.values()].map(({ speaker }) => speaker);
  }

  /** What each instance has learned, in the order of the instances in the file. */
  learned(): readonly LearnedRoutes[] {
    return [...this.#running.values()].map(({ speaker, instance, config }) => {
      const interfaces = config.interfaces.map(({ name }) => name);
      return { instance: instance.name, interfaces, rules: instance.import, routes: speaker.routes() };
    });
  }

  /** Makes the running instances be these. */
  async set(wanted: readonly WantedSpeaker[]): Promise<void> {
    const names = new Set(wanted.map(({ instance }) => instance.name));
    for (const name of [...this.#running.keys()]) if (!names.has(name)) await this.#stop(name);
    for (const one of wanted) {
      const { name } = one.instance;
      const old = this.#running.get(name);
      if (old !== undefined && same(identity(old), identity(one))) {
        this.#reconfigure(old, one);
        continue;
      }
      await this.#stop(name);
      await this.#start(one);
    }
    this.#sort(wanted.map(({ instance }) => instance.name));
  }

  /** Of what two instances have learned alike, the first in the file counts, whichever was started first. */
  #sort(names: readonly string[]): void {
    const running = names.flatMap((name): [string, Running][] => {
      const one = this.#running.get(name);
      return one === undefined ? [] : [[name, one]];
    });
    this.#running.clear();
    for (const [name, one] of running) this.#running.set(name, one);
  }

  /** The speaker finds the difference itself; it is not asked when there is none. */
  #reconfigure({ speaker, config: before }: Running, wanted: WantedSpeaker): void {
    const { instance, config } = wanted;
    this.#running.set(instance.name, { speaker, ...wanted });
    this.#handKeys(speaker, instance.name, config);
    speaker.helpAs(instance.gracefulRestart.helper);
    if (!same(before.interfaces, config.interfaces)) speaker.configure(config.interfaces);
    this.#options.onChange();
  }

  /** Other keys may be in force than before. */
  renewKeys(): void {
    for (const { speaker, instance, config } of this.#running.values()) this.#handKeys(speaker, instance.name, config);
  }

  /** Before the settings, so that no packet is missing its key. */
  #handKeys(speaker: Speaker, instance: string, { interfaces }: InstanceConfig): void {
    for (const { name } of interfaces) {
      const keys = this.#options.keys.inForce(instance, name);
      if (keys !== undefined) speaker.setKeys(name, keys);
    }
  }

  /** Whether an earlier process is being continued on any instance. */
  isTakingOver(): boolean {
    return this.all().some((speaker) => speaker.takeOver() !== undefined);
  }

  /** Asks the neighbors of every instance to wait for the next process, and leaves everything as it is. */
  async handOver(request: HandOver): Promise<void> {
    await Promise.all(this.all().map((speaker) => speaker.handOver(request)));
  }

  /** Says goodbye on every instance. */
  async stop(): Promise<void> {
    await Promise.all([...this.#running.keys()].map((name) => this.#stop(name)));
  }

  async #start(wanted: WantedSpeaker): Promise<void> {
    const { instance, config, frr } = wanted;
    const speaker = this.#options.makeSpeaker(instance.name, config, frr);
    this.#running.set(instance.name, { speaker, ...wanted });
    speaker.onEvent((event) => this.#heard(instance.name, event));
    this.#handKeys(speaker, instance.name, config);
    speaker.helpAs(instance.gracefulRestart.helper);
    // Before the start, so that its first LSA says all there is to say.
    this.#options.announcer.add(speaker, instance.announce);
    await speaker.start();
  }

  async #stop(name: string): Promise<void> {
    const running = this.#running.get(name);
    if (running === undefined) return;
    await running.speaker.stop();
    this.#running.delete(name);
    this.#options.announcer.remove(running.speaker);
    this.#options.onChange();
  }

  #heard(instance: string, event: SpeakerEvent): void {
    const { events, announcer, onChange } = this.#options;
    if (event.kind === 'dropped') {
      if (!TOLD_AS_TROUBLE.has(event.reason)) this.#dropLog.note(instance, event);
    } else if (event.kind === 'routes') onChange();
    else if (event.kind === 'restart') {
      events.emit(RESTART_EVENTS[event.step], { instance, detail: event.detail });
      onChange();
    } else if (event.kind === 'helper') this.#helped(instance, event);
    else if (event.kind === 'fault') events.emit('speaker-fault', { instance, message: event.message });
    else if (event.kind === 'announced') {
      if (announcer.update()) onChange();
    } else {
      const { kind, ...values } = event;
      events.emit(EVENT_NAMES[kind], { instance, ...values });
      if (kind === 'neighbor') onChange();
    }
  }

  #helped(instance: string, event: SpeakerEvent & { kind: 'helper' }): void {
    const { clock, events } = this.#options;
    const { interface: iface, routerId, step, until, reason } = event;
    const left = Math.max(0, Math.round(until - clock.now()));
    events.emit(HELPER_EVENTS[step], { instance, interface: iface, routerId, reason, left });
  }
}

/** Drops that the speaker explains in a `neighbor-trouble` of their own. */
const TOLD_AS_TROUBLE: ReadonlySet<string> = new Set([
  ...['area', 'helloMismatch', 'mtu', 'duplicateRouterId'],
  ...['authType', 'authPassword', 'authKey', 'authDigest', 'authSequence'],
]);

const EVENT_NAMES = {
  hello: 'hello-sent',
  interface: 'interface-changed',
  neighbor: 'neighbor-changed',
  trouble: 'neighbor-trouble',
} as const satisfies Record<string, EventName>;

const RESTART_EVENTS = {
  announced: 'restart-announced',
  begun: 'restart-begun',
  ended: 'restart-ended',
} as const satisfies Record<string, EventName>;

const HELPER_EVENTS = {
  entered: 'neighbor-helped',
  refused: 'neighbor-not-helped',
  left: 'neighbor-help-ended',
} as const satisfies Record<string, EventName>;

/** What an instance cannot change while it runs. */
function identity({ instance, config, frr }: WantedSpeaker): unknown {
  return { ...config, interfaces: undefined, announce: instance.announce, frr };
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
