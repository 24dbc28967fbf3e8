/**
 * A day of protocol time for eight routers that have no luck: links flap, routers restart, the LAN falls apart, packets are
 * lost, doubled and overtaken all the while. The last part of the day nothing breaks any more (packets are still lost), and
 * at its end everything has to be in order. The same seed gives the same day.
 *
 *     r1 r2 r3 r4  on a LAN (r4 is never DR);   r5 r6 r7 r8  behind cables:
 *     r1-r5  r2-r6  r5-r6  r6-r7  r7-r8  r8-r4  r3-r7
 */
import { formatIpv4, type Ipv4 } from '../../src/core/base/ipv4.ts';
import type { Millis } from '../../src/core/base/machine.ts';
import { Prng } from '../../src/core/base/prng.ts';
import { MAX_AGE } from '../../src/core/ospf/codes.ts';
import type { InterfaceConfig } from '../../src/core/ospf/events.ts';
import { instanceConfig, interfaceConfig, type LinkQuality, Network, SimLink, type SimNode } from './network.ts';
import { agree, announce, announceOwnId, converged } from './topologies.ts';

const SECOND: Millis = 1000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;

/** LSRefreshTime and the longest repair: at the end every LSA has been refreshed since all was well again. */
const CALM: Millis = 41 * MINUTE;
/** Mean time between two misfortunes. */
const BETWEEN: Millis = 4 * MINUTE;
/** LSRefreshTime, and what a refresh may take to get here over links that lose packets. */
const OLDEST = 1800 + 15;

const USUAL: LinkQuality = { delay: 0.2, jitter: 2, loss: 0.005, duplication: 0.005 };
const BAD: LinkQuality = { delay: 1, jitter: 60, loss: 0.15, duplication: 0.15 };

const CABLES = [
  [1, 5],
  [2, 6],
  [5, 6],
  [6, 7],
  [7, 8],
  [8, 4],
  [3, 7],
] as const;
const ON_LAN = 4;
const ROUTERS = 8;

const TIMERS: Partial<InterfaceConfig> = { helloInterval: 10_000, deadInterval: 40_000, rxmtInterval: 5000 };

export interface DayReport {
  readonly seed: number;
  readonly misfortunes: number;
  /** Adjacencies that were Full and fell. */
  readonly lost: number;
  readonly packets: number;
  /** What is not as it has to be at the end of the day, in words; empty when all is well. */
  readonly faults: readonly string[];
}

/** Lets a day of this length pass; the last 41 minutes are calm. */
export function liveThrough(seed: number, length: Millis = 24 * HOUR): DayReport {
  const town = new Town(seed);
  const end = length - CALM;
  for (;;) {
    const next = town.net.now - BETWEEN * Math.log(1 - town.prng.unit());
    if (next >= end) break;
    town.net.run(next - town.net.now);
    town.misfortune();
  }
  town.net.run(end - town.net.now);
  town.recover();
  town.net.run(length - town.net.now);
  return town.report(seed);
}

class Town {
  readonly net: Network;
  readonly prng: Prng;
  readonly #nodes: SimNode[];
  readonly #lan = new SimLink();
  readonly #cables = CABLES.map(() => new SimLink());
  #misfortunes = 0;

  constructor(seed: number) {
    this.net = new Network(seed);
    this.prng = new Prng(seed);
    this.#nodes = Array.from({ length: ROUTERS }, (_, at) => this.#build(at + 1));
    for (const link of this.#links()) link.quality = USUAL;
  }

  #links(): SimLink[] {
    return [this.#lan, ...this.#cables];
  }

  #build(number: number): SimNode {
    const cables = CABLES.flatMap((ends, at) => (ends.some((end) => end === number) ? [{ ends, at }] : []));
    const interfaces = cables.map(({ at }) => interfaceConfig(`cable${at}`, { ...TIMERS, cost: 5 + at }));
    const priority = number === ON_LAN ? 0 : 1;
    if (number <= ON_LAN) interfaces.push(interfaceConfig('lan', { ...TIMERS, network: 'broadcast', priority }));
    const node = this.net.addNode(`r${number}`, instanceConfig(`10.0.0.${number}`, interfaces));
    for (const { ends, at } of cables) {
      this.net.attach(this.#cables[at]!, node, `cable${at}`, `10.1.${at}.${ends[0] === number ? 1 : 2}`, 30);
    }
    if (number <= ON_LAN) this.net.attach(this.#lan, node, 'lan', `192.0.2.${number}`, 24);
    announceOwnId(this.net, node);
    return node;
  }

  #pick<T>(items: readonly T[]): T {
    return items[Math.floor(this.prng.unit() * items.length)]!;
  }

  /** Short more often than long. */
  #while(longest: Millis): Millis {
    return longest * this.prng.unit() ** 3;
  }

