/**
 * A network in memory for OSPF instances: links with delay, loss, duplication and reordering, partitions, and a clock that
 * jumps to the next thing that happens. The same seed gives the same run.
 *
 * It does for `OspfInstance` what sockets, multicast and timers do in the product, and nothing more.
 */
import { formatIpv4, type Ipv4, ipv4 } from '../../src/core/base/ipv4.ts';
import type { Instant, Millis } from '../../src/core/base/machine.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { ALL_D_ROUTERS, ALL_SPF_ROUTERS, INITIAL_SEQUENCE, MAX_AGE } from '../../src/core/ospf/codes.ts';
import type {
  EarlierLife,
  InstanceConfig,
  InterfaceConfig,
  OspfEffect,
  OspfInput,
} from '../../src/core/ospf/events.ts';
import { OspfInstance } from '../../src/core/ospf/instance.ts';
import type { Verifier } from '../../src/core/ospf/packet/authentication.ts';
import { decodePacket } from '../../src/core/ospf/packet/codec.ts';
import type { Packet } from '../../src/core/ospf/packet/packet.ts';

export interface LinkQuality {
  readonly delay: Millis;
  /** Up to this much is added to each delay, so that packets overtake each other. */
  readonly jitter: Millis;
  /** Probabilities, 0 to 1. */
  readonly loss: number;
  readonly duplication: number;
}

const PERFECT: LinkQuality = { delay: 0.1, jitter: 0, loss: 0, duplication: 0 };

/** One end of a link. */
interface Port {
  readonly node: SimNode;
  readonly interface: string;
  readonly address: Ipv4;
  readonly prefixLength: number;
  inAllDRouters: boolean;
}

export class SimLink {
  readonly ports: Port[] = [];
  quality: LinkQuality = PERFECT;
  /** Names of nodes that hear each other; undefined = all of them. */
  islands: readonly (readonly string[])[] | undefined;
  /** Drops what it returns false for. */
  filter: ((packet: Packet, from: SimNode, to: SimNode) => boolean) | undefined;

  connects(from: SimNode, to: SimNode): boolean {
    if (this.islands === undefined) return true;
    return this.islands.some((island) => island.includes(from.name) && island.includes(to.name));
  }
}

/** For those who look on: whether a packet is authentic is its receiver's question. */
const ANY_AUTHENTICATION: Verifier = { verify: () => {} };

export interface Recorded {
  readonly at: Instant;
  readonly effect: OspfEffect;
}

export class SimNode {
  readonly name: string;
  readonly config: InstanceConfig;
  readonly instance: OspfInstance;
  /** Every effect but `send`. */
  readonly log: Recorded[] = [];
  readonly links = new Map<string, SimLink>();
  running = true;

  constructor(name: string, config: InstanceConfig, now: Instant) {
    this.name = name;
    this.config = config;
    this.instance = new OspfInstance(config, now);
  }

  /** Times and effects of one kind, in order. */
  logged<K extends OspfEffect['kind']>(kind: K): { at: Instant; effect: Extract<OspfEffect, { kind: K }> }[] {
    return this.log.flatMap(({ at, effect }) =>
      effect.kind === kind ? [{ at, effect: effect as Extract<OspfEffect, { kind: K }> }] : [],
    );
  }

  /** The time at which the neighbor last became Full; undefined when it never did. */
  fullAt(routerId: Ipv4): Instant | undefined {
    return this.logged('neighborChanged').findLast(({ effect }) => effect.to === 'full' && effect.routerId === routerId)
      ?.at;
  }
}

interface Delivery {
  readonly at: Instant;
  readonly order: number;
  readonly run: () => void;
}

export class Network {
  now: Instant = 0;
  readonly nodes: SimNode[] = [];
  /** Packets sent, by kind. */
  readonly sent: Record<Packet['body']['kind'], number> = {
    hello: 0,
    dbDescription: 0,
    lsRequest: 0,
    lsUpdate: 0,
    lsAck: 0,
  };
  /** Called for every packet sent, before the link decides what becomes of it. */
  onSend: ((from: SimNode, packet: Packet, destination: Ipv4) => void) | undefined;
  readonly #prng: Prng;
  readonly #queue: Delivery[] = [];
  /** Those of `nodes` that nobody has replaced: after a day of restarts only a few. */
  readonly #present: SimNode[] = [];
  #order = 0;

