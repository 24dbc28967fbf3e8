/**
 * The parts of the scenario `second-chance`: nothing is synced, and packets of connections come to directors that have never seen
 * them. Those ask the others, or compute what a dead one had chosen.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mode, ModeContext } from '../modes/mode.ts';
import { type Claim, claimAtLeast, claimAtMost, claimEqual, told } from '../report/result.ts';
import { tally } from '../report/words.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { leadPast, leadTo } from '../scenarios/acts.ts';
import { addressesOf, RouterView } from '../scenarios/observe.ts';
import { type Placement, PlacementProbe, placementOf } from '../traffic/placement.ts';
import { RollCall } from '../traffic/roll-call.ts';
import type { RollAnswer } from '../traffic/roll-call-main.ts';
import {
  DIRECTORS,
  directorsOf,
  type Edit,
  FULLNAT_ON_IPVS,
  replacing,
  STANDS,
  type Stand,
  standOf,
  startAll,
} from './stand.ts';

const VIP = '203.0.113.10';
const LEAVER = 'd3';
const OWNER = 'd1';
/** Milliseconds between two questions: so few at once that none waits for another. */
const PACE = 4;
const PATIENCE = 10_000;
/** The others have to be sure of a death before anything is computed from it. */
const MISSED_WITHIN = 30_000;
const COPIED_WITHIN = 30_000;
/** Of the unsynced connections of a dead director: 495 in 500. */
const PREDICTED = 0.99;
/** Counters are told once a second. */
const COUNTED = 1200;
/** So many of all that a share of them is of the director that dies: the hash of the routers is not even. */
const SPARE = 1.1;

const UNSYNCED = replacing(/sync: established/, 'sync: off');

interface Stage {
  readonly lab: Lab;
  readonly roll: RollCall;
  readonly probe: PlacementProbe;
  readonly routers: RouterView;
}

async function open(lab: Lab, stand: Stand, count: number, edit?: Edit): Promise<Stage> {
  await startAll(lab, stand, edit);
  const routers = await RouterView.of(lab, VIP);
  await routers.untilNextHops(directorsOf(stand));
  const probe = await PlacementProbe.install(lab.byRole('director'), VIP);
  const [client] = lab.byRole('client') as readonly [LabNode];
  const options = { target: { address: VIP, port: 80 }, sources: await addressesOf(client, 'lo'), count };
  return {
    lab,
    routers,
    probe,
    roll: await RollCall.open(client, { ...options, pace: stand.pace ?? PACE, patience: PATIENCE }),
  };
}

interface Called {
  readonly answers: readonly RollAnswer[];
  readonly placement: Placement;
}

async function call({ roll, probe }: Stage): Promise<Called> {
  const answers = await roll.call();
  return { answers, placement: placementOf(await probe.read()) };
}

/** Connections that another director carries than before. */
function movedOf(before: Called, after: Called): readonly RollAnswer[] {
  return after.answers.filter(({ flow }) => {
    const [was, is] = [before.placement.get(flow), after.placement.get(flow)];
    return was !== undefined && is !== undefined && was !== is;
  });
}

function answered(answers: readonly RollAnswer[]): number {
  return answers.filter(({ fault }) => fault === undefined).length;
}

function faultsOf(answers: readonly RollAnswer[]): string {
  const counts: Record<string, number> = {};
  for (const { fault } of answers) if (fault !== undefined) counts[fault] = (counts[fault] ?? 0) + 1;
  return tally(counts);
}

/** Milliseconds that so great a part of the answers took at most; one that never came counts as what was waited for it. */
function quantile(answers: readonly RollAnswer[], part: number): number {
  const times = answers.map(({ took, fault }) => (fault === undefined ? took : PATIENCE)).sort((a, b) => a - b);
  return times[Math.floor((times.length - 1) * part)] ?? 0;
}

/** Questions that directors have asked others, since they began. Most connections that move are known by then: see `prefetch.ts`. */
async function questions(lab: Lab): Promise<number> {
  await sleep(COUNTED);
  const all = await Promise.all(DIRECTORS.map((name) => lab.api(name).get('/v1/sync')));
  return all.reduce((sum, { counters }) => sum + (counters['queries-asked'] ?? 0), 0);
}

/** To a hundredth, as claims show a tenth. */
function delayClaims(what: string, moved: readonly RollAnswer[]): readonly Claim[] {
  const median = quantile(moved, 0.5);
  const p90 = quantile(moved, 0.9);
  return [
    { ...claimAtMost(`${what}: first answer, median`, median, 1, 'ms'), value: hundredth(median) },
    { ...claimAtMost(`${what}: first answer, p90`, p90, 5, 'ms'), value: hundredth(p90) },
    told(`${what}: first answer, latest`, quantile(moved, 1), 'ms'),
  ];
}

function hundredth(value: number): number {
  return Math.round(value * 100) / 100;
}

