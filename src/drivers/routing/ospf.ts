/**
 * The built-in speaker: the shell around one OSPF instance (`src/core/ospf/instance.ts`).
 *
 * In: packets from one raw socket per interface, the state of the links, the clock, the prefixes to announce.
 * Out: packets, multicast memberships, and `SpeakerEvent`s for the agent.
 * It decides nothing about OSPF. It follows the interfaces: one that is missing is waited for; one that loses its carrier
 * keeps its socket (memberships included) and only the instance is told; a socket lives as long as interface index and
 * address stay the same; a passive interface has none. A point-to-point link without an address borrows our router id. What the system refuses becomes a `fault` event; the same refusal again is news after a minute.
 */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Instant } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { KeysInForce } from '../../core/model/keys.ts';
import type { Digester } from '../../core/ospf/authentication/digester.ts';
import { ALL_SPF_ROUTERS, PacketType } from '../../core/ospf/codes.ts';
import type {
  AnnouncedPrefix,
  EarlierLife,
  HelperMode,
  InstanceConfig,
  InterfaceConfig,
  LsaFilter,
  OspfEffect,
  OspfInput,
} from '../../core/ospf/events.ts';
import { OspfInstance, type UpstreamQuery } from '../../core/ospf/instance.ts';
import type { Clock } from '../../io/clock.ts';
import { DeadlineTimer } from '../../io/deadline-timer.ts';
import { KernelError } from '../../io/kernel-error.ts';
import type { LinkAddress, LinkState } from '../../io/links.ts';
import type { OspfPacket, OspfSocket, OspfSocketOptions } from '../../io/ospf-socket.ts';
import type { HandOver, Speaker, SpeakerEvent } from './port.ts';

/** The links of this network namespace, as one watch shared by all who need them. */
export interface LinkSource {
  links(): ReadonlyMap<string, LinkState>;
  /** Calls `listener` after every change; the returned function ends that. */
  onChange(listener: (link: LinkState) => void): () => void;
}

export interface OspfSpeakerOptions {
  readonly instance: string;
  readonly config: InstanceConfig;
  readonly clock: Clock;
  readonly links: LinkSource;
  readonly openSocket: (options: OspfSocketOptions) => OspfSocket;
  /** Hash functions, for cryptographic authentication. */
  readonly digester?: Digester;
  /** The sequence number that the first packet's follows; see `InstanceConfig.firstSequence`. */
  readonly firstSequence?: number;
  /** What an earlier process has left that the neighbors believe to be there still. */
  readonly earlier?: EarlierLife | undefined;
}

/** One configured interface: what we know of it and what is open on it. */
interface Port {
  readonly name: string;
  socket: OspfSocket | undefined;
  /** What the socket was opened for. */
  ifindex: number;
  address: Ipv4;
  saidHello: boolean;
  /** The last fault that was reported, and when. */
  fault: { readonly message: string; readonly at: Instant } | undefined;
}

const LOOPBACK = 'lo';
/** 127.0.0.0/8 is nobody's address towards others. */
const LOOPBACK_NET = 127;
const SAME_FAULT_AGAIN = 60_000;
/** How long an orderly stop waits for the neighbors' acknowledgements. */
const STOP_LIMIT = 2_500;

export class OspfSpeaker implements Speaker {
  readonly instance: string;
  readonly #options: OspfSpeakerOptions;
  readonly #core: OspfInstance;
  readonly #timer: DeadlineTimer;
  readonly #ports: Map<string, Port>;
  #settings: ReadonlyMap<string, InterfaceConfig>;
  readonly #listeners: ((event: SpeakerEvent) => void)[] = [];
  #starting = false;
  #unwatch: (() => void) | undefined;
  #stopped: (() => void) | undefined;

  constructor(options: OspfSpeakerOptions) {
    this.instance = options.instance;
    this.#options = options;
    const { config, digester, firstSequence = 0 } = options;
    const secured = { ...config, firstSequence, ...(digester === undefined ? {} : { digester }) };
    this.#core = new OspfInstance(secured, options.clock.now());
    this.#timer = new DeadlineTimer(options.clock, () => this.#handle({ kind: 'timer' }));
    this.#settings = byName(options.config.interfaces);
    this.#ports = new Map([...this.#settings.keys()].map((name) => [name, newPort(name)]));
  }