  constructor(seed = 1) {
    this.#prng = new Prng(seed);
  }

  addNode(name: string, config: InstanceConfig): SimNode {
    const node = new SimNode(name, config, this.now);
    this.nodes.push(node);
    this.#present.push(node);
    return node;
  }

  /** Attaches a node's interface to a link and brings it up. */
  attach(link: SimLink, node: SimNode, name: string, address: string, prefixLength: number): void {
    link.ports.push({ node, interface: name, address: ipv4(address), prefixLength, inAllDRouters: false });
    node.links.set(name, link);
    this.up(node, name);
  }

  up(node: SimNode, name: string, mtu = 1500): void {
    const { address, prefixLength } = portOf(node, name);
    const ifindex = [...node.links.keys()].indexOf(name) + 2;
    this.input(node, { kind: 'interfaceUp', name, address, prefixLength, mtu, ifindex });
  }

  down(node: SimNode, name: string): void {
    this.input(node, { kind: 'interfaceDown', name });
  }

  /** New settings, as after a reload: interfaces that are new come up if they are attached to a link. */
  configure(node: SimNode, interfaces: readonly InterfaceConfig[]): void {
    const known = new Set(node.instance.interfaces().map(({ name }) => name));
    this.input(node, { kind: 'configure', interfaces });
    for (const { name } of interfaces) if (!known.has(name) && node.links.has(name)) this.up(node, name);
  }

  /** Power off: it neither hears nor says anything any more. */
  kill(node: SimNode): void {
    node.running = false;
  }

  /** A new process in the place of a killed one, on the same links, with what that one has left; without it, nothing. */
  replace(node: SimNode, seed = node.config.seed + 1000, earlier?: EarlierLife): SimNode {
    this.kill(node);
    this.#present.splice(this.#present.indexOf(node), 1);
    const fresh = this.addNode(node.name, { ...node.config, seed });
    if (earlier !== undefined) this.input(fresh, { kind: 'takeOver', ...earlier });
    for (const [name, link] of node.links) {
      const port = portOf(node, name);
      link.ports.splice(link.ports.indexOf(port), 1);
      this.attach(link, fresh, name, formatIpv4(port.address), port.prefixLength);
    }
    return fresh;
  }

  input(node: SimNode, input: OspfInput): void {
    if (!node.running) return;
    for (const effect of node.instance.handle(input, this.now)) this.#perform(node, effect);
  }

  at(when: Instant, run: () => void): void {
    const delivery = { at: when, order: this.#order++, run };
    // Mostly the latest of all: search from the end.
    let index = this.#queue.length;
    while (index > 0 && this.#queue[index - 1]!.at > when) index--;
    this.#queue.splice(index, 0, delivery);
  }

  /** Lets this much time pass. */
  run(duration: Millis): void {
    this.runUntil(() => false, duration);
  }

  /** Lets time pass until the condition holds, checked after everything that happens; false when it never did. */
  runUntil(condition: () => boolean, limit: Millis): boolean {
    const end = this.now + limit;
    for (;;) {
      if (condition()) return true;
      const next = this.#next();
      if (next === undefined || next > end) {
        this.now = end;
        return false;
      }
      this.now = Math.max(this.now, next);
      this.#step();
    }
  }

  #next(): Instant | undefined {
    let least = this.#queue[0]?.at;
    for (const node of this.#present) {
      const deadline = node.running ? node.instance.deadline : undefined;
      if (deadline !== undefined && (least === undefined || deadline < least)) least = deadline;
    }
    return least;
  }

  /** Packets before timers, as a socket that is ready is read before a late timer is served. */
  #step(): void {
    const first = this.#queue[0];
    if (first !== undefined && first.at <= this.now) {
      this.#queue.shift();
      first.run();
      return;
    }
    for (const node of [...this.#present]) {
      const deadline = node.instance.deadline;
      if (deadline !== undefined && deadline <= this.now) this.input(node, { kind: 'timer' });
    }
  }

  #perform(node: SimNode, effect: OspfEffect): void {
    if (effect.kind === 'send') {
      this.#send(node, effect.interface, effect.destination, effect.bytes);
      return;
    }
    node.log.push({ at: this.now, effect });
    if (effect.kind === 'joinAllDRouters') portOf(node, effect.interface).inAllDRouters = true;
    if (effect.kind === 'leaveAllDRouters') portOf(node, effect.interface).inAllDRouters = false;
  }

