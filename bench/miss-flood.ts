/**
 * A flood of packets in mid-life of connections that nobody knows, 100,000 a second to one director: what becomes of new
 * connections, of connections that really have moved there, and what its agent spends. Beside it the same flood, dropped before
 * anything looks at it: what sending and receiving it costs on this machine is not ours. Needs root.
 *
 * The director has the product's rules and its second chance; what peers know is told beforehand and answered at once. With
 * `--agents`: `miss/with-agents.ts`.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { ensureRoots } from '../lab/roots/build.ts';
import { serviceHash } from '../src/core/sync/records/record.ts';
import type { Connection } from '../test/contract/dataplane/connections.ts';
import { Network, type Peer } from '../test/contract/dataplane/netns.ts';
import { type NetnsBench, netnsBench } from '../test/contract/dataplane/netns-bench.ts';
import { EVEN, only, servers, VIP, web } from '../test/contract/dataplane/suite.ts';
import { DROPPED_UNSEEN, sendFlood } from './miss/flood.ts';
import { runWithAgents } from './miss/with-agents.ts';
import type { Macs } from './nftables/replay.ts';
import { atLeastRatio, atMost, type BenchArguments, type BenchGoal, type BenchRun, figure, median } from './result.ts';

/** Seconds of one flood. */
const LASTS = 4;
const MOVED = 40;
const SERVICE = web(servers(EVEN));
const KINDS = ['dropped unseen', 'one source', 'random sources'] as const;
type Kind = (typeof KINDS)[number];

interface Round {
  /** New connections a second while it lasts. */
  readonly rate: number;
  readonly failed: number;
  /** Of those that really have moved, with their own server. */
  readonly alive: number;
  /** Of one processor. */
  readonly cpu: number;
  readonly told: number;
}

interface Counts {
  readonly user: number;
  readonly system: number;
  readonly packets: number;
}

class Bench {
  readonly #network = new Network(`bf${process.pid}`);
  readonly #bench: NetnsBench = netnsBench(this.#network);
  #other!: Peer;
  #chances!: { readonly d1: Peer; readonly d2: Peer };
  #macs!: Macs;
  #port = 2000;

