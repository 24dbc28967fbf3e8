/**
 * Mutated packets for speakers in the middle of their work: Full on a point-to-point link and on a LAN (as DR and as DR
 * Other), stuck in Exchange, stuck in Loading, in an NSSA. Each situation is one network that lives on under all the packets
 * of its share, so that what they leave behind adds up. Every now and then the strikes stop for a while, and all has to
 * be in order again: neighbors Full, databases equal, announcements heard, nothing owed to anyone.
 *
 * The same seed gives the same packets in the same states. A packet that takes too long is judged by letting its situation run
 * again from the start and measuring that packet alone: a busy machine does not stumble at the same place every time.
 */
import { formatIpv4, type Ipv4, ipv4 } from '../../src/core/base/ipv4.ts';
import type { Millis } from '../../src/core/base/machine.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { ALL_D_ROUTERS, ALL_SPF_ROUTERS, LsType, RouterLinkType } from '../../src/core/ospf/codes.ts';
import type { OspfInput } from '../../src/core/ospf/events.ts';
import { MOST_NEIGHBORS } from '../../src/core/ospf/interface/hello.ts';
import { buildLsa, buildOpaqueLsa } from '../../src/core/ospf/lsa/codec.ts';
import type { Lsa, RouterLink } from '../../src/core/ospf/lsa/lsa.ts';
import { MOST_LSAS } from '../../src/core/ospf/lsdb/lsdb.ts';
import { encodePacket } from '../../src/core/ospf/packet/codec.ts';
import type { Packet } from '../../src/core/ospf/packet/packet.ts';
import { fromHex, toHex } from '../vectors/ospf/handmade.ts';
import { mutate, sweepLengths } from './mutator.ts';
import { instanceConfig, interfaceConfig, Network, SimLink, type SimNode } from './network.ts';
import { agree, announce, hostsSeen, pair } from './topologies.ts';

/** What handling one packet may take. */
export const SLOW: Millis = 5;
/** Strikes between two looks at whether all is in order. */
const ROUND = 4000;
/** How long that may take to come about: a dead interval, an exchange, the longest retransmission, and the linger of a flush. */
const RECOVERY: Millis = 60_000;
/** Longest pause between two strikes, so that timers have their say in between. */
const PAUSE: Millis = 40;
const RERUNS = 2;
const FIRST_FAULTS = 5;

type Filter = (packet: Packet, from: SimNode, to: SimNode) => boolean;

interface Stage {
  readonly net: Network;
  readonly link: SimLink;
  /** The first is struck, and the LAN's last as well. */
  readonly nodes: readonly SimNode[];
  readonly victims: readonly SimNode[];
  /** Keeps the exchange from getting on, while the strikes last. */
  readonly filter?: Filter;
}

function cable(areaType: 'normal' | 'nssa' = 'normal', filter?: Filter): Stage {
  const settings = { holdLimit: 0, areaType };
  const { net, link, a, b } = pair(settings, settings);
  return { net, link, nodes: [a, b], victims: [a], ...(filter === undefined ? {} : { filter }) };
}

function lan(): Stage {
  const net = new Network();
  const link = new SimLink();
  const nodes = [2, 1, 0].map((priority, at) => {
    const lanPort = interfaceConfig('eth1', { network: 'broadcast', priority });
    return net.addNode(`r${at + 1}`, instanceConfig(`10.0.0.${at + 1}`, [lanPort]));
  });
  for (const [at, node] of nodes.entries()) net.attach(link, node, 'eth1', `10.1.0.${at + 1}`, 24);
  return { net, link, nodes, victims: [nodes[0]!, nodes[2]!] };
}

const SITUATIONS: Readonly<Record<string, () => Stage>> = {
  'Full, point-to-point': () => cable(),
  'Full, LAN': lan,
  Exchange: () => cable('normal', ({ body }) => body.kind !== 'dbDescription' || body.headers.length === 0),
  Loading: () => cable('normal', ({ body }) => body.kind !== 'lsUpdate'),
  NSSA: () => cable('nssa'),
};

export interface Offender {
  readonly situation: string;
  /** The how-manieth strike of that situation. */
  readonly strike: number;
  readonly hex: string;
  readonly millis: Millis;
}

