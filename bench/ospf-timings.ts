/**
 * `npm run bench -- ospf-timings`: how long a director needs to get its VIPs into a router's forwarding table and out of
 * it, and for how long a restart takes them away: ours beside one that runs FRR and one that runs BIRD.
 *
 * In:  a router (FRR or BIRD, of Debian 12 or 13) and a medium; each contender has a router and a link of its own, and they
 *      act in turn. Out: least, middle and greatest of every figure, and ours against its goals.
 * Not: it does not time the data plane, nor clients (`npm run lab -- run crash`).
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RouterKind } from '../lab/interop/cells.ts';
import { table } from '../lab/report/table.ts';
import type { Lab, UpOptions } from '../lab/runtimes/lab.ts';
import { up } from '../lab/runtimes/runtime.ts';
import type { BenchArguments, BenchOutcome, BenchRun } from './result.ts';
import { type Contender, Daemon, Sluice } from './timings/contenders.ts';
import { serveEcho } from './timings/echo.ts';
import { outcome, type Round, spreadTable } from './timings/figures.ts';
import { writeLab } from './timings/files.ts';
import { Journal } from './timings/journal.ts';
import {
  ARRIVALS,
  type Arrival,
  CONTENDERS,
  isThroughFrr,
  MEDIA,
  type Medium,
  RELEASES,
  type Stand,
  SUITES,
  type Suite,
  stands,
} from './timings/plan.ts';
import { timeRound } from './timings/round.ts';
import { RouterWatch } from './timings/router-watch.ts';
import { Stage } from './timings/stage.ts';

export const options: BenchArguments = {
  router: {
    type: 'string',
    default: 'frr-8',
    choices: Object.keys(SUITES),
    help: 'the router that is announced to',
  },
  medium: {
    type: 'string',
    default: 'p2p',
    choices: MEDIA,
    help: 'point-to-point links, or LANs with the router as DR',
  },
  arrival: {
    type: 'string',
    default: '1000',
    choices: ARRIVALS,
    help: 'milliseconds, of FRR routers: timers lsa min-arrival (0 is what FRR directors need)',
  },
  repetitions: { type: 'string', default: '5', help: 'how often; rounds of an earlier run count' },
  fresh: { type: 'boolean', default: false, help: 'forget the rounds of earlier runs' },
};

const QUICK: { readonly routers: readonly RouterKind[]; readonly repetitions: number } = {
  routers: ['frr-8', 'bird-2.0'],
  repetitions: 3,
};

export const run: BenchRun = async ({ quick, values, progress }) => {
  const stage = new Stage();
  if (quick) {
    const all = await Promise.all(
      QUICK.routers.map((router) =>
        timeRouter(
          { router, medium: 'p2p', arrival: '1000', repetitions: QUICK.repetitions, fresh: true },
          stage,
          progress,
        ),
      ),
    );
    return merge(QUICK.routers, all);
  }
  const router = values['router'] as RouterKind;
  const medium = values['medium'] as Medium;
  const repetitions = Number(values['repetitions']);
  const arrival = values['arrival'] as Arrival;
  return timeRouter({ router, medium, arrival, repetitions, fresh: values['fresh'] === true }, stage, progress);
};

interface Wanted {
  readonly router: RouterKind;
  readonly medium: Medium;
  readonly arrival: Arrival;
  readonly repetitions: number;
  readonly fresh: boolean;
}

async function timeRouter(wanted: Wanted, stage: Stage, progress: (line: string) => void): Promise<BenchOutcome> {
  const { router, medium, arrival, repetitions, fresh } = wanted;
  const suite = SUITES[router];
  // Only FRR has that timer.
  const timer = suite.daemon === 'frr' ? `, min-arrival ${arrival}` : '';
  const journal = await Journal.open(`${router}-${medium}${timer.replaceAll(/\W+/g, '-')}`, fresh);
  const say = (line: string) => progress(`${router} ${medium}: ${line}`);
  const folder = await mkdtemp(join(tmpdir(), 'sluice-timings-'));
  try {
    const files = await writeLab(folder, suite, medium, arrival);
    const setting = { suite, medium, repetitions, journal, stage, say };
    const all = stands(medium);
    const through = all.filter(({ contender }) => isThroughFrr(contender));
    await Promise.all([
      timeStands(
        files.all,
        {},
        all.filter((stand) => !through.includes(stand)),
        setting,
      ),
      ...through.map((stand) => timeStands(files.throughFrr.get(stand.contender)!, frrOf(suite), [stand], setting)),
    ]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const rounds = journal.rounds();
  const columns = [
    { title: `${router}, ${medium}${timer}: least / middle / greatest` },
    ...CONTENDERS.map((title) => ({ title })),
  ];
  return { ...outcome(rounds, suite.daemon), notes: table(columns, spreadTable(rounds)) };
}

/** An FRR beside the agent, of the release of the router's Debian. */
function frrOf({ peers }: Suite): UpOptions {
  const release = RELEASES[peers.frr];
  return { speaker: 'frr', ...(release === undefined ? {} : { frr: release }) };
}

