/** One visit to one contender: everything that is measured of it, once. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { rootPath } from '../../lab/roots/build.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { readWrkReport } from '../../test/contract/dataplane/web-load.ts';
import { type Contender, serverMarks } from './contenders.ts';
import type { CtLoad, Loaded, Shape } from './ct-load.ts';
import { DIRECTORS, SERVERS, VIP } from './pair.ts';

/** Numbers of connections, rates a second and seconds; smaller ones for a first look. */
export interface Sizes {
  readonly warmUp: number;
  /** At `calm` a second, delays are compared. */
  readonly calm: { readonly rate: number; readonly count: number };
  /** At these a second, and as fast as it goes, the greatest rate that is kept up is looked for. */
  readonly steep: { readonly rates: readonly number[]; readonly count: number };
  readonly bulk: number;
  readonly web: { readonly seconds: number; readonly connections: number };
}

export const FULL: Sizes = {
  warmUp: 20_000,
  calm: { rate: 10_000, count: 60_000 },
  steep: { rates: [40_000, 60_000, 80_000, 120_000, 0], count: 100_000 },
  bulk: 100_000,
  web: { seconds: 4, connections: 64 },
};

export const QUICK: Sizes = {
  warmUp: 5_000,
  calm: { rate: 10_000, count: 20_000 },
  steep: { rates: [40_000, 0], count: 40_000 },
  bulk: 40_000,
  web: { seconds: 2, connections: 64 },
};

/** Times in milliseconds, processor time per connection in microseconds of both directors. */
export interface Visit {
  readonly median: number;
  readonly p99: number;
  /** At the calm rate, and at the first of the steep ones. */
  readonly calmProcessor: number;
  readonly steepProcessor: number;
  /** Connections a second, of those offered: the most that came over. */
  readonly sustained: number;
  readonly lost: number;
  readonly bulk: number;
  readonly bulkLost: number;
  /** Real connections a second, and the processor time of each. */
  readonly web: number;
  readonly webProcessor: number;
  readonly webErrors: number;
  /** Bytes in memory of d1 and d2 with `bulk` connections. */
  readonly memory: readonly number[];
}

/** Of what nobody tells d2 of, there is only what the client sees. */
export type WebVisit = Pick<Visit, 'web' | 'webProcessor' | 'webErrors'>;

export interface Stage {
  readonly lab: Lab;
  readonly generator: CtLoad;
  readonly sizes: Sizes;
}

const MS = 1e6;
const BULK_WITHIN = 30_000;
/** Connections that are gone from d1 are gone from d2 by then, or are taken away. */
const GONE_WITHIN = 5_000;

export async function visitWeb(stage: Stage, contender: Contender): Promise<WebVisit> {
  await contender.start();
  try {
    return await web(stage, contender);
  } finally {
    await contender.stop();
    await empty(stage);
  }
}

export async function visit(stage: Stage, contender: Contender): Promise<Visit> {
  await contender.start();
  try {
    const shape = await shapeOf(stage);
    const { calm, steep, warmUp } = stage.sizes;
    await offer(stage, contender, shape, warmUp, calm.rate);
    const even = await offer(stage, contender, shape, calm.count, calm.rate);
    const steeps = [];
    for (const rate of steep.rates) steeps.push(await offer(stage, contender, shape, steep.count, rate));
    const bulk = await learn(stage, contender, shape);
    const [median, p99] = [even.loaded.median / MS, even.loaded.p99 / MS];
    return {
      median,
      p99,
      calmProcessor: even.processor,
      steepProcessor: steeps[0]!.processor,
      sustained: Math.max(...steeps.map(({ perSecond }) => perSecond)),
      lost: [even, ...steeps].reduce((sum, { loaded }) => sum + loaded.made - loaded.seen, 0),
      ...bulk,
      ...(await web(stage, contender)),
    };
  } finally {
    await contender.stop();
    await empty(stage);
  }
}