  /** Throws when no socket could ever be opened: the native part is missing, or the permission for raw sockets. */
  async start(): Promise<void> {
    this.#starting = true;
    this.#unwatch = this.#options.links.onChange((link) => this.#linkChanged(link));
    const { earlier } = this.#options;
    if (earlier !== undefined) this.#handle({ kind: 'takeOver', ...earlier });
    for (const port of this.#ports.values()) this.#takeUp(port);
    this.#starting = false;
  }

  /** Interfaces that leave say goodbye before their sockets close; those that are new are followed from now on. */
  configure(interfaces: readonly InterfaceConfig[]): void {
    this.#settings = byName(interfaces);
    // One that is passive no more speaks as soon as the instance knows.
    if (this.#unwatch !== undefined) for (const port of this.#ports.values()) this.#prepare(port);
    this.#handle({ kind: 'configure', interfaces });
    for (const port of [...this.#ports.values()]) {
      if (this.#settings.has(port.name)) continue;
      closeSocket(port);
      this.#ports.delete(port.name);
    }
    for (const name of this.#settings.keys()) if (!this.#ports.has(name)) this.#ports.set(name, newPort(name));
    if (this.#unwatch === undefined) return;
    for (const port of this.#ports.values()) this.#takeUp(port);
  }

  setKeys(interfaceName: string, keys: KeysInForce): void {
    this.#handle({ kind: 'keys', interface: interfaceName, keys });
  }

  /** The number of the last packet that went out with cryptographic authentication, unsigned 32 bits. */
  sequence(): number {
    return this.#core.sequence;
  }

  set(prefixes: readonly AnnouncedPrefix[]): void {
    this.#handle({ kind: 'announce', prefixes });
  }

  announced(): readonly AnnouncedPrefix[] {
    return this.#core.announced();
  }

  /** What it says is what it does. */
  unknown(): undefined {}

  neighbors() {
    return this.#core.neighbors(this.#options.clock.now());
  }

  interfaces() {
    return this.#core.interfaces();
  }

  lsdb(filter: LsaFilter = {}) {
    return this.#core.lsdb(this.#options.clock.now(), filter);
  }

  routes() {
    return this.#core.routes();
  }

  otherAnnouncers(vip: Ipv4, below: number): readonly Ipv4[] {
    return this.#core.otherAnnouncers(vip, below);
  }

  upstreamView(query: UpstreamQuery) {
    return this.#core.upstreamView(query, this.#options.clock.now());
  }

  counters(): Readonly<Record<string, number>> {
    const { received, sent, dropped, ...rest } = this.#core.counters();
    return {
      ...rest,
      ...labelled('received', received),
      ...labelled('sent', sent),
      ...labelled('dropped', dropped),
    };
  }

  onEvent(listener: (event: SpeakerEvent) => void): void {
    this.#listeners.push(listener);
  }

  helpAs(mode: HelperMode): void {
    this.#handle({ kind: 'helper', mode });
  }

  takeOver() {
    return this.#core.takeOver(this.#options.clock.now());
  }

  stop(): Promise<void> {
    return this.#end({ kind: 'stop' });
  }

  handOver(request: HandOver): Promise<void> {
    return this.#end({ kind: 'handOver', ...request });
  }

  async #end(input: OspfInput): Promise<void> {
    this.#unwatch?.();
    this.#unwatch = undefined;
    await new Promise<void>((resolve) => {
      const cancel = this.#options.clock.after(STOP_LIMIT, resolve);
      this.#stopped = () => {
        cancel();
        resolve();
      };
      this.#handle(input);
    });
    this.#timer.set(undefined);
    for (const port of this.#ports.values()) closeSocket(port);
  }

  #takeUp(port: Port): void {
    const link = this.#options.links.links().get(port.name);
    if (link === undefined) this.#fault(port, `interface ${port.name} does not exist; waiting for it to appear`);
    else this.#follow(link);
  }

  /** Where there is none, `interfaceDown` has been said; that the address is missing is for `#follow` to report. */
  #prepare(port: Port): void {
    const link = this.#options.links.links().get(port.name);
    const address = link === undefined ? undefined : this.#addressFor(link)?.address;
    if (link === undefined || address === undefined || this.#settings.get(port.name)?.passive !== false) return;
    this.#openSocket(port, link.ifindex, address);
  }

  /** What is borrowed from `lo` comes and goes with it. */
  #linkChanged(link: LinkState): void {
    this.#follow(link);
    if (link.name !== LOOPBACK) return;
    for (const port of this.#ports.values()) {
      const borrower = this.#options.links.links().get(port.name);
      if (borrower?.addresses.length === 0) this.#follow(borrower);
    }
  }

  /**
   * The primary address. A point-to-point link that has none is unnumbered: it borrows the router id, if `lo` has that, as
   * other routers' unnumbered links borrow their loopback address.
   */
  #addressFor({ name, addresses }: LinkState): LinkAddress | undefined {
    const own = addresses.find(({ address }) => address >>> 24 !== LOOPBACK_NET);
    if (own !== undefined || this.#settings.get(name)?.network !== 'point-to-point') return own;
    const { routerId } = this.#options.config;
    const lent = this.#options.links
      .links()
      .get(LOOPBACK)
      ?.addresses.some(({ address }) => address === routerId);
    return lent === true ? { address: routerId, prefixLength: 32 } : undefined;
  }

  /** A link changed. Only configured interfaces matter. */
  #follow(link: LinkState): void {
    const port = this.#ports.get(link.name);
    const settings = this.#settings.get(link.name);
    if (port === undefined || settings === undefined) return;
    const primary = this.#addressFor(link);
    if (primary === undefined) {
      closeSocket(port);
      this.#handle({ kind: 'interfaceDown', name: port.name });
      const lender = `, or for ${formatIpv4(this.#options.config.routerId)} on ${LOOPBACK} to borrow`;
      const orLender = settings.network === 'point-to-point' ? lender : '';
      this.#fault(port, `interface ${port.name} has no IPv4 address; waiting for one${orLender}`);
      return;
    }
    if (settings.passive) closeSocket(port);
    else if (!this.#openSocket(port, link.ifindex, primary.address)) {
      this.#handle({ kind: 'interfaceDown', name: port.name });
      return;
    }
    if (!link.up) {
      this.#handle({ kind: 'interfaceDown', name: port.name });
      return;
    }
    const { address, prefixLength } = primary;
    const { name } = port;
    const { mtu, ifindex } = link;
    this.#handle({ kind: 'interfaceUp', name, address, prefixLength, mtu, ifindex });
  }

  /** Makes the port's socket be one for this index and address; false when the system refuses. */
  #openSocket(port: Port, ifindex: number, address: Ipv4): boolean {
    if (port.socket !== undefined && port.ifindex === ifindex && port.address === address) return true;
    closeSocket(port);
    try {
      port.socket = this.#options.openSocket({
        interface: port.name,
        ifindex,
        address,
        onPacket: (packet) => this.#receive(port, packet),
        onError: (error) => this.#fault(port, error.message, error),
      });
    } catch (error) {
      if (this.#starting && isHopeless(error)) throw error;
      this.#fault(port, `cannot open an OSPF socket on ${port.name}: ${messageOf(error)}`, error);
      return false;
    }
    port.ifindex = ifindex;
    port.address = address;
    port.fault = undefined;
    return true;
  }

  /** Listeners hear the news only when all wishes are done and the timer is set: they may call back into the speaker. */
  #handle(input: OspfInput): void {
    const news: SpeakerEvent[] = [];
    for (const effect of this.#core.handle(input, this.#options.clock.now())) {
      const event = this.#perform(effect);
      if (event !== undefined) news.push(event);
    }
    this.#timer.set(this.#core.deadline);
    for (const event of news) this.#emit(event);
  }

