/**
 * What a large database costs: the calculation of routes over 200 routers and 10,000 AS-external-LSAs, whole and for one
 * external LSA that changed, and the longest turns of the speaker while an adjacency with such a neighbor comes up.
 *
 * A turn is one call of the core: what it takes, the event loop of the agent stands still. Nothing here touches the
 * network; the two speakers hand each other their packets.
 */
import { formatIpv4, ipv4 } from '../src/core/base/ipv4.ts';
import { INITIAL_SEQUENCE, LsType, RouterFlag, RouterLinkType } from '../src/core/ospf/codes.ts';
import type { InstanceConfig, OspfInput } from '../src/core/ospf/events.ts';
import { OspfInstance } from '../src/core/ospf/instance.ts';
import { buildLsa } from '../src/core/ospf/lsa/codec.ts';
import type { Lsa, LsaBody, RouterLink } from '../src/core/ospf/lsa/lsa.ts';
import { computeRoutes, externalPrefixKey, recomputeExternals } from '../src/core/ospf/spf/spf.ts';
import { instanceConfig, interfaceConfig } from '../test/sim/network.ts';
import { atMost, type BenchGoal, type BenchOutcome, type BenchRun, figure, median } from './result.ts';

const ROUTERS = 200;
const EXTERNALS = 10_000;
const OURS = ipv4('10.255.0.1');
const ROUTER = ipv4('10.254.0.1');
const NOTHING_SENT = 30_000;

function lsa(type: number, id: number, advertisingRouter: number, body: LsaBody): Lsa {
  return buildLsa({ type, id, advertisingRouter, age: 1, options: 2, sequence: INITIAL_SEQUENCE }, body);
}

function pointToPoint(id: number, data: number): RouterLink {
  return { type: RouterLinkType.pointToPoint, id, data, metric: 10 };
}

/** A ring of routers with chords; we hang on the first two. The externals come from all of them in turn. */
function area(): { readonly lsas: Lsa[]; readonly externals: Lsa[] } {
  const links = new Map<number, RouterLink[]>();
  let network = ipv4('10.1.0.0');
  const connect = (a: number, b: number) => {
    network += 4;
    links.set(a, [...(links.get(a) ?? []), pointToPoint(b, network + 1)]);
    links.set(b, [...(links.get(b) ?? []), pointToPoint(a, network + 2)]);
  };
  for (let n = 0; n < ROUTERS; n++) {
    connect(ROUTER + n, ROUTER + ((n + 1) % ROUTERS));
    connect(ROUTER + n, ROUTER + ((n * 7 + 3) % ROUTERS));
  }
  connect(OURS, ROUTER);
  connect(OURS, ROUTER + 1);
  const routers = [...links].map(([id, list]) =>
    lsa(LsType.router, id, id, { kind: 'router', flags: RouterFlag.e, links: list }),
  );
  const externals = Array.from({ length: EXTERNALS }, (_, n) => external(n, ROUTER + (n % ROUTERS), 20));
  return { lsas: [...routers, ...externals], externals };
}

function external(n: number, router: number, metric: number): Lsa {
  const body = { kind: 'external', mask: 0xffffff00, e2: true, metric, forwardingAddress: 0, tag: 0 } as const;
  return lsa(LsType.asExternal, ipv4('20.0.0.0') + n * 256, router, body);
}

function timed(act: () => void): number {
  const begin = performance.now();
  act();
  return performance.now() - begin;
}

function calculations(repetitions: number): { readonly whole: number[]; readonly one: number[] } {
  const { lsas, externals } = area();
  const neighbors = [0, 1].map((n) => ({ routerId: ROUTER + n, address: ipv4('10.0.0.2') + 4 * n }));
  const links = neighbors.map((neighbor, n) => {
    const address = ipv4('10.0.0.1') + 4 * n;
    return {
      interface: `up${n}`,
      network: 'point-to-point',
      address,
      prefixLength: 30,
      cost: 10,
      neighbors: [neighbor],
    };
  }) as Parameters<typeof computeRoutes>[0]['links'];
  const input = { routerId: OURS, lsas, links };
  const [whole, one]: [number[], number[]] = [[], []];
  const changed = new Set([externalPrefixKey(externals[5000]!)!]);
  for (let n = 0; n < repetitions; n++) {
    let result: ReturnType<typeof computeRoutes> | undefined;
    whole.push(timed(() => (result = computeRoutes(input))));
    one.push(timed(() => recomputeExternals(result!, lsas, changed)));
  }
  return { whole, one };
}