export interface FuzzReport {
  readonly seed: number;
  readonly packets: number;
  /** Exceptions that came out of the speaker, with the packet that did it. */
  readonly escapes: readonly string[];
  /** What was not in order when the strikes had stopped. */
  readonly faults: readonly string[];
  /** Packets that took too long in the first run and in every other one. */
  readonly slow: readonly Offender[];
  /** Time of the slowest packet that was not slow only once. */
  readonly slowest: Millis;
  /** How often each reason to drop something was met. */
  readonly dropped: Readonly<Record<string, number>>;
}

/** Called whenever a situation has come to rest, with its name. */
export type Checkpoint = (situation: string) => void;

export function fuzz(seed: number, packets: number, checkpoint: Checkpoint = () => undefined): FuzzReport {
  const names = Object.keys(SITUATIONS);
  const share = Math.ceil(packets / names.length);
  const reports = names.map((name, at) => strikeAll(name, seed + at, share, checkpoint));
  const dropped: Record<string, number> = {};
  for (const [reason, count] of reports.flatMap((one) => Object.entries(one.dropped))) {
    dropped[reason] = (dropped[reason] ?? 0) + count;
  }
  return {
    seed,
    packets: share * names.length,
    escapes: reports.flatMap(({ escapes }) => escapes),
    faults: reports.flatMap(({ faults }) => faults),
    slow: reports.flatMap(({ slow }) => slow),
    slowest: Math.max(...reports.map(({ slowest }) => slowest)),
    dropped,
  };
}

/** One packet, given as hexadecimal, in every situation; the exceptions that it raised. */
export function strikeWith(hex: string): string[] {
  return Object.keys(SITUATIONS).flatMap((name) => {
    const run = new Run(name, 1);
    run.strikeWith(fromHex(hex));
    return run.escapes;
  });
}

function strikeAll(name: string, seed: number, count: number, checkpoint: Checkpoint) {
  const run = new Run(name, seed);
  run.strike(count, checkpoint);
  const { escapes, faults, dropped } = run;
  let suspects = run.offenders;
  for (let rerun = 0; rerun < RERUNS && suspects.length > 0; rerun++) {
    const again = new Run(name, seed);
    again.strike(Math.max(...suspects.map(({ strike }) => strike)) + 1);
    suspects = suspects.filter(({ strike }) => again.offenders.some((other) => other.strike === strike));
  }
  return {
    escapes,
    faults,
    dropped,
    slow: suspects,
    slowest: Math.max(run.slowest, ...suspects.map(({ millis }) => millis)),
  };
}

/** One situation from its start. */
class Run {
  readonly escapes: string[] = [];
  readonly faults: string[] = [];
  readonly offenders: Offender[] = [];
  /** Of the packets within the limit. */
  slowest: Millis = 0;
  readonly #name: string;
  readonly #stage: Stage;
  readonly #prng: Prng;
  readonly #corpus: readonly Recorded[];
  readonly #sweep: readonly Recorded[];
  #strikes = 0;
  #swept = 0;

