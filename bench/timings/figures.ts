/** What is measured, in words, and what is to be reached on which router. */
import { atMost, type BenchGoal, type BenchOutcome, figure, median } from '../result.ts';
import { CONTENDERS, type ContenderName, type Suite } from './plan.ts';

export const FIGURES = {
  startToHello: 'process start -> first Hello',
  startToFib: "process start -> own VIP in the router's FIB",
  startToStable: "process start -> VIP in the router's FIB for good",
  fullToFib: 'Full -> FIB',
  carrierToFib: "carrier up -> own VIP in the router's FIB",
  announce: 'announce a VIP -> FIB',
  withdraw: 'withdraw a VIP -> out of the FIB',
  secondChange: 'second change, 0.3 s after the first -> FIB',
  secondExternal: 'second change as AS-external LSA -> FIB',
  reload: 'reload with a new VIP -> FIB (data plane programmed first)',
  restartGap: 'killed and started 0.3 s later: VIP missing for',
  restartFlaps: 'killed and started 0.3 s later: VIP lost, times',
  freshGap: 'the same, nothing remembered: VIP missing for',
  freshFlaps: 'the same, nothing remembered: VIP lost, times',
  killToOut: 'kill -9 -> out of the FIB (dead interval 4 s)',
  minimalKillToOut: 'kill -9 -> out of the FIB (minimal Hellos, multiplier 4)',
  gracefulEvents: 'graceful restart: VIP lost, times',
  gracefulLost: 'graceful restart: packets lost at 1,000/s',
} as const;

export type Figure = keyof typeof FIGURES;
/** Milliseconds, but for what is counted. */
export type Round = Partial<Record<Figure, number>>;
export type Rounds = Readonly<Record<ContenderName, readonly Round[]>>;

const COUNTED: ReadonlySet<Figure> = new Set(['restartFlaps', 'freshFlaps', 'gracefulEvents', 'gracefulLost']);

const RESTARTS: Partial<Record<Figure, number>> = {
  restartGap: 300,
  restartFlaps: 1,
  freshGap: 300,
  freshFlaps: 1,
  gracefulEvents: 0,
  gracefulLost: 0,
};

/** Goals of ours by the router's daemon; BIRD computes routes once a second. Undefined: only reported. */
const GOALS: Readonly<Record<Suite['daemon'], Partial<Record<Figure, number>>>> = {
  frr: {
    startToFib: 300,
    fullToFib: 50,
    carrierToFib: 300,
    announce: 20,
    withdraw: 20,
    secondChange: 1150,
    secondExternal: 30,
    ...RESTARTS,
  },
  bird: {
    startToFib: 1200,
    fullToFib: 1100,
    carrierToFib: 1200,
    announce: 1100,
    withdraw: 1100,
    secondChange: 2150,
    ...RESTARTS,
  },
};

/** Figures in which the worst of the others is the limit: the router waits for its dead interval, whoever was killed. */
const NO_WORSE: ReadonlySet<Figure> = new Set(['killToOut', 'minimalKillToOut']);

export function outcome(rounds: Rounds, daemon: Suite['daemon']): BenchOutcome {
  const names = Object.keys(FIGURES) as Figure[];
  const measured = names.filter((name) => valuesOf(rounds.sluice, name).length > 0);
  const samples = Object.fromEntries(
    CONTENDERS.flatMap((contender) =>
      names
        .map((name) => [`${contender} ${name}`, valuesOf(rounds[contender], name)] as const)
        .filter(([, values]) => values.length > 0),
    ),
  );
  return { goals: measured.flatMap((name) => goalsOf(name, rounds, daemon)), samples };
}

function goalsOf(name: Figure, rounds: Rounds, daemon: Suite['daemon']): BenchGoal[] {
  const value = median(valuesOf(rounds.sluice, name));
  const unit = COUNTED.has(name) ? '' : 'ms';
  const peers = (['frr', 'bird'] as const)
    .map((peer) => ({ peer, values: valuesOf(rounds[peer], name) }))
    .filter(({ values }) => values.length > 0);
  const limit = NO_WORSE.has(name) ? Math.max(...peers.flatMap(({ values }) => values)) : GOALS[daemon][name];
  const goal = (beside?: { name: string; value: number }) => {
    const text = beside === undefined ? FIGURES[name] : `${FIGURES[name]}, beside ${beside.name}`;
    return limit === undefined || !Number.isFinite(limit)
      ? figure(text, value, unit, beside)
      : atMost(text, value, unit, limit, beside);
  };
  if (peers.length === 0) return [goal()];
  return peers.map(({ peer, values }) => goal({ name: peer, value: median(values) }));
}

export function valuesOf(rounds: readonly Round[], name: Figure): number[] {
  return rounds.map((round) => round[name]).filter((value) => value !== undefined);
}

/** Least, middle and greatest of every figure, contender by contender: `11 / 12 / 14`. */
export function spreadTable(rounds: Rounds): string[][] {
  const spread = (values: readonly number[]) =>
    values.length === 0
      ? '-'
      : [Math.min(...values), median(values), Math.max(...values)].map((value) => value.toFixed(0)).join(' / ');
  return (Object.keys(FIGURES) as Figure[]).map((name) => [
    FIGURES[name],
    ...CONTENDERS.map((contender) => spread(valuesOf(rounds[contender], name))),
  ]);
}