  #send(node: SimNode, name: string, destination: Ipv4, bytes: Uint8Array): void {
    const link = node.links.get(name)!;
    const from = portOf(node, name);
    const packet = decodePacket(bytes, ANY_AUTHENTICATION);
    this.sent[packet.body.kind]++;
    this.onSend?.(node, packet, destination);
    for (const to of link.ports) {
      if (to === from || !reaches(destination, to) || !link.connects(node, to.node)) continue;
      if (link.filter?.(packet, node, to.node) === false) continue;
      this.#deliver(link, from, to, destination, bytes);
      if (this.#prng.unit() < link.quality.duplication) this.#deliver(link, from, to, destination, bytes);
    }
  }

  #deliver(link: SimLink, from: Port, to: Port, destination: Ipv4, bytes: Uint8Array): void {
    const { delay, jitter, loss } = link.quality;
    if (this.#prng.unit() < loss) return;
    const at = this.now + delay + jitter * this.#prng.unit();
    this.at(at, () =>
      this.input(to.node, { kind: 'packet', interface: to.interface, source: from.address, destination, bytes }),
    );
  }
}

function portOf(node: SimNode, name: string): Port {
  const port = node.links.get(name)?.ports.find((candidate) => candidate.node === node && candidate.interface === name);
  if (port === undefined) throw new RangeError(`${node.name} has no interface ${name} on a link`);
  return port;
}

function reaches(destination: Ipv4, port: Port): boolean {
  if (destination === ALL_SPF_ROUTERS) return true;
  return destination === ALL_D_ROUTERS ? port.inAllDRouters : destination === port.address;
}

/** Settings as the product has them by default; times in milliseconds. */
export function interfaceConfig(name: string, settings: Partial<InterfaceConfig> = {}): InterfaceConfig {
  return {
    name,
    network: 'point-to-point',
    cost: 10,
    helloInterval: 1000,
    deadInterval: 4000,
    priority: 0,
    rxmtInterval: 1000,
    mtuIgnore: false,
    passive: false,
    neighbors: [],
    pollInterval: 20_000,
    ...settings,
  };
}

export function instanceConfig(
  routerId: string,
  interfaces: readonly InterfaceConfig[],
  settings: Partial<InstanceConfig> = {},
): InstanceConfig {
  return {
    routerId: ipv4(routerId),
    areaId: 0,
    areaType: 'normal',
    interfaces,
    stubRouter: false,
    originateFloor: 1100,
    holdLimit: 300,
    seed: ipv4(routerId),
    ...settings,
  };
}

/** The database as comparable text: one line per LSA in force, without its age. */
export function databaseOf(node: SimNode, now: Instant): string[] {
  return node.instance
    .lsdb(now)
    .filter(({ age }) => age < MAX_AGE)
    .map(
      ({ type, id, advertisingRouter, sequence, checksum }) =>
        `${type} ${formatIpv4(id)} ${formatIpv4(advertisingRouter)} ${sequence >>> 0} ${checksum}`,
    );
}

/** What a node leaves to the next process: who is Full, who is DR, what is announced. Killed, unless told otherwise. */
export function lifeOf(node: SimNode, now: Instant, settings: Partial<EarlierLife> = {}): EarlierLife {
  const full = node.instance.neighbors(now).filter(({ state }) => state === 'full');
  const interfaces = node.instance.interfaces().flatMap(({ name, designatedRouter, backupDesignatedRouter }) => {
    const routerIds = full.flatMap((row) => (row.interface === name ? [row.routerId] : []));
    return routerIds.length === 0 ? [] : [{ interface: name, routerIds, designatedRouter, backupDesignatedRouter }];
  });
  const expected = node.instance.announced().map(({ prefix }) => prefix);
  const sequence = INITIAL_SEQUENCE + Math.floor(now);
  return { planned: false, until: now + 20_000, announceBy: now + 5000, expected, interfaces, sequence, ...settings };
}