  /** The wire is untrusted: should a packet ever find a hole in the core, it costs that packet and a loud line, not the agent. */
  #receive(port: Port, packet: OspfPacket): void {
    const { source, destination, bytes } = packet;
    if (source === port.address) return;
    try {
      this.#handle({ kind: 'packet', interface: port.name, source, destination, bytes });
    } catch (error) {
      this.#fault(port, `packet from ${formatIpv4(source)} on ${port.name}: ${messageOf(error)}`, error);
    }
  }

  /** Performs a wish; returns the event that it is for the agent, if it is one. */
  #perform(effect: OspfEffect): SpeakerEvent | undefined {
    switch (effect.kind) {
      case 'send':
        return this.#send(effect.interface, effect.destination, effect.bytes);
      case 'joinAllDRouters':
        this.#onSocket(effect.interface, (socket) => socket.joinAllDRouters());
        return undefined;
      case 'leaveAllDRouters':
        this.#onSocket(effect.interface, (socket) => socket.leaveAllDRouters());
        return undefined;
      case 'stopped':
        this.#stopped?.();
        return undefined;
      default:
        return speakerEvent(effect);
    }
  }

  /** Returns the news that an interface has said its first Hello. */
  #send(name: string, destination: Ipv4, bytes: Uint8Array): SpeakerEvent | undefined {
    const sent = this.#onSocket(name, (socket) => socket.send(destination, bytes));
    const port = this.#ports.get(name);
    if (!sent || port === undefined || port.saidHello) return undefined;
    if (destination !== ALL_SPF_ROUTERS || bytes[1] !== PacketType.hello) return undefined;
    port.saidHello = true;
    return { kind: 'hello', interface: name };
  }

  /** Does something with an interface's socket; false when there is none or the system refuses. */
  #onSocket(name: string, action: (socket: OspfSocket) => void): boolean {
    const port = this.#ports.get(name);
    if (port?.socket === undefined) return false;
    try {
      action(port.socket);
      return true;
    } catch (error) {
      this.#fault(port, messageOf(error), error);
      return false;
    }
  }

  #fault(port: Port, message: string, cause?: unknown): void {
    const now = this.#options.clock.now();
    if (port.fault?.message === message && now - port.fault.at < SAME_FAULT_AGAIN) return;
    port.fault = { message, at: now };
    this.#emit(cause === undefined ? { kind: 'fault', message } : { kind: 'fault', message, cause });
  }

  #emit(event: SpeakerEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}

