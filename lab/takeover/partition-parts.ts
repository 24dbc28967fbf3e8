/**
 * The parts of the scenario `partition`: a director and the others cannot speak to each other for a minute, while all of them carry
 * traffic and connections move from one side to the other. When they can again, all know the same.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab-error.ts';
import type { Mode } from '../modes/mode.ts';
import { type Claim, claimAtMost, claimEqual, told } from '../report/result.ts';
import { tally } from '../report/words.ts';
import type { Lab, LabNode } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { leadPast, leadTo } from '../scenarios/acts.ts';
import { Session } from '../scenarios/session.ts';
import { DIRECTORS, STANDS, type Stand, standOf, startAll } from './stand.ts';

const ALONE = 'd1';
const MOVER = 'd2';
const SYNC_PORT = 7171;
const CUT = 60_000;
/** The sides have found out that they are alone. */
const FOUND_OUT = 8000;
const AWAY = 20_000;
const SETTLE = 26_000;
/** Three rounds of comparing. */
const EQUAL_WITHIN = 30_000;

const CUT_TABLE = `table ip sl_cut {
  chain in { type filter hook input priority -400; tcp dport ${SYNC_PORT} drop; tcp sport ${SYNC_PORT} drop; }
  chain out { type filter hook output priority -400; tcp dport ${SYNC_PORT} drop; tcp sport ${SYNC_PORT} drop; }
}
`;

async function nft(node: LabNode, text: string): Promise<void> {
  const { code, stderr } = await node.exec(['nft', '-f', '-'], { input: text });
  if (code !== 0) throw new LabError(`nft on ${node.name}: ${stderr.trim()}`);
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

function heals(stand: Stand): Mode {
  return {
    name: stand.name,
    claim:
      'Directors that could not speak to each other for a minute know the same soon after, and no connection has ended.',
    ...standOf(stand),
    async play(lab, { connections, progress }) {
      await startAll(lab, stand);
      const each = connections / 4;
      const load = { request: each, idle: each, push: each, bulk: each, short: 0, idlePause: 10_000, ramp: 5000 };
      const session = await Session.open(lab, DIRECTORS, load);
      let healed = 0;
      let equal: number | null = null;
      const act = async () => {
        const began = performance.now();
        progress(`${ALONE} is alone`);
        await nft(lab.node(ALONE), CUT_TABLE);
        await sleep(FOUND_OUT);
        progress(`connections of ${MOVER} move to both sides`);
        await leadPast(
          lab,
          session.routers,
          MOVER,
          DIRECTORS.filter((name) => name !== MOVER),
        );
        await sleep(AWAY);
        await leadTo(lab, session.routers, MOVER, DIRECTORS);
        await sleep(Math.max(0, began + CUT - performance.now()));
        progress('all can speak to each other again');
        await nft(lab.node(ALONE), 'delete table ip sl_cut\n');
        healed = performance.now();
        equal = await until('equal digests', EQUAL_WITHIN, () => agree(lab)).then(
          () => performance.now() - healed,
          () => null,
        );
      };
      const report = await session.step({ name: 'partition', settle: SETTLE, act });
      const flows = (await session.traffic.flows()).map(({ flow }) => flow);
      const claims = await knownClaims(lab, flows);
      await session.close();
      return [
        claimEqual(`connections that live on (${tally(report.window.broken)} lost)`, report.survived, report.live),
        told('of them moved to another director', report.moves.moved),
        claimAtMost('digests equal after', equal, EQUAL_WITHIN, 'ms'),
        ...claims,
      ];
    },
  };
}

async function knownClaims(lab: Lab, flows: readonly string[]): Promise<readonly Claim[]> {
  const unknown = await Promise.all(DIRECTORS.map((name) => unknownTo(lab, name, flows)));
  return DIRECTORS.map((name, index) =>
    claimEqual(`live connections that ${name} does not know`, unknown[index] ?? null, 0),
  );
}

export const PARTITIONS: readonly Mode[] = STANDS.map(heals);