  constructor(name: string, seed: number) {
    this.#name = name;
    this.#prng = new Prng(seed);
    this.#stage = SITUATIONS[name]!();
    this.#corpus = record(this.#stage);
    this.#sweep = this.#corpus.flatMap(({ from, bytes }) =>
      sweepLengths(bytes).map((lying) => ({ from, bytes: lying })),
    );
    this.#disturb(true);
  }

  get dropped(): Readonly<Record<string, number>> {
    const all = this.#stage.victims.flatMap((node) => Object.entries(node.instance.counters().dropped));
    const sums: Record<string, number> = {};
    for (const [reason, count] of all) sums[reason] = (sums[reason] ?? 0) + count;
    return sums;
  }

  strike(count: number, checkpoint: Checkpoint = () => undefined): void {
    while (this.#strikes < count) {
      this.#strikeOnce();
      this.#stage.net.run(PAUSE * this.#prng.unit());
      if (this.#strikes % ROUND !== 0 && this.#strikes !== count) continue;
      this.#disturb(false);
      this.#examine();
      checkpoint(this.#name);
      this.#disturb(true);
    }
  }

  strikeWith(bytes: Uint8Array): void {
    const [victim] = this.#stage.victims;
    this.#hit(victim!, { from: addressOf(this.#stage.nodes[1]!), bytes });
    this.#stage.net.run(RECOVERY);
  }

  /** Every length field of the recorded packets, in turn with whatever chance gives. */
  #strikeOnce(): void {
    const { victims } = this.#stage;
    const victim = victims[this.#strikes % victims.length]!;
    const swept = this.#strikes % 4 < 2 ? undefined : this.#sweep[this.#swept++];
    if (swept !== undefined) {
      this.#hit(victim, swept);
      return;
    }
    const { from, bytes } = this.#corpus[Math.floor(this.#prng.unit() * this.#corpus.length)]!;
    const stranger = ipv4('10.1.0.0') + Math.floor(256 * this.#prng.unit());
    this.#hit(victim, { from: this.#prng.unit() < 0.9 ? from : stranger, bytes: mutate(bytes, this.#prng) });
  }

  #hit(victim: SimNode, { from, bytes }: Recorded): void {
    const strike = this.#strikes++;
    const destination = this.#prng.unit() < 0.9 ? ALL_SPF_ROUTERS : ALL_D_ROUTERS;
    const input = { kind: 'packet', interface: 'eth1', source: from, destination, bytes } as const;
    let millis = 0;
    try {
      millis = this.#timed(victim, input);
    } catch (error) {
      this.#complain(this.escapes, `strike ${strike}, packet ${toHex(bytes)}: ${String(error)}`);
    }
    if (millis > SLOW) this.offenders.push({ situation: this.#name, strike, hex: toHex(bytes), millis });
    else this.slowest = Math.max(this.slowest, millis);
  }

  /** What the speaker itself takes, without the network's part of it. */
  #timed(victim: SimNode, input: OspfInput): Millis {
    const { instance } = victim;
    let millis = 0;
    const handle = instance.handle;
    instance.handle = (one, now) => {
      const started = performance.now();
      const effects = handle.call(instance, one, now);
      millis = performance.now() - started;
      return effects;
    };
    try {
      this.#stage.net.input(victim, input);
    } finally {
      instance.handle = handle;
    }
    return millis;
  }

  #disturb(on: boolean): void {
    this.#stage.link.filter = on ? this.#stage.filter : undefined;
  }

  /** Everything has to be in order again, and within its bounds. */
  #examine(): void {
    const { net, nodes, victims } = this.#stage;
    const ours = `203.0.113.${1 + Math.floor(250 * this.#prng.unit())}`;
    net.run(RECOVERY / 4);
    announce(net, victims[0]!, ours);
    const settled = () => nodes.every((node) => isSettled(node, nodes, net));
    if (!net.runUntil(settled, RECOVERY)) this.#complain(this.faults, `not settled: ${describe(nodes, net)}`);
    // LSAs that were invented in a neighbor's name are unknown to it, until the two exchange their databases anew.
    for (const node of nodes.slice(1)) {
      net.down(node, 'eth1');
      net.up(node, 'eth1');
    }
    const inOrder = () => agree(net, nodes) && settled();
    if (!net.runUntil(inOrder, RECOVERY)) this.#complain(this.faults, `not in order: ${describe(nodes, net)}`);
    const seen = hostsSeen(net, nodes[1]!, formatIpv4(victims[0]!.config.routerId));
    if (seen.join() !== `${ours}/32 metric 1`)
      this.#complain(this.faults, `of ${ours} the neighbor knows ${seen.join()}`);
    for (const node of nodes) {
      if (node.instance.lsdb(net.now).length > MOST_LSAS)
        this.#complain(this.faults, `${node.name} keeps too many LSAs`);
      if (node.instance.neighbors(net.now).length > MOST_NEIGHBORS)
        this.#complain(this.faults, `${node.name} keeps too many neighbors`);
      node.log.length = 0;
    }
  }

  #complain(list: string[], fault: string): void {
    if (list.length < FIRST_FAULTS) list.push(`${this.#name}, before strike ${this.#strikes}: ${fault}`);
  }
}

