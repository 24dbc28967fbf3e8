/**
 * The parts of the scenario `takeover`: a director that carries connections dies, as with its power cut, and all of its
 * connections go on, over the others.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Mode, ModeContext } from '../modes/mode.ts';
import { type Claim, claimEqual, told } from '../report/result.ts';
import { tally } from '../report/words.ts';
import type { Lab } from '../runtimes/lab.ts';
import { join } from '../scenarios/acts.ts';
import { Session, type SessionLoad, type Step, type StepReport } from '../scenarios/session.ts';
import { LOAD_KINDS, type LoadKind } from '../traffic/protocol.ts';
import { ALL, configureAll, DIRECTORS, JOINER, replacing, STANDS, type Stand, standOf, startAll } from './stand.ts';

const OWNER = 'd1';
const OTHER = 'd2';
const SURVIVORS = DIRECTORS.filter((name) => name !== OWNER);
/** What the younger connections are not promised: they are older than the lag when it begins. */
const AGE = 3000;
/** A connection counts as lost after 20 s without a word that is due. */
const SETTLE = 26_000;
/** Idle connections are silent for so long: over the takeover, most of them. */
const SILENCE = 15_000;
const BETWEEN_DEATHS = 10_000;
/** Longer than the three deaths take. */
const LONG_SILENCE = 30_000;
const LONG_SETTLE = 40_000;

/** All of one kind, in equal parts. */
function loadOf(connections: number, idlePause: number): SessionLoad {
  const each = connections / 4;
  return { request: each, idle: each, push: each, bulk: each, short: 0, idlePause, ramp: 5000 };
}

async function measure(
  lab: Lab,
  { connections, progress }: ModeContext,
  step: Step,
  idlePause = SILENCE,
): Promise<StepReport> {
  const session = await Session.open(lab, DIRECTORS, loadOf(connections, idlePause));
  await sleep(AGE);
  progress(step.name);
  const report = await session.step(step);
  await session.close();
  return report;
}

/** Those of these kinds that were lost, in words: kind and how. */
function losses({ lost }: StepReport, kinds: readonly LoadKind[]): readonly string[] {
  return lost.filter(({ load }) => kinds.includes(load)).map((loss) => `${loss.load} ${loss.class}`);
}

function counted(words: readonly string[]): string {
  const counts: Record<string, number> = {};
  for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
  return tally(counts);
}

function waitClaims({ window }: StepReport): Claim[] {
  return LOAD_KINDS.filter((kind) => kind !== 'short').map((kind) =>
    told(`longest wait, ${kind}`, window.longestWaits[kind] ?? 0, 'ms'),
  );
}

function allLiveClaims(report: StepReport, connections: number): readonly Claim[] {
  const lost = losses(report, LOAD_KINDS);
  const label = lost.length === 0 ? 'connections that live on' : `connections that live on (${counted(lost)})`;
  return [
    claimEqual('connections before', report.live, connections),
    claimEqual(label, report.survived, connections),
    told('of them moved to another director', report.moves.moved),
    ...waitClaims(report),
  ];
}

function dies(stand: Stand): Mode {
  return {
    name: stand.name,
    claim: 'The owner of a third of the connections dies; all live on.',
    ...standOf(stand),
    async play(lab, context) {
      await startAll(lab, stand);
      const act = () => lab.crash(OWNER);
      const report = await measure(lab, context, { name: `${OWNER} dies`, gone: [OWNER], settle: SETTLE, act });
      return allLiveClaims(report, context.connections);
    },
  };
}

/** The fourth server comes, the first goes; its connections are to stay with it. */
const WITHOUT_S4 = replacing(/, s4: [\d.]+ \}/, ' }');
const WITHOUT_S1 = replacing(/s1: [\d.]+, /, '');

function poolChanges(stand: Stand): Mode {
  return {
    name: `${stand.name}-pool`,
    claim: 'The owner dies while a server is added and another one is drained; all live on.',
    ...standOf(stand),
    async play(lab, context) {
      await startAll(lab, stand, WITHOUT_S4);
      const act = async () => {
        await configureAll(lab, stand, WITHOUT_S1);
        const reloads = SURVIVORS.map((name) => lab.api(name).post('/v1/reload'));
        await Promise.all([...reloads, lab.crash(OWNER)]);
      };
      const name = `${OWNER} dies while s4 comes and s1 goes`;
      const report = await measure(lab, context, { name, gone: [OWNER], settle: SETTLE, act });
      return allLiveClaims(report, context.connections);
    },
  };
}

/** The other one forwards without an agent until the routers find out. */
function agentDies(stand: Stand): Mode {
  return {
    name: `${stand.name}-agent`,
    claim:
      'The owner dies, and with it the agent of another director; where the client speaks first, connections live on.',
    ...standOf(stand),
    async play(lab, context) {
      await startAll(lab, stand);
      const act = async () => {
        await Promise.all([lab.crash(OWNER), lab.stopDirector(OTHER, 'SIGKILL')]);
      };
      const name = `${OWNER} dies, and the agent of ${OTHER}`;
      const report = await measure(lab, context, { name, gone: [OWNER, OTHER], settle: SETTLE, act });
      const others = losses(report, ['push', 'bulk']);
      return [
        claimEqual('connections before', report.live, context.connections),
        claimEqual('request/response connections lost', counted(losses(report, ['request', 'idle'])), 'none'),
        told('of the others lost', counted(others)),
        ...waitClaims(report),
      ];
    },
  };
}

/** In the end nobody is left who saw any of the connections begin. */
function allDie(stand: Stand): Mode {
  return {
    name: `${stand.name}-chain`,
    claim: 'A fourth director joins empty; the three old ones die one after the other, 10 s apart; all live on.',
    ...standOf(stand),
    async play(lab, context) {
      await startAll(lab, stand);
      const session = await Session.open(lab, DIRECTORS, loadOf(context.connections, LONG_SILENCE));
      await sleep(AGE);
      const act = async () => {
        context.progress(`${JOINER} joins`);
        await join(lab, session.routers, JOINER, ALL);
        for (const name of DIRECTORS) {
          context.progress(`${name} dies`);
          await lab.crash(name);
          await sleep(BETWEEN_DEATHS);
        }
      };
      const report = await session.step({ name: 'all die', gone: DIRECTORS, settle: LONG_SETTLE, act });
      await session.close();
      return allLiveClaims(report, context.connections);
    },
  };
}

export const PARTS: readonly Mode[] = STANDS.flatMap((stand) => [
  dies(stand),
  poolChanges(stand),
  ...(stand.name === 'nat' ? [agentDies(stand)] : []),
  allDie(stand),
]);
