/**
 * The parts of the scenario `partition`: a director and the others cannot speak to each other for a minute, while all of them carry
 * traffic, connections move from one side to the other, and others begin on both. When they can speak again, all know the same, and
 * what began on one side is carried by the other.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab-error.ts';
import type { Mode } from '../modes/mode.ts';
import { type Claim, claimAtLeast, claimAtMost, claimEqual, told } from '../report/result.ts';
import { tally, total } from '../report/words.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { leadPast, leadTo } from '../scenarios/acts.ts';
import { addressesOf } from '../scenarios/observe.ts';
import { Session } from '../scenarios/session.ts';
import { type Placement, type ProbeReading, placementOf } from '../traffic/placement.ts';
import { RollCall } from '../traffic/roll-call.ts';
import type { RollAnswer } from '../traffic/roll-call-main.ts';
import { DIRECTORS, STANDS, type Stand, standOf, startAll } from './stand.ts';

/** On its side it is alone; the others are the other side. */
const ALONE = 'd1';
const MOVER = 'd2';
const OTHERS = DIRECTORS.filter((name) => name !== ALONE);
const SYNC_PORT = 7171;
const CUT = 60_000;
const FOUND_OUT_WITHIN = 10_000;
/** For so long what the mover carried goes to both sides, or as much less as the cut is shorter. */
const AWAY = 20_000;
const SETTLE = 26_000;
/** Three rounds of comparing. */
const EQUAL_WITHIN = 30_000;
/** Short connections a second, beside those that live on. */
const SHORT = 20;
/** Milliseconds from one question to the next of those that begin behind the cut. */
const PACE = 4;
const PATIENCE = 10_000;

const CUT_TABLE = `table ip sl_cut {
  chain in { type filter hook input priority -400; tcp dport ${SYNC_PORT} drop; tcp sport ${SYNC_PORT} drop; }
  chain out { type filter hook output priority -400; tcp dport ${SYNC_PORT} drop; tcp sport ${SYNC_PORT} drop; }
}
`;

async function nft(node: LabNode, text: string): Promise<void> {
  const { code, stderr } = await node.exec(['nft', '-f', '-'], { input: text });
  if (code !== 0) throw new LabError(`nft on ${node.name}: ${stderr.trim()}`);
}

/** Both sides have found out that they are alone. */
async function areApart(lab: Lab): Promise<boolean> {
  const dead = async (name: string) => (await lab.api(name).get('/v1/sync')).members?.dead.map((one) => one.name) ?? [];
  const [alone, ...others] = await Promise.all([ALONE, ...OTHERS].map(dead));
  return OTHERS.every((name) => alone!.includes(name)) && others.every((names) => names.includes(ALONE));
}

async function agree(lab: Lab): Promise<boolean> {
  const documents = await Promise.all(DIRECTORS.map((name) => lab.api(name).get('/v1/sync')));
  return documents.every(({ state, peers }) => {
    const living = peers.filter(({ name }) => DIRECTORS.includes(name));
    return state === 'synced' && living.every((peer) => peer.state === 'up' && peer.digestsMatch === true);
  });
}

/** Of these flows, those that a director's kernel has no entry of. */
async function unknownTo(lab: Lab, director: string, flows: readonly string[]): Promise<number> {
  const { stdout } = await lab.node(director).exec(['cat', '/proc/net/nf_conntrack']);
  const known = new Set(
    stdout.split('\n').map((line) => /src=(\S+) dst=\S+ sport=(\d+)/.exec(line)?.slice(1).join(':')),
  );
  return flows.filter((flow) => !known.has(flow)).length;
}

/** Where flows are, and how many SYNs each director has seen. */
interface Look {
  readonly placement: Placement;
  readonly readings: ReadonlyMap<string, ProbeReading>;
}

async function look({ probe }: Session): Promise<Look> {
  const readings = await probe.read();
  return { readings, placement: placementOf(readings) };
}

const onAlonesSide = (director: string | undefined) => director === ALONE;

/** Flows that were on one side and are on the other; from the side of many, or of the one. */
function crossed(before: Look, after: Look, from: 'many' | 'one'): number {
  return [...after.placement].filter(([flow, is]) => {
    const was = before.placement.get(flow);
    if (was === undefined || onAlonesSide(was) === onAlonesSide(is)) return false;
    return onAlonesSide(is) === (from === 'many');
  }).length;
}

function openedOn(names: readonly string[], before: Look, after: Look): number {
  const opened = ({ readings }: Look) => names.reduce((sum, name) => sum + (readings.get(name)?.opened ?? 0), 0);
  return opened(after) - opened(before);
}

/** What is seen while the sides are apart, and what began then. */
interface Apart {
  readonly apart: Look;
  readonly moved: Look;
  readonly last: Look;
  readonly begun: RollCall;
  /** What became of each that should begin. */
  readonly opened: readonly RollAnswer[];
  /** Milliseconds from the healing; null: not equal in time. */
  readonly equal: number | null;
}

interface Plan {
  readonly lab: Lab;
  readonly session: Session;
  readonly client: LabNode;
  /** Client's addresses for what begins behind the cut. */
  readonly sources: readonly string[];
  readonly count: number;
  readonly cut: number;
  readonly progress: (text: string) => void;
}