/** Full with all others, or 2-Way where the LAN has it so, nobody else there, and nothing owed. */
function isSettled(node: SimNode, nodes: readonly SimNode[], net: Network): boolean {
  const neighbors = node.instance.neighbors(net.now);
  return (
    neighbors.length === nodes.length - 1 &&
    neighbors.every((one) => one.state === 'full' && one.retransmissions === 0 && one.requests === 0)
  );
}

function describe(nodes: readonly SimNode[], net: Network): string {
  const views = nodes.map((node) => {
    const neighbors = node.instance.neighbors(net.now);
    const words = neighbors.map(
      (one) => `${formatIpv4(one.routerId)} ${one.state} ${one.requests}/${one.retransmissions}`,
    );
    return `${node.name} (${node.instance.lsdb(net.now).length} LSAs): ${words.join(', ')}`;
  });
  return `${agree(net, nodes) ? 'databases agree' : 'databases differ'}; ${views.join('; ')}`;
}

interface Recorded {
  readonly from: Ipv4;
  readonly bytes: Uint8Array;
}

function addressOf(node: SimNode): Ipv4 {
  return node.instance.interfaces()[0]?.address ?? 0;
}

/** What the first router's neighbors said while all came up and announced something, and an update with every kind of LSA. */
function record({ net, nodes }: Stage): Recorded[] {
  const recorded: Recorded[] = [];
  net.onSend = (node, packet) => recorded.push({ from: addressOf(node), bytes: encodePacket(packet) });
  net.run(6000);
  for (const node of nodes) announce(net, node, formatIpv4(node.config.routerId), '203.0.113.10');
  net.run(3000);
  net.onSend = undefined;
  const teller = nodes[1]!;
  const said = recorded.filter(({ from }) => from !== addressOf(nodes[0]!));
  const header = { routerId: teller.config.routerId, areaId: 0 };
  // In the name of a stranger, and in that of the one who will be struck.
  const lsas = everyKind([ipv4('10.0.0.77'), nodes[0]!.config.routerId]);
  const told = lsas.map((lsa) => encodePacket({ header, body: { kind: 'lsUpdate', lsas: [lsa], skipped: [] } }));
  const request = encodePacket({
    header,
    body: { kind: 'lsRequest', requests: lsas.map((lsa) => lsa.header) },
  });
  const additional = [...told, request].map((bytes) => ({ from: addressOf(teller), bytes }));
  // Hellos are most of what is said; a few will do.
  const hellos = said.filter(({ bytes }) => bytes[1] === 1).slice(-4);
  return [...hellos, ...said.filter(({ bytes }) => bytes[1] !== 1), ...additional];
}

/** An LSA of every type in the name of each of these routers. */
export function everyKind(routers: readonly Ipv4[]): Lsa[] {
  return routers.flatMap((advertisingRouter) => {
    const header = { id: ipv4('198.51.100.0'), advertisingRouter, age: 1, options: 2, sequence: 0x80000009 | 0 };
    const link: RouterLink = { type: RouterLinkType.pointToPoint, id: ipv4('10.0.0.78'), data: 0, metric: 1 };
    const external = { kind: 'external', mask: 0xffffff00, e2: true, metric: 1, forwardingAddress: 0, tag: 0 } as const;
    return [
      buildLsa({ ...header, type: LsType.router, id: advertisingRouter }, { kind: 'router', flags: 0, links: [link] }),
      buildLsa({ ...header, type: LsType.network }, { kind: 'network', mask: 0xffffff00, attachedRouters: [1, 2] }),
      buildLsa({ ...header, type: LsType.summaryNetwork }, { kind: 'summary', mask: 0xffffff00, metric: 1 }),
      buildLsa({ ...header, type: LsType.summaryAsbr }, { kind: 'summary', mask: 0, metric: 1 }),
      buildLsa({ ...header, type: LsType.asExternal }, external),
      buildLsa({ ...header, type: LsType.nssa }, external),
      ...[LsType.opaqueLink, LsType.opaqueArea, LsType.opaqueAs].map((type) =>
        buildOpaqueLsa({ ...header, type, id: 0x03000001 }, new Uint8Array(12)),
      ),
    ];
  });
}
