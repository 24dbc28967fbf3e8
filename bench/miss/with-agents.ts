/**
 * The flood of `miss-flood` against whole agents: three directors that tell each other of the connections of one service, and
 * ask each other for those of another, which is not synced. New connections are those of the first; those that really move, of
 * the second, because nothing but an answer of a peer can save them.
 *
 * Beside it the same without a flood, with one that goes elsewhere (to a host of the same segment that is no director, and drops
 * it), and with one that is dropped by the director before anything looks at it. All directors, the client, the servers and the
 * flood share this machine's processors: what making a flood and carrying it over the wire costs is in all but the first, and is
 * nobody's fault but this machine's. So the goal is about the flood elsewhere: all that is lost beyond it is the director's.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { ensureRoots } from '../../lab/roots/build.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { Asked, ClusterRun, THREE_SERVERS } from '../../test/contract/agent/cluster-run.ts';
import { BESIDE_CLIENT, type DirectorNode, INSIDE_OF } from '../../test/contract/dataplane/netns.ts';
import { VIP } from '../../test/contract/dataplane/suite.ts';
import type { Macs } from '../nftables/replay.ts';
import { atLeastRatio, atMost, type BenchGoal, type BenchOutcome, figure, median } from '../result.ts';
import { DROPPED_UNSEEN, sendFlood } from './flood.ts';

const DIRECTORS = ['d1', 'd2', 'd3'] as const;
const UNSYNCED_PORT = 81;
const MOVED = 40;
const AT_ONCE = 200;
/** Seconds of one flood, and those at its beginning in which it gets going. */
const LASTS = 6;
const RAMP = 1;
const ROUNDS = 3;
/** Of the client; used again when all were, the first ones long since. */
const PORTS = { low: 2000, high: 62_000 } as const;
const SOON = 30_000;
/** USER_HZ. */
const TICKS = 100;

const KINDS = ['no flood', 'elsewhere', 'dropped unseen', 'one source', 'random sources'] as const;
type Kind = (typeof KINDS)[number];

const FILE = `lifecycle: { holdUp: 0s, drain: 1s, syncTimeout: 10s }
routing: { instances: { outside: { area: 0, announce: [vip], interfaces: { up0: {} } } } }
services:
  web:
    vip: ${VIP}
    ports: 80
    sync: established
${THREE_SERVERS}  old:
    vip: ${VIP}
    ports: ${UNSYNCED_PORT}
    sync: off
${THREE_SERVERS}`;

interface Round {
  /** New connections a second while it lasts. */
  readonly rate: number;
  readonly failed: number;
  /** Of those that really have moved, with their own server. */
  readonly alive: number;
  /** Of one processor: the agent that is flooded, and the busier of the two that it asks. */
  readonly cpu: number;
  readonly peersCpu: number;
  /** Packets a second that the kernel handed to the agent. */
  readonly told: number;
}

/** Seconds of processor time that a process has had. */
function cpuOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1')
    .replace(/^.*\) /, '')
    .split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

class Cluster {
  readonly #run = new ClusterRun('mf', DIRECTORS);
  #macs!: Macs;
  #elsewhere!: Macs;
  #port: number = PORTS.low;

  async up(): Promise<void> {
    const run = this.#run;
    await run.up([80, UNSYNCED_PORT]);
    run.configure((name) => `sync: ${INSIDE_OF[name]}`, FILE);
    await this.#route('d1');
    for (const name of DIRECTORS) run.start(name);
    for (const name of DIRECTORS) {
      const others = DIRECTORS.filter((one) => one !== name).map((one) => `${one} up`);
      await until(`${name} sees the others`, SOON, async () => `${await run.peers(name)}` === `${others}`);
      await until(`${name} serves`, SOON, async () => (await run.state(name)) === 'active');
    }
    const { network } = run;
    const client = await network.macOf('cl', 'front');
    this.#macs = [client, await network.macOf('d2', 'front')];
    await network.plug('s3', 'front', BESIDE_CLIENT.s3);
    // Its answers still go through the directors.
    await network.in('s3', ['ip', 'address', 'flush', 'dev', 'front']);
    this.#elsewhere = [client, await network.macOf('s3', 'front')];
  }

  down(): Promise<void> {
    return this.#run.down();
  }