async function timeStands(
  topology: string,
  options: UpOptions,
  timed: readonly Stand[],
  setting: Setting,
): Promise<void> {
  const lab = await up(topology, { directors: [], progress: setting.say, ...options });
  const endEcho = serveEcho(lab.node('s1'));
  try {
    if (timed.some(({ contender }) => contender === 'bird')) await lab.node('d3').exec(['birdc', 'down']);
    if (options.speaker === 'frr') {
      // With its first agent a director's FRR starts, and stays.
      await lab.startDirector('d1');
      await lab.stopDirector('d1', 'SIGTERM');
    }
    await Promise.all(timed.map((stand) => repeatRounds(lab, stand, setting)));
  } finally {
    endEcho();
    await lab.down();
  }
}

interface Setting {
  readonly suite: Suite;
  readonly medium: Medium;
  readonly repetitions: number;
  readonly journal: Journal;
  readonly stage: Stage;
  readonly say: (line: string) => void;
}

async function repeatRounds(lab: Lab, stand: Stand, setting: Setting): Promise<void> {
  const { journal, repetitions, say, suite, stage } = setting;
  const router = lab.node(stand.router);
  const watch = await RouterWatch.start(router.netns, `${lab.dir}/${stand.router}.log`);
  const contender = contenderOf(lab, stand, setting.medium);
  try {
    for (let n = journal.done(contender.name) + 1; n <= repetitions; n++) {
      const round = await timeRound({ contender, watch, router, director: lab.node(stand.director), suite, stage });
      await journal.add(contender.name, round);
      say(`${n}/${repetitions} ${contender.name}: ${printed(round)}`);
    }
  } finally {
    watch.stop();
  }
}

function contenderOf(lab: Lab, stand: Stand, medium: Medium): Contender {
  const { contender } = stand;
  if (contender === 'frr' || contender === 'bird') return new Daemon(contender, lab.node(stand.director), stand);
  return new Sluice(lab, stand, medium);
}

function merge(names: readonly string[], all: readonly BenchOutcome[]): BenchOutcome {
  const prefixed = (name: string, { samples }: BenchOutcome) =>
    Object.entries(samples).map(([key, values]) => [`${name} ${key}`, values] as const);
  return {
    goals: all.flatMap(({ goals }, at) => goals.map((goal) => ({ ...goal, name: `${names[at]}: ${goal.name}` }))),
    samples: Object.fromEntries(all.flatMap((one, at) => prefixed(names[at]!, one))),
    notes: all.flatMap(({ notes }) => [...(notes ?? []), '']),
  };
}

function printed(round: Round): string {
  return Object.entries(round)
    .map(([key, value]) => `${key} ${value.toFixed(0)}`)
    .join(', ');
}