function config(routerId: number): InstanceConfig {
  return instanceConfig(formatIpv4(routerId), [interfaceConfig('eth1')]);
}

/** Two speakers on one link, virtual time; every turn of ours is timed. */
class Pair {
  readonly #now = { value: 0 };
  readonly #queue: { at: number; to: OspfInstance; input: OspfInput }[] = [];
  readonly ours = new OspfInstance(config(OURS), 0);
  readonly theirs = new OspfInstance(config(ROUTER), 0);
  readonly turns: number[] = [];
  measuring = false;

  give(to: OspfInstance, input: OspfInput): void {
    let effects: ReturnType<OspfInstance['handle']> = [];
    const took = timed(() => (effects = to.handle(input, this.#now.value)));
    if (to === this.ours && this.measuring) this.turns.push(took);
    const other = to === this.ours ? this.theirs : this.ours;
    const source = ipv4(to === this.ours ? '10.0.0.1' : '10.0.0.2');
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      const { destination, bytes } = effect;
      const packet = { kind: 'packet', interface: 'eth1', source, destination, bytes } as const;
      this.#queue.push({ at: this.#now.value + 0.05, to: other, input: packet });
    }
  }

  /** Runs until the condition holds; throws when nothing leads there. */
  until(condition: () => boolean): void {
    const end = this.#now.value + NOTHING_SENT;
    while (!condition()) {
      const next = this.#queue[0];
      const deadlines = [this.ours, this.theirs].map((one) => one.deadline ?? Number.POSITIVE_INFINITY);
      const at = Math.min(next?.at ?? Number.POSITIVE_INFINITY, ...deadlines);
      if (at > end) throw new Error('the adjacency did not come up');
      this.#now.value = Math.max(this.#now.value, at);
      if (next !== undefined && next.at <= at) {
        this.#queue.shift();
        this.give(next.to, next.input);
      } else {
        const late = deadlines[0]! <= this.#now.value ? this.ours : this.theirs;
        this.give(late, { kind: 'timer' });
      }
    }
  }

  pass(duration: number): void {
    const end = this.#now.value + duration;
    this.until(() => this.#now.value >= end);
  }
}

interface Adjacency {
  readonly turns: readonly number[];
  /** Milliseconds of our turns alone. */
  readonly total: number;
  readonly routes: number;
}

function adjacency(): Adjacency {
  const pair = new Pair();
  const prefixes = Array.from({ length: EXTERNALS }, (_, n) => ({
    prefix: { address: ipv4('20.0.0.0') + n * 256, length: 24 },
    metric: 20,
    lsa: { kind: 'external', metricType: 2, tag: 0 } as const,
  }));
  pair.give(pair.theirs, { kind: 'announce', prefixes });
  const up = (name: OspfInstance, address: string) =>
    pair.give(name, {
      kind: 'interfaceUp',
      name: 'eth1',
      address: ipv4(address),
      prefixLength: 30,
      mtu: 1500,
      ifindex: 2,
    });
  up(pair.theirs, '10.0.0.2');
  pair.pass(3000);
  pair.measuring = true;
  up(pair.ours, '10.0.0.1');
  pair.until(() => pair.ours.neighbors(0)[0]?.state === 'full');
  pair.until(() => pair.ours.routes().length > EXTERNALS);
  pair.pass(10_000);
  const total = pair.turns.reduce((sum, turn) => sum + turn, 0);
  return { turns: pair.turns, total, routes: pair.ours.routes().length };
}

export const run: BenchRun = async ({ quick, progress }): Promise<BenchOutcome> => {
  const { whole, one } = calculations(quick ? 10 : 50);
  progress('calculations done');
  const runs: Adjacency[] = [];
  for (let n = 0; n < (quick ? 2 : 5); n++) {
    runs.push(adjacency());
    progress(`adjacency ${n + 1}: ${runs[n]!.turns.length} turns, ${runs[n]!.routes} routes`);
  }
  const longest = runs.map(({ turns }) => Math.max(...turns));
  const size = `${ROUTERS} routers, ${EXTERNALS} externals`;
  const goals: BenchGoal[] = [
    atMost(`routes, whole calculation (${size})`, median(whole), 'ms', 20),
    atMost(`routes, one external LSA changed (${size})`, median(one), 'ms', 5),
    atMost(`longest turn while ${EXTERNALS} externals come in`, median(longest), 'ms', 20),
    figure('all turns of it together', median(runs.map(({ total }) => total)), 'ms'),
  ];
  return { goals, samples: { whole, one, longest } };
};