function moves(stand: Stand): Mode {
  return {
    name: stand.name,
    claim:
      'Nothing synced; the routers lead past a director, and to it again: all connections are answered, and at once.',
    ...standOf(stand),
    async play(lab, { connections, progress }) {
      const stage = await open(lab, stand, connections, UNSYNCED);
      const still = await call(stage);
      const askedBefore = await questions(lab);
      progress(`the routers lead past ${LEAVER}`);
      const left = DIRECTORS.filter((name) => name !== LEAVER);
      await leadPast(lab, stage.routers, LEAVER, left);
      const away = await call(stage);
      const asked = (await questions(lab)) - askedBefore;
      progress(`the routers lead to ${LEAVER} again`);
      await leadTo(lab, stage.routers, LEAVER, DIRECTORS);
      const back = await call(stage);
      stage.roll.close();
      const steps = [
        { what: 'away', moved: movedOf(still, away), all: away.answers },
        { what: 'back', moved: movedOf(away, back), all: back.answers },
      ];
      return [
        told('answer without a move, median', hundredth(quantile(still.answers, 0.5)), 'ms'),
        ...steps.flatMap(({ what, moved, all }) => [
          claimEqual(`${what}: connections answered (${faultsOf(all)} lost)`, answered(all), connections),
          claimAtLeast(`${what}: of them moved`, moved.length, connections / 4, ''),
          ...delayClaims(what, moved),
        ]),
        told('away: connections that other directors were asked about', asked, ''),
      ];
    },
  };
}

/** What a director that dies leaves to the others. */
interface Death {
  readonly suffix: string;
  readonly claim: string;
  readonly edit?: Edit;
  /** How much of its connections has to go on. */
  readonly least: number;
  /** Before it dies. */
  readonly ready: (lab: Lab, directors: readonly string[]) => Promise<void>;
}

/** What the dead director had chosen is known to nobody. */
const UNKNOWN_TO_ALL: Death = {
  suffix: '-predicted',
  claim: 'Nothing synced; a director dies: what it had chosen for its connections is computed, and never wrongly.',
  edit: UNSYNCED,
  least: PREDICTED,
  ready: async () => undefined,
};

const COPIED: Death = {
  suffix: '-synced',
  claim: 'A director dies: all of its connections go on over the others, which hold them already.',
  least: 1,
  ready: async (lab, directors) => {
    await until('all connections to be copied', COPIED_WITHIN, async () => {
      const { connections, peers } = await lab.api(OWNER).get('/v1/sync');
      const living = peers.filter(({ name }) => directors.includes(name));
      return connections.own > 0 && living.every(({ unprotected }) => unprotected === 0);
    });
  },
};

function dies(stand: Stand, { suffix, claim, edit, least, ready }: Death): Mode {
  return {
    name: `${stand.name}${suffix}`,
    claim,
    ...standOf(stand),
    async play(lab, { connections, progress }: ModeContext) {
      const directors = directorsOf(stand);
      const stage = await open(lab, stand, Math.ceil(connections * directors.length * SPARE), edit);
      const before = await call(stage);
      await ready(lab, directors);
      progress(`${OWNER} dies`);
      await lab.crash(OWNER);
      const left = directors.filter((name) => name !== OWNER);
      await stage.routers.untilNextHops(left);
      await until(`${OWNER} to be missed`, MISSED_WITHIN, () => areSureOf(lab, left));
      const after = await call(stage);
      stage.roll.close();
      const orphans = after.answers.filter(({ flow }) => before.placement.get(flow) === OWNER);
      const others = after.answers.filter(({ flow }) => before.placement.get(flow) !== OWNER);
      const share = answered(orphans) / orphans.length;
      const wrong = after.answers.filter(({ fault }) => fault?.startsWith('wrong') === true).length;
      return [
        claimAtLeast('connections of the dead director', orphans.length, connections * 0.9, ''),
        {
          ...claimAtLeast(`of them answered (${faultsOf(orphans)} lost)`, share, least, ''),
          value: `${answered(orphans)} of ${orphans.length}`,
          goal: `>= ${100 * least} %`,
        },
        claimEqual('answers of a wrong server', wrong, 0),
        claimEqual(`connections of the living answered (${faultsOf(others)} lost)`, answered(others), others.length),
        told('of the dead director’s, by prediction', await predictedBy(lab, left)),
        told('first answer, median', hundredth(quantile(orphans, 0.5)), 'ms'),
        told('first answer, p90', hundredth(quantile(orphans, 0.9)), 'ms'),
      ];
    },
  };
}

async function areSureOf(lab: Lab, left: readonly string[]): Promise<boolean> {
  const documents = await Promise.all(left.map((name) => lab.api(name).get('/v1/sync')));
  return documents.every(({ members }) => members?.dead.some(({ name }) => name === OWNER) === true);
}

async function predictedBy(lab: Lab, directors: readonly string[]): Promise<number> {
  const documents = await Promise.all(directors.map((name) => lab.api(name).get('/v1/sync')));
  return documents.reduce((sum, { counters }) => sum + (counters['second-chance.predictions.predicted'] ?? 0), 0);
}

export const MOVES: readonly Mode[] = STANDS.map(moves);
export const PREDICTIONS: readonly Mode[] = STANDS.filter(({ name }) => name === 'fullnat').map((stand) =>
  dies(stand, UNKNOWN_TO_ALL),
);

/** The same on the kernel's IPVS, in guests: it knows none of the connections that it is to go on with. */
export const DEATHS_ON_IPVS: readonly Mode[] = [UNKNOWN_TO_ALL, COPIED].map((death) => dies(FULLNAT_ON_IPVS, death));