async function shapeOf({ lab }: Stage): Promise<Shape> {
  const mark = (await serverMarks(lab, 'd1')).get(SERVERS.s1);
  if (mark === undefined) throw new Error('d1 has no id for s1');
  return { vip: VIP, server: SERVERS.s1, mark, told: 'assured' };
}

interface Offered {
  readonly loaded: Loaded;
  readonly perSecond: number;
  readonly processor: number;
}

async function offer(stage: Stage, contender: Contender, shape: Shape, count: number, rate: number): Promise<Offered> {
  const [from, to] = namespaces(stage);
  const before = await processorTime(contender);
  const loaded = await stage.generator.load(from, to, count, rate, shape);
  const processor = ((await processorTime(contender)) - before) / loaded.made;
  const perSecond = (loaded.seen * 1e9) / (loaded.seenLast - loaded.madeFirst);
  await empty(stage);
  return { loaded, perSecond, processor };
}

/** d2 begins anew while d1 has many. */
async function learn(
  stage: Stage,
  contender: Contender,
  shape: Shape,
): Promise<Pick<Visit, 'bulk' | 'bulkLost' | 'memory'>> {
  const [from, to] = namespaces(stage);
  const { generator, sizes } = stage;
  await contender.forget();
  await generator.flush(to);
  await generator.fill(from, sizes.bulk, shape);
  const watch = await generator.watch(to, sizes.bulk);
  const asked = await contender.learnAll();
  const patience = setTimeout(() => watch.stop(), BULK_WITHIN);
  const { seen, seenLast } = await watch.seen;
  clearTimeout(patience);
  const memory = await Promise.all(DIRECTORS.map((director) => residentBytes(contender.pid(director))));
  await empty(stage);
  return { bulk: (seenLast - asked) / MS, bulkLost: sizes.bulk - seen, memory };
}

async function web(stage: Stage, contender: Contender): Promise<WebVisit> {
  const { seconds, connections } = stage.sizes.web;
  const wrk = ['chroot', await rootPath('load'), 'wrk', '-t1', `-c${connections}`, '--timeout', '5s'];
  const load = async (duration: number) => {
    const words = [...wrk, `-d${duration}s`, '-H', 'Connection: close', `http://${VIP}:80/`];
    const { code, stdout, stderr } = await stage.lab.node('client').exec(words);
    if (code !== 0) throw new Error(`wrk: ${stderr}${stdout}`);
    return readWrkReport(stdout);
  };
  await load(1);
  const before = await processorTime(contender);
  const report = await load(seconds);
  const processor = (await processorTime(contender)) - before;
  await empty(stage);
  return {
    web: report.requests / report.seconds,
    webProcessor: processor / report.requests,
    webErrors: report.errors,
  };
}

/** Nothing is left in either table, and whoever tells has had the time to say so. */
async function empty(stage: Stage): Promise<void> {
  const [from, to] = namespaces(stage);
  await stage.generator.flush(from);
  const gone = async () => (await entries(stage, 'd2')) === 0;
  await until('the connections to be gone', GONE_WITHIN, gone).catch(() => undefined);
  await stage.generator.flush(to);
  await sleep(500);
}

async function entries({ lab }: Stage, director: string): Promise<number> {
  const { stdout } = await lab.node(director).exec(['cat', '/proc/sys/net/netfilter/nf_conntrack_count']);
  return Number(stdout);
}

function namespaces({ lab }: Stage): readonly [string, string] {
  return [lab.node('d1').netns, lab.node('d2').netns];
}

/** Microseconds that both processes have had so far, in the kernel and out of it; one tick is 10,000. */
async function processorTime(contender: Contender): Promise<number> {
  const times = await Promise.all(DIRECTORS.map((director) => processorTimeOf(contender.pid(director))));
  return times.reduce((a, b) => a + b, 0);
}

async function processorTimeOf(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
  // Behind the name, which may hold anything: state is field 3, user and system time are 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10_000;
}

async function residentBytes(pid: number | undefined): Promise<number> {
  if (pid === undefined) return 0;
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) * 1024;
}