async function part({ lab, session, client, sources, count, cut, progress }: Plan): Promise<Apart> {
  const began = performance.now();
  progress(`${ALONE} is alone`);
  await nft(lab.node(ALONE), CUT_TABLE);
  await until('both sides know that they are apart', FOUND_OUT_WITHIN, () => areApart(lab));
  const apart = await look(session);
  progress(`connections of ${MOVER} move to both sides`);
  const left = DIRECTORS.filter((name) => name !== MOVER);
  await leadPast(lab, session.routers, MOVER, left);
  await sleep(Math.min(AWAY, cut / 3));
  const moved = await look(session);
  await leadTo(lab, session.routers, MOVER, DIRECTORS);
  progress('connections begin on both sides');
  const target = { address: session.vip, port: 80 };
  const { roll: begun, opened } = await RollCall.attempt(client, {
    ...{ target, sources, count },
    ...{ pace: PACE, patience: PATIENCE },
  });
  await sleep(Math.max(0, began + cut - performance.now()));
  const last = await look(session);
  progress('all can speak to each other again');
  await nft(lab.node(ALONE), 'delete table ip sl_cut\n');
  const healed = performance.now();
  const equal = await until('equal digests', EQUAL_WITHIN, () => agree(lab)).then(
    () => performance.now() - healed,
    () => null,
  );
  return { apart, moved, last, begun, opened, equal };
}

function answered(answers: readonly RollAnswer[]): number {
  return answers.filter(({ fault }) => fault === undefined).length;
}

/** @param cut milliseconds that the sides are apart */
function heals(stand: Stand, cut: number, settle: number): Mode {
  return {
    name: stand.name,
    claim:
      'Directors that could not speak to each other for a while know the same soon after, and no connection has ended.',
    ...standOf(stand),
    async play(lab, { connections, progress }) {
      await startAll(lab, stand);
      const [client] = lab.byRole('client') as readonly [LabNode];
      const addresses = await addressesOf(client, 'lo');
      const sources = addresses.filter((_, index) => index % 2 === 1);
      const each = connections / 4;
      const load = { request: each, idle: each, push: each, bulk: each, short: SHORT, idlePause: 5000, ramp: 5000 };
      const session = await Session.open(lab, DIRECTORS, {
        ...load,
        sources: addresses.filter((_, index) => index % 2 === 0),
      });
      const count = Math.ceil(connections / 2);
      let seen: Apart | undefined;
      const act = async () => {
        seen = await part({ lab, session, client, sources, count, cut, progress });
      };
      const report = await session.step({ name: 'partition', settle, act });
      const flows = (await session.traffic.flows()).map(({ flow }) => flow);
      const { begun, last, ...rest } = seen!;
      const named = (await begun.call()).map(({ flow }) => flow);
      const known = await knownClaims(lab, [...flows, ...named]);
      const taken = await takenOver(lab, session, begun, last);
      await session.close();
      begun.close();
      return [
        claimEqual(`connections that live on (${tally(report.window.broken)} lost)`, report.survived, report.live),
        claimEqual(`short connections that failed (${tally(report.window.failed)})`, total(report.window.failed), 0),
        claimEqual('begun behind the cut, and answered there', answered(rest.opened), count),
        ...crossClaims({ ...rest, last, begun }, connections, named),
        claimAtMost('digests equal after', rest.equal, EQUAL_WITHIN, 'ms'),
        ...known,
        ...taken,
      ];
    },
  };
}

function crossClaims({ apart, moved, last }: Apart, connections: number, begun: readonly string[]): readonly Claim[] {
  const on = (names: readonly string[]) =>
    begun.filter((flow) => names.includes(last.placement.get(flow) ?? '')).length;
  const least = Math.floor(connections / 12);
  return [
    claimAtLeast(`flows that crossed the cut, to ${ALONE}`, crossed(apart, moved, 'many'), least, ''),
    claimAtLeast(`flows that crossed the cut, back from ${ALONE}`, crossed(moved, last, 'one'), least, ''),
    claimAtLeast(`begun behind the cut at ${ALONE}, and long-lived`, on([ALONE]), least, ''),
    claimAtLeast(`begun behind the cut at ${OTHERS.join(' and ')}, and long-lived`, on(OTHERS), least, ''),
    told(`all connections begun at ${ALONE} meanwhile`, openedOn([ALONE], apart, last)),
    told(`all connections begun at ${OTHERS.join(' and ')} meanwhile`, openedOn(OTHERS, apart, last)),
  ];
}

/** What began on the side of the one is carried by the others, when the routers lead past it. */
async function takenOver(lab: Lab, session: Session, begun: RollCall, last: Look): Promise<readonly Claim[]> {
  await leadPast(lab, session.routers, ALONE, OTHERS);
  const answers = await begun.call();
  const after = await look(session);
  await leadTo(lab, session.routers, ALONE, DIRECTORS);
  const moved = answers.filter(({ flow }) => last.placement.get(flow) === ALONE && after.placement.get(flow) !== ALONE);
  return [
    claimEqual('begun behind the cut, answered while the routers lead past it', answered(answers), answers.length),
    claimAtLeast(`of them begun at ${ALONE} and carried by the others now`, moved.length, 1, ''),
  ];
}

async function knownClaims(lab: Lab, flows: readonly string[]): Promise<readonly Claim[]> {
  const unknown = await Promise.all(DIRECTORS.map((name) => unknownTo(lab, name, flows)));
  return DIRECTORS.map((name, index) =>
    claimEqual(`of ${flows.length} live connections, ${name} does not know`, unknown[index] ?? null, 0),
  );
}

export const PARTITIONS: readonly Mode[] = STANDS.map((stand) => heals(stand, CUT, SETTLE));

/** The same with less time for everything, for the suite. */
export const SHORT_PARTITIONS: readonly Mode[] = STANDS.map((stand) => heals(stand, 15_000, 4000));
