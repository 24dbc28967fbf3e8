/**
 * Why telling another director of a connection costs what it costs: the processor time of `sync`, by what it was spent on, beside
 * conntrackd. Needs root, and perf.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/runtimes/lab.ts';
import { up } from '../lab/runtimes/runtime.ts';
import { type BenchGoal, type BenchRun, figure } from './result.ts';
import { type Contender, contenders, serverMarks } from './sync/contenders.ts';
import { CtLoad } from './sync/ct-load.ts';
import { DIRECTORS, SERVERS, VIP, writePair } from './sync/pair.ts';
import { PART_NAMES, Recording } from './sync/profile.ts';

const WARM_UP = { rate: 10_000, count: 10_000 };
const RATES = [10_000, 40_000];
/** Seconds at each rate. */
const FULL = 3;
const QUICK = 1;
/** Less is not worth a line. */
const LEAST_MICROSECONDS = 0.05;

/** Microseconds of a connection, by rate, director and part. */
type Costs = ReadonlyMap<string, number>;

export const run: BenchRun = async ({ quick, progress }) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sync-profile-'));
  const generator = await CtLoad.build();
  const lab = await up(await writePair(folder), { directors: [], progress });
  try {
    const costs = new Map<string, Costs>();
    for (const contender of await contenders(lab, progress)) {
      if (contender.name === 'none') continue;
      progress(contender.name);
      costs.set(contender.name, await measure(lab, generator, contender, quick ? QUICK : FULL, folder));
    }
    return { goals: goalsOf(costs.get('sluice')!, costs.get('conntrackd')!), samples: {} };
  } finally {
    await lab.down();
    await generator.remove();
    await rm(folder, { recursive: true, force: true });
  }
};

async function measure(lab: Lab, generator: CtLoad, contender: Contender, seconds: number, folder: string) {
  const costs = new Map<string, number>();
  const [from, to] = DIRECTORS.map((director) => lab.node(director).netns) as [string, string];
  await contender.start();
  try {
    const mark = (await serverMarks(lab, 'd1')).get(SERVERS.s1)!;
    const load = async (count: number, rate: number) => {
      await generator.load(from, to, count, rate, { vip: VIP, server: SERVERS.s1, mark, told: 'assured' });
    };
    const empty = async () => {
      await generator.flush(from);
      await sleep(2000);
      await generator.flush(to);
      await sleep(500);
    };
    await load(WARM_UP.count, WARM_UP.rate);
    await empty();
    for (const rate of RATES) {
      const count = rate * seconds;
      const pids = DIRECTORS.map((director) => contender.pid(director)!);
      const recording = await Recording.start(pids, join(folder, 'perf.data'));
      await load(count, rate);
      const profile = await recording.stop();
      for (const [index, director] of DIRECTORS.entries()) {
        for (const [part, microseconds] of profile.get(pids[index]!) ?? []) {
          costs.set(keyOf(rate, director, part), microseconds / count);
        }
      }
      await empty();
    }
    return costs;
  } finally {
    await contender.stop();
  }
}

const keyOf = (rate: number, director: string, part: string): string =>
  `${rate.toLocaleString('en')}/s, ${director}: ${part}`;

function goalsOf(ours: Costs, peers: Costs): BenchGoal[] {
  const keys = RATES.flatMap((rate) =>
    DIRECTORS.flatMap((director) => PART_NAMES.map((part) => keyOf(rate, director, part))),
  );
  return keys
    .filter((key) => (ours.get(key) ?? 0) >= LEAST_MICROSECONDS || (peers.get(key) ?? 0) >= LEAST_MICROSECONDS)
    .map((key) => figure(key, ours.get(key) ?? 0, 'us', { name: 'conntrackd', value: peers.get(key) ?? 0 }));
}