  /** Something breaks, and is repaired a while later. */
  misfortune(): void {
    this.#misfortunes++;
    const node = this.#pick(this.#nodes);
    switch (Math.floor(this.prng.unit() * 7)) {
      case 0:
      case 1: {
        const name = this.#pick([...node.links.keys()]);
        this.net.down(node, name);
        this.#later(3 * MINUTE, () => this.net.up(this.#present(node), name));
        break;
      }
      case 2:
        this.#restart(node);
        break;
      case 3:
        this.#lan.islands = [
          ['r1', 'r2'],
          ['r3', 'r4'],
        ];
        this.#later(5 * MINUTE, () => {
          this.#lan.islands = undefined;
        });
        break;
      case 4:
        this.#cut(this.#pick(this.#cables));
        break;
      case 5:
        this.#spoil(this.#pick(this.#links()));
        break;
      default:
        announce(this.net, node, formatIpv4(node.config.routerId), `203.0.113.${Math.floor(4 * this.prng.unit())}`);
    }
  }

  #later(longest: Millis, repair: () => void): void {
    this.net.at(this.net.now + this.#while(longest), repair);
  }

  /** Who has this router's place now. */
  #present(node: SimNode): SimNode {
    return this.#nodes.find(({ name }) => name === node.name)!;
  }

  /** Killed without a word; a new process comes some time later with nothing remembered. */
  #restart(node: SimNode): void {
    this.net.kill(node);
    const seed = this.prng.u32();
    this.#later(2 * MINUTE, () => {
      // It may have been replaced meanwhile.
      const at = this.#nodes.indexOf(node);
      if (at < 0) return;
      this.#nodes[at] = this.net.replace(node, seed);
      announceOwnId(this.net, this.#nodes[at]!);
    });
  }

  /** Neither end notices but by silence. */
  #cut(link: SimLink): void {
    link.islands = [];
    this.#later(3 * MINUTE, () => {
      link.islands = undefined;
    });
  }

  #spoil(link: SimLink): void {
    link.quality = BAD;
    this.#later(10 * MINUTE, () => {
      link.quality = USUAL;
    });
  }

  /** All repairs that are still to come are made within ten minutes; what is switched off is switched on. */
  recover(): void {
    for (const node of this.#nodes) for (const name of node.links.keys()) this.net.up(node, name);
  }

  report(seed: number): DayReport {
    const lost = this.net.nodes.flatMap((node) =>
      node.logged('neighborChanged').filter(({ effect }) => effect.from === 'full'),
    ).length;
    const packets = Object.values(this.net.sent).reduce((sum, count) => sum + count, 0);
    return { seed, misfortunes: this.#misfortunes, lost, packets, faults: this.#faults() };
  }

  #faults(): string[] {
    const { net } = this;
    const dead = this.#nodes.filter(({ running }) => !running).map(({ name }) => `${name} is not running`);
    const apart = agree(net, this.#nodes) ? [] : ['the databases differ'];
    const incomplete = converged(net, this.#nodes) ? [] : ['a router has no route to another'];
    return [...dead, ...apart, ...incomplete, ...this.#nodes.flatMap((node) => this.#faultsOf(node))];
  }

  #faultsOf(node: SimNode): string[] {
    const old = node.instance.lsdb(this.net.now).filter(({ age }) => age > OLDEST && age < MAX_AGE);
    const pending = node.instance.neighbors(this.net.now).filter((view) => view.requests > 0);
    const forwarding = this.#nodes.flatMap((to) => (to === node ? [] : this.#walk(node, to)));
    return [
      ...old.map(
        (lsa) =>
          `${node.name} has an LSA of type ${lsa.type} of ${formatIpv4(lsa.advertisingRouter)}, ${lsa.age} s old`,
      ),
      ...pending.map((view) => `${node.name} waits for LSAs of ${formatIpv4(view.routerId)}`),
      ...forwarding,
    ];
  }

  /** Follows the routes hop by hop: every way must end at `to`, each hop being as much nearer as its link costs. */
  #walk(from: SimNode, to: SimNode): string[] {
    const distance = (node: SimNode) => (node === to ? 1 : costTo(node, to.config.routerId));
    const own = distance(from);
    if (own === undefined) return [`${from.name} has no route to ${to.name}`];
    const route = routeTo(from, to.config.routerId)!;
    return route.nextHops.flatMap((hop) => {
      const next = hop.gateway === undefined ? undefined : this.#atAddress(hop.gateway);
      if (next === undefined) return [`${from.name} sends to ${to.name} by nobody`];
      const { cost } = from.instance.interfaces().find(({ name }) => name === hop.interface)!;
      const rest = distance(next);
      return rest !== undefined && rest + cost === own
        ? []
        : [`${from.name} and ${next.name} disagree about ${to.name}`];
    });
  }

  #atAddress(address: Ipv4): SimNode | undefined {
    return this.#nodes.find((node) => node.instance.interfaces().some((iface) => iface.address === address));
  }
}

function routeTo(node: SimNode, host: Ipv4) {
  return node.instance.routes().find(({ prefix }) => prefix.address === host && prefix.length === 32);
}

function costTo(node: SimNode, host: Ipv4): number | undefined {
  return routeTo(node, host)?.cost;
}