  async up(): Promise<void> {
    const network = this.#network;
    await this.#bench.up();
    this.#other = await this.#bench.secondDriver();
    await this.#bench.apply(only(SERVICE));
    await this.#other.call('apply', { desired: only(SERVICE) });
    this.#chances = { d1: network.start('d1', '../miss/chance-main'), d2: network.start('d2', '../miss/chance-main') };
    await this.#chances.d2.call('open');
    await this.#chances.d2.call('configure', {
      desired: only(SERVICE),
      services: [syncService()],
      locals: [],
      dead: [],
    });
    await this.#other.call('takeMisses', { lifetime: 3_600_000 });
    await network.routeVip(VIP, 'd2');
    this.#macs = [await network.macOf('cl', 'front'), await network.macOf('d2', 'front')];
  }

  down(): Promise<void> {
    return this.#bench.down();
  }

  async round(kind: Kind): Promise<Round> {
    const network = this.#network;
    await this.#route('d1');
    const moved = this.#next(MOVED);
    const before = await this.#bench.connect(moved, MOVED);
    const connections = await this.#chances.d1.call<readonly Connection[]>('list', { vip: VIP });
    await this.#chances.d2.call('learn', { connections });
    // What acknowledges the answers is not to move them.
    await pause(300);
    if (kind === 'dropped unseen') await network.in('d2', ['nft', '-f', '-'], DROPPED_UNSEEN);
    const sources = kind === 'one source' ? 'one' : 'random';
    const flood = sendFlood(network.netns('cl'), { sources, macs: this.#macs, seconds: LASTS });
    await pause(1000);
    await this.#route('d2');
    const was = await this.#chances.d2.call<Counts>('counts');
    const begun = performance.now();
    const after = this.#bench.ask(moved, MOVED);
    const news = await this.#connections();
    const seconds = (performance.now() - begun) / 1000;
    const is = await this.#chances.d2.call<Counts>('counts');
    const alive = (await after).filter((server, i) => server === before[i]).length;
    await flood;
    if (kind === 'dropped unseen') await network.in('d2', ['nft', 'delete', 'table', 'ip', 'early']);
    await this.#close(moved, MOVED);
    const cpu = (is.user + is.system - was.user - was.system) / 1e6 / seconds;
    return { ...news, alive, cpu, told: (is.packets - was.packets) / seconds };
  }

  /** New connections, fifty at a time, for as long as the flood surely lasts. */
  async #connections(): Promise<{ readonly rate: number; readonly failed: number }> {
    const begun = performance.now();
    let [count, failed] = [0, 0];
    while (performance.now() - begun < (LASTS - 2) * 1000) {
      const sport = this.#next(200);
      const answers = await this.#bench.connect(sport, 200);
      failed += answers.filter((answer) => !/^s[123]$/.test(answer)).length;
      count += answers.length;
      await this.#close(sport, 200);
    }
    return { rate: ((count - failed) / (performance.now() - begun)) * 1000, failed };
  }

  async #route(director: 'd1' | 'd2'): Promise<void> {
    await this.#network.routeVip(VIP, director);
    await this.#network.routeAnswers(director);
  }

  #next(count: number): number {
    if (this.#port + count > 60_000) this.#port = 2000;
    this.#port += count;
    return this.#port - count;
  }

  async #close(sport: number, count: number): Promise<void> {
    await this.#bench.client().call('close', { keys: Array.from({ length: count }, (_, i) => String(sport + i)) });
  }
}

function syncService() {
  const { name, vips, ports, protocol } = SERVICE;
  const ids = servers(EVEN).map(({ address }, i) => [address, i + 1]);
  const rest = { fullnat: false, sync: 'off', digest: '', establishedTimeout: 3600, persistence: undefined };
  return { name, vips, ports, protocol, service: serviceHash(name), serverIds: ids, ...rest };
}

export const options: BenchArguments = {
  agents: { help: 'whole agents of three directors, synced', type: 'boolean', default: false },
};

export const run: BenchRun = async ({ quick, values, progress }) => {
  if (values['agents'] === true) return runWithAgents({ quick, progress });
  await ensureRoots(['load'], progress);
  const bench = new Bench();
  const rounds: Record<Kind, Round[]> = { 'dropped unseen': [], 'one source': [], 'random sources': [] };
  try {
    await bench.up();
    for (let round = 0; round < (quick ? 1 : 5); round++) {
      for (const kind of KINDS) {
        const result = await bench.round(kind);
        progress(`${kind}: ${JSON.stringify(result)}`);
        rounds[kind].push(result);
      }
    }
  } finally {
    await bench.down();
  }
  const of = (kind: Kind, what: keyof Round) => median(rounds[kind].map((round) => round[what]));
  const unseen = { name: 'dropped unseen', value: of('dropped unseen', 'rate') };
  const goals = (['one source', 'random sources'] as const).flatMap((kind): BenchGoal[] => [
    atLeastRatio(`${kind}: new connections`, of(kind, 'rate'), '/s', 0.9, unseen),
    atMost(
      `${kind}: moved connections lost, of ${MOVED}`,
      MOVED - Math.min(...rounds[kind].map((one) => one.alive)),
      '',
      0,
    ),
    figure(`${kind}: packets told`, of(kind, 'told'), '/s'),
    figure(`${kind}: the agent's processor time`, of(kind, 'cpu') * 100, '% of one'),
  ]);
  const samples = Object.fromEntries(
    KINDS.map((kind) => [`${kind}: new connections/s`, rounds[kind].map(({ rate }) => rate)]),
  );
  return { goals, samples };
};