  async round(kind: Kind): Promise<Round> {
    const { network } = this.#run;
    await this.#route('d1');
    const moved = new Asked(this.#run, MOVED, UNSYNCED_PORT);
    await moved.open(this.#ports(MOVED));
    // What acknowledges the answers is not to move them.
    await pause(300);
    if (kind === 'dropped unseen') await network.in('d2', ['nft', '-f', '-'], DROPPED_UNSEEN);
    const sources = kind === 'one source' ? 'one' : 'random';
    const macs = kind === 'elsewhere' ? this.#elsewhere : this.#macs;
    const flood =
      kind === 'no flood' ? Promise.resolve() : sendFlood(network.netns('cl'), { sources, macs, seconds: LASTS });
    await pause(RAMP * 1000);
    await this.#route('d2');
    const was = await this.#look();
    const began = performance.now();
    const answers = moved.ask();
    const news = await this.#connections();
    const seconds = (performance.now() - began) / 1000;
    const is = await this.#look();
    const alive = (await answers).filter((server, i) => server === moved.answers[i]).length;
    await flood;
    if (kind === 'dropped unseen') await network.in('d2', ['nft', 'delete', 'table', 'ip', 'early']);
    await moved.close();
    const share = (name: DirectorNode) => (is.cpu[name] - was.cpu[name]) / seconds;
    const peersCpu = Math.max(share('d1'), share('d3'));
    return { ...news, alive, cpu: share('d2'), peersCpu, told: (is.told - was.told) / seconds };
  }

  async #look(): Promise<{ readonly cpu: Record<DirectorNode, number>; readonly told: number }> {
    const cpu = Object.fromEntries(DIRECTORS.map((name) => [name, cpuOf(this.#run.agent(name).child.pid!)]));
    const { counters } = await this.#run.control('d2').get('/v1/sync');
    return { cpu: cpu as Record<DirectorNode, number>, told: counters['second-chance.packets'] ?? 0 };
  }

  /** New connections, many at a time, for as long as the flood surely lasts. */
  async #connections(): Promise<{ readonly rate: number; readonly failed: number }> {
    const begun = performance.now();
    let [count, failed] = [0, 0];
    while (performance.now() - begun < (LASTS - RAMP - 1) * 1000) {
      const news = new Asked(this.#run, AT_ONCE);
      const answers = await news.open(this.#ports(AT_ONCE));
      failed += answers.filter((answer) => !/^s[123]$/.test(answer)).length;
      count += answers.length;
      await news.close();
    }
    return { rate: ((count - failed) / (performance.now() - begun)) * 1000, failed };
  }

  #ports(count: number): number {
    if (this.#port + count > PORTS.high) this.#port = PORTS.low;
    this.#port += count;
    return this.#port - count;
  }

  async #route(director: DirectorNode): Promise<void> {
    await this.#run.network.routeVip(VIP, director);
    await this.#run.network.routeAnswers(director);
  }
}

interface Options {
  readonly quick: boolean;
  progress(line: string): void;
}

export async function runWithAgents({ quick, progress }: Options): Promise<BenchOutcome> {
  await ensureRoots(['load'], progress);
  const cluster = new Cluster();
  const rounds = new Map<Kind, Round[]>(KINDS.map((kind) => [kind, []]));
  try {
    await cluster.up();
    for (let round = 0; round < (quick ? 1 : ROUNDS); round++) {
      for (const kind of KINDS) {
        const result = await cluster.round(kind);
        progress(`${kind}: ${JSON.stringify(result)}`);
        rounds.get(kind)!.push(result);
      }
    }
  } finally {
    await cluster.down();
  }
  return outcomeOf(rounds);
}

function outcomeOf(rounds: ReadonlyMap<Kind, readonly Round[]>): BenchOutcome {
  const all = (kind: Kind, what: keyof Round) => rounds.get(kind)!.map((round) => round[what]);
  const of = (kind: Kind, what: keyof Round) => median(all(kind, what));
  const rateOf = (kind: Kind) => ({ name: kind, value: of(kind, 'rate') });
  const goals = (['one source', 'random sources'] as const).flatMap((kind): BenchGoal[] => [
    atLeastRatio(`${kind}: new connections`, of(kind, 'rate'), '/s', 0.9, rateOf('elsewhere')),
    figure(`${kind}: new connections`, of(kind, 'rate'), '/s', rateOf('dropped unseen')),
    figure(`${kind}: new connections`, of(kind, 'rate'), '/s', rateOf('no flood')),
    atMost(`${kind}: moved connections lost, of ${MOVED}`, MOVED - Math.min(...all(kind, 'alive')), '', 0),
    atMost(
      `${kind}: new connections failed`,
      all(kind, 'failed').reduce((sum, one) => sum + one, 0),
      '',
      0,
    ),
    figure(`${kind}: packets told`, of(kind, 'told'), '/s'),
    figure(`${kind}: processor time of the agent`, of(kind, 'cpu') * 100, '% of one'),
    figure(`${kind}: and of the busier of those it asks`, of(kind, 'peersCpu') * 100, '% of one'),
  ]);
  const idle = (['elsewhere', 'dropped unseen', 'no flood'] as const).flatMap((kind): BenchGoal[] => [
    figure(`${kind}: new connections`, of(kind, 'rate'), '/s', rateOf('no flood')),
    figure(`${kind}: processor time of the agent`, of(kind, 'cpu') * 100, '% of one'),
  ]);
  const samples = Object.fromEntries(KINDS.map((kind) => [`${kind}: new connections/s`, all(kind, 'rate')]));
  return { goals: [...goals, ...idle], samples };
}
