import { setTimeout as sleep } from 'node:timers/promises';
import type { EventDocument } from '../../src/api/documents.ts';
import { LabError } from '../lab-error.ts';
import { type Claim, claimAtMost, claimEqual, told } from '../report/result.ts';
import { total } from '../report/words.ts';
import type { Lab } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { untilAnnounced } from './observe.ts';
import { DIRECTORS, ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { Session, type StepReport } from './session.ts';

/** FRR's daemons die as they do when one of them is out of memory; the agent is told nothing, neither then nor at the start. */
export const frrRestart: Scenario = {
  name: 'frr-restart',
  claim:
    'When ospfd and zebra of a director are killed and started, its VIPs come back without a hand, and it says so.',
  about: { speaker: 'frr', because: 'it is about the FRR beside an agent' },
  topology: ECMP_3,
  directors: DIRECTORS,
  run,
};

const DIRECTOR = 'd2';
/** The scenario itself, not a wait for something: until an init system starts them again. */
const WITHOUT_FRR = 2000;
/** FRR repeats after 5 s what a router has refused as too early, and its restart makes two such refusals likely (docs/facts/frr.md). */
const BACK_WITHIN = 20_000;
/** So long without a change is for good: longer than such a repetition. */
const FOR_GOOD = 8000;
const LOOK = 100;

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const frr = lab.frr(DIRECTOR);
  if (frr === undefined) throw new LabError(`${DIRECTOR} has no FRR beside its agent`);
  const session = await Session.open(lab, DIRECTORS);
  const before = (await lab.api(DIRECTOR).get('/v1/events')).at(-1)?.seq ?? 0;
  let watched: Watched | undefined;
  const report = await session.step({
    name: `FRR of ${DIRECTOR} restarts`,
    gone: [DIRECTOR],
    settle: 10_000,
    act: async () => {
      const killed = performance.now();
      progress(`ospfd and zebra of ${DIRECTOR} are killed`);
      await frr.kill(['ospfd', 'zebra']);
      await sleep(WITHOUT_FRR);
      const started = performance.now();
      progress('they are started');
      const [result] = await Promise.all([watchUntilBack(session, killed, started), frr.start()]);
      watched = result;
      await untilAnnounced(lab, DIRECTOR);
    },
  });
  await session.close();
  const events = (await lab.api(DIRECTOR).get('/v1/events')).filter(({ seq }) => seq > before);
  const claims = [...backClaims(watched), ...storyClaims(events), ...connectionClaims(report)];
  return { claims, samples: { ...report, watched, events } };
}

interface Watched {
  /** Milliseconds from the start of FRR until all routers have led to the director for good. */
  readonly back: number;
  /** Milliseconds since the kill in which a router did not lead to it. */
  readonly missing: number;
}

/** `killed`, `started`: on the clock of `performance`. Throws LabError. */
async function watchUntilBack({ routers }: Session, killed: number, started: number): Promise<Watched> {
  const isThere = async () => {
    const hops = await Promise.all(routers.routers.map((router) => routers.nextHops(router)));
    return hops.every((list) => list.includes(DIRECTOR));
  };
  let [was, since, missing, last] = [true, killed, 0, performance.now()];
  await until(`the routers lead to ${DIRECTOR} for good`, 2 * BACK_WITHIN + FOR_GOOD, async () => {
    const is = await isThere();
    const now = performance.now();
    if (!is) missing += now - last;
    if (is !== was) since = now;
    [was, last] = [is, now];
    if (is && now - Math.max(since, started) >= FOR_GOOD) return true;
    await sleep(LOOK);
    return false;
  });
  return { back: Math.max(0, since - started), missing };
}

function backClaims(watched: Watched | undefined): Claim[] {
  return [
    claimAtMost("VIP in the routers' kernels for good, after the start", watched?.back ?? null, BACK_WITHIN, 'ms'),
    told('it was missing there for', watched?.missing ?? 'unknown', 'ms'),
  ];
}

/** What the agent has to tell, in this order. */
const STORY: readonly (readonly [string, (event: EventDocument) => boolean])[] = [
  ['FRR is not running', (event) => faultOf(event)?.includes(' is not running: ') === true],
  [
    'what is missing is put back',
    (event) => faultOf(event)?.includes('is not as it was left, and is mended by') === true,
  ],
  ['FRR answers again', (event) => faultOf(event)?.startsWith('FRR answers again after ') === true],
  ['the VIP is announced', ({ event }) => event === 'vip-announced'],
];

function faultOf({ event, values }: EventDocument): string | undefined {
  return event === 'speaker-fault' ? String(values['message']) : undefined;
}

/** Exported for its test. */
export function storyClaims(events: readonly EventDocument[]): Claim[] {
  const found = STORY.map(([what, is]) => ({ what, at: events.findLastIndex(is) }));
  return found.map(({ what, at }, index) => {
    const before = found[index - 1];
    const isInOrder = at >= 0 && (before === undefined || at > before.at);
    return claimEqual(`told${before ? ', after that' : ''}: ${what}`, isInOrder, true);
  });
}

function connectionClaims({ lost, window }: StepReport): Claim[] {
  const ofOthers = lost.filter(({ director }) => director !== null && director !== DIRECTOR);
  return [
    claimEqual('connections broken that other directors carried', ofOthers.length, 0),
    told(`connections broken that ${DIRECTOR} carried`, lost.filter(({ director }) => director === DIRECTOR).length),
    told('new connections failed', total(window.failed)),
  ];
}