function byName(interfaces: readonly InterfaceConfig[]): ReadonlyMap<string, InterfaceConfig> {
  return new Map(interfaces.map((settings) => [settings.name, settings]));
}

function newPort(name: string): Port {
  return { name, socket: undefined, ifindex: 0, address: 0, saidHello: false, fault: undefined };
}

function closeSocket(port: Port): void {
  port.socket?.close();
  port.socket = undefined;
}

/** `{ hello: 3 }` as `{ 'received.hello': 3 }`. */
function labelled(name: string, counts: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(counts).map(([label, value]) => [`${name}.${label}`, value]));
}

function isHopeless(error: unknown): boolean {
  if (error instanceof KernelError) return error.errno === 'EPERM' || error.errno === 'EACCES';
  return error instanceof Error && 'code' in error && error.code === 'ERR_DGRAM_OSPF_LOAD';
}

type Reported = Exclude<OspfEffect, { kind: 'send' | 'joinAllDRouters' | 'leaveAllDRouters' | 'stopped' }>;

/** The effects that are news for the agent. */
function speakerEvent(effect: Reported): SpeakerEvent {
  switch (effect.kind) {
    case 'interfaceChanged':
      return { kind: 'interface', interface: effect.interface, from: effect.from, to: effect.to };
    case 'neighborChanged': {
      const { interface: name, from, to, reason } = effect;
      const [routerId, address] = [formatIpv4(effect.routerId), formatIpv4(effect.address)];
      return { kind: 'neighbor', interface: name, routerId, address, from, to, reason };
    }
    case 'neighborTrouble': {
      const { interface: name, reason, detail } = effect;
      const [routerId, address] = [formatIpv4(effect.routerId), formatIpv4(effect.address)];
      return { kind: 'trouble', interface: name, routerId, address, reason, detail };
    }
    case 'restart':
      return { kind: 'restart', step: effect.step, detail: effect.detail };
    case 'helper': {
      const { interface: name, step, until, reason } = effect;
      return { kind: 'helper', interface: name, routerId: formatIpv4(effect.routerId), step, until, reason };
    }
    case 'originated':
      return { kind: 'announced', prefixes: effect.prefixes };
    case 'routes':
      return { kind: 'routes', routes: effect.routes };
    case 'dropped': {
      const { interface: name, reason, detail } = effect;
      return { kind: 'dropped', interface: name, source: formatIpv4(effect.source), reason, detail };
    }
  }
}
