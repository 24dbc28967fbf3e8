/**
 * `npm run bench -- ospf-timings`: how long a director needs to get its VIPs into a router's forwarding table, ours beside
 * one that runs FRR and one that runs BIRD, in the same lab, in turn, on the same router (FRR, point-to-point, default timers).
 *
 * In:  the topology `timings`. Out: medians per figure and every repetition behind them.
 * Not: it does not time a crash or a restart, and its router is always FRR.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Lab, up } from '../lab/runtimes/runtime.ts';
import { atMost, type BenchGoal, type BenchOutcome, type BenchRun, figure, median } from './result.ts';
import { type Contender, Daemon, Sluice } from './timings/contenders.ts';
import { RouterWatch } from './timings/router-watch.ts';

/** Longer than MinLSInterval (5 s): what has not changed for so long is at rest, and the next change is timed on its own. */
const SETTLED = 8_000;
const DEADLINE = 40_000;

type Figure =
  | 'startToHello'
  | 'startToFib'
  | 'startToStable'
  | 'fullToFib'
  | 'announceToFib'
  | 'withdrawToFib'
  | 'reloadToFib';
type Round = Partial<Record<Figure, number>>;

const WORDS: Readonly<Record<Figure, string>> = {
  startToHello: 'process start -> first Hello',
  startToFib: "process start -> own VIP in the router's FIB",
  startToStable: "process start -> VIP in the router's FIB for good (no flap after it)",
  fullToFib: 'Full -> FIB',
  announceToFib: 'announce -> FIB',
  withdrawToFib: 'withdraw -> out of the FIB',
  reloadToFib: 'reload with a new VIP -> FIB (data plane programmed first)',
};

export const run: BenchRun = async ({ quick, progress }) => {
  const repetitions = quick ? 2 : 5;
  const lab = await up('timings', { directors: [], progress });
  const watch = new RouterWatch(lab.node('r1').netns, `${lab.dir}/r1.log`);
  try {
    const contenders = await idleContenders(lab);
    const rounds = new Map<string, Round[]>(contenders.map(({ name }) => [name, []]));
    for (let n = 1; n <= repetitions; n++) {
      for (const contender of contenders) {
        const round = await time(contender, watch);
        rounds.get(contender.name)!.push(round);
        progress(`${n}/${repetitions} ${contender.name}: ${printed(round)}`);
      }
    }
    return outcome(rounds);
  } finally {
    watch.stop();
    await lab.down();
  }
};

/** BIRD was started with its node: everybody begins stopped. */
async function idleContenders(lab: Lab): Promise<readonly Contender[]> {
  await lab.node('b1').exec(['birdc', 'down']);
  return [new Sluice(lab), new Daemon('frr', lab.node('f1')), new Daemon('bird', lab.node('b1'))];
}

async function time(contender: Contender, watch: RouterWatch): Promise<Round> {
  const started = await contender.start();
  const inFib = await watch.route(contender.firstVip, true, started, DEADLINE);
  const full = await watch.full(contender.routerId, started, DEADLINE);
  const stable = await watch.settled(contender.firstVip, SETTLED);
  const announce = await timeSecond(contender, watch, true);
  await sleep(SETTLED);
  const withdraw = await timeSecond(contender, watch, false);
  const hello = await contender.event?.('hello-sent', started);
  await sleep(SETTLED);
  const stopping = Date.now();
  await contender.stop();
  await watch.route(contender.firstVip, false, stopping, DEADLINE);
  return {
    ...(hello === undefined ? {} : { startToHello: hello.t, reloadToFib: announce.sinceCommand }),
    startToFib: inFib - started,
    startToStable: stable - started,
    fullToFib: Math.max(0, inFib - full),
    announceToFib: announce.sinceDecision,
    withdrawToFib: withdraw.sinceDecision,
  };
}

/**
 * The second VIP comes or goes. The decision is the `ip address` command of the daemons; of ours it is the event that says
 * that the speaker was told, because before it the new VIP's data plane is programmed, which no daemon does.
 */
async function timeSecond(contender: Contender, watch: RouterWatch, present: boolean) {
  const command = await contender.second(present);
  const seen = await watch.route(contender.secondVip, present, command, DEADLINE);
  const decision = await contender.event?.(present ? 'vip-announcing' : 'vip-withdrawing', command);
  return { sinceCommand: seen - command, sinceDecision: Math.max(0, seen - (decision?.at ?? command)) };
}

function outcome(rounds: ReadonlyMap<string, readonly Round[]>): BenchOutcome {
  const samples = Object.fromEntries(
    [...rounds].flatMap(([name, list]) =>
      (Object.keys(WORDS) as Figure[])
        .map((key) => [`${name} ${key}`, values(list, key)] as const)
        .filter(([, measured]) => measured.length > 0),
    ),
  );
  const ours = (key: Figure) => median(values(rounds.get('sluice')!, key));
  const peers = (['frr', 'bird'] as const).map((name) => ({ name, list: rounds.get(name)! }));
  const beside = (key: Figure, goal: (name: string, peer: { name: string; value: number }) => BenchGoal) =>
    peers.map(({ name, list }) => goal(`${WORDS[key]}, beside ${name}`, { name, value: median(values(list, key)) }));
  const goals = [
    atMost(WORDS.startToHello, ours('startToHello'), 'ms', 500),
    ...beside('startToFib', (name, peer) => figure(name, ours('startToFib'), 'ms', peer)),
    ...beside('startToStable', (name, peer) => figure(name, ours('startToStable'), 'ms', peer)),
    ...beside('fullToFib', (name, peer) => atMost(name, ours('fullToFib'), 'ms', 100, peer)),
    ...beside('announceToFib', (name, peer) => figure(name, ours('announceToFib'), 'ms', peer)),
    ...beside('withdrawToFib', (name, peer) => figure(name, ours('withdrawToFib'), 'ms', peer)),
    figure(WORDS.reloadToFib, ours('reloadToFib'), 'ms'),
  ];
  return { goals, samples };
}

function values(rounds: readonly Round[], key: Figure): number[] {
  return rounds.map((round) => round[key]).filter((value) => value !== undefined);
}

function printed(round: Round): string {
  return Object.entries(round)
    .map(([key, value]) => `${key} ${value.toFixed(0)} ms`)
    .join(', ');
}
