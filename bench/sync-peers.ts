/**
 * Whether a peer that is slow, or does not move at all, delays what others are told: connections are made on d1 and seen on d2,
 * while d3 is well, has a link of 1 Mbit/s, is well, is frozen, is well. Afterwards d3 is to have all of them. Needs root.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab/lab-error.ts';
import type { Lab } from '../lab/runtimes/lab.ts';
import { until } from '../lab/runtimes/wait.ts';
import { atMost, type BenchGoal, type BenchRun, figure, median } from './result.ts';
import { CtLoad, type Loaded } from './sync/ct-load.ts';
import { shapeOf, startDirectors, trio } from './sync/trio.ts';

const DIRECTORS = ['d1', 'd2', 'd3'];
const ILL = 'd3';
/** A second: four times what fits through 1 Mbit/s as records. */
const RATE = 10_000;
const SIZES = { full: { count: 100_000, rounds: 3 }, quick: { count: 30_000, rounds: 1 } } as const;
const SLOW = 'tbf rate 1mbit burst 16kb latency 100ms'.split(' ');
const CAUGHT_UP_WITHIN = 60_000;
/** Between the worst of the rounds in which all are well and the median of them there is at least that. */
const NOISE = 1.3;

type State = 'well' | 'slow' | 'frozen';
const STATES: readonly State[] = ['well', 'slow', 'well', 'frozen'];

export const run: BenchRun = async ({ quick, progress }) => {
  const generator = await CtLoad.build();
  const lab = await trio(progress);
  try {
    await startDirectors(lab, DIRECTORS);
    const { count, rounds } = quick ? SIZES.quick : SIZES.full;
    await offer(lab, generator, Math.floor(count / 4));
    const seen: Record<State, Loaded[]> = { well: [], slow: [], frozen: [] };
    const missing: number[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const state of STATES) {
        progress(`round ${round + 1} of ${rounds}: ${ILL} is ${state}`);
        const { loaded, late } = await offerWhile(lab, generator, state, count);
        seen[state].push(loaded);
        missing.push(late);
      }
    }
    return { goals: goalsOf(seen, missing), samples: samplesOf(seen) };
  } finally {
    await lab.down();
    await generator.remove();
  }
};

async function offerWhile(lab: Lab, generator: CtLoad, state: State, count: number) {
  const pid = lab.directorPid(ILL)!;
  if (state === 'slow') await shape(lab, 'add');
  if (state === 'frozen') process.kill(pid, 'SIGSTOP');
  let loaded: Loaded;
  try {
    loaded = await load(lab, generator, count);
  } finally {
    if (state === 'frozen') process.kill(pid, 'SIGCONT');
    if (state === 'slow') await shape(lab, 'del');
  }
  const here = async () => (await generator.present(lab.node(ILL).netns, count)) === count;
  await until(`${ILL} has caught up`, CAUGHT_UP_WITHIN, here).catch(() => undefined);
  const late = count - (await generator.present(lab.node(ILL).netns, count));
  await empty(lab, generator);
  return { loaded, late };
}

async function offer(lab: Lab, generator: CtLoad, count: number): Promise<void> {
  await load(lab, generator, count);
  await empty(lab, generator);
}

async function load(lab: Lab, generator: CtLoad, count: number): Promise<Loaded> {
  return generator.load(lab.node('d1').netns, lab.node('d2').netns, count, RATE, await shapeOf(lab, 'd1'));
}

async function empty(lab: Lab, generator: CtLoad): Promise<void> {
  await generator.flush(lab.node('d1').netns);
  await sleep(3000);
  for (const name of DIRECTORS) await generator.flush(lab.node(name).netns);
  await sleep(1000);
}

/** In both directions of its link to the others. */
async function shape(lab: Lab, verb: 'add' | 'del'): Promise<void> {
  for (const [node, iface] of [
    [ILL, 'eth3'],
    ['sync', `${ILL}-eth3`],
  ] as const) {
    const words = ['tc', 'qdisc', verb, 'dev', iface, 'root', ...(verb === 'add' ? SLOW : [])];
    const { code, stderr } = await lab.node(node).exec(words);
    if (code !== 0) throw new LabError(`${words.join(' ')} on ${node}: ${stderr.trim()}`);
  }
}

function goalsOf(seen: Readonly<Record<State, readonly Loaded[]>>, missing: readonly number[]): BenchGoal[] {
  const p99 = (state: State) => seen[state].map((one) => one.p99 / 1e6);
  const worst = Math.max(...p99('well'));
  const limit = Math.round(100 * Math.max(worst, NOISE * median(p99('well')))) / 100;
  const lost = Object.values(seen)
    .flat()
    .reduce((sum, one) => sum + one.made - one.seen, 0);
  return [
    figure('d1 to d2, all well: delay, p99', median(p99('well')), 'ms'),
    figure('d1 to d2, all well: delay, p99 of the worst round', worst, 'ms'),
    atMost(`d1 to d2, ${ILL} slow: delay, p99`, median(p99('slow')), 'ms', limit),
    atMost(`d1 to d2, ${ILL} frozen: delay, p99`, median(p99('frozen')), 'ms', limit),
    ...(['well', 'slow', 'frozen'] as const).map((state) =>
      figure(`d1 to d2, ${ILL} ${state}: delay, median`, median(seen[state].map((one) => one.median / 1e6)), 'ms'),
    ),
    atMost('not at d2', lost, '', 0),
    atMost(
      `not at ${ILL} a minute later`,
      missing.reduce((a, b) => a + b, 0),
      '',
      0,
    ),
  ];
}

function samplesOf(seen: Readonly<Record<State, readonly Loaded[]>>): Record<string, readonly number[]> {
  const rows = Object.entries(seen).flatMap(([state, list]) =>
    (['median', 'p99', 'p999', 'max'] as const).map((key): [string, number[]] => [
      `${state}, ${key}`,
      list.map((one) => one[key] / 1e6),
    ]),
  );
  return Object.fromEntries(rows);
}
