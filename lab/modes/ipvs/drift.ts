import type { EventDocument } from '../../../src/api/documents.ts';
import { type Claim, claimAtMost, claimEqual } from '../../report/result.ts';
import { total } from '../../report/words.ts';
import { EventFollower, untilAnnounced } from '../../scenarios/observe.ts';
import { ECMP_3 } from '../../scenarios/scenario.ts';
import { Session, type StepReport } from '../../scenarios/session.ts';
import { clusterFile, type Mode } from '../mode.ts';
import { type Exec, restoredAfter, said, tablesOf } from './tables.ts';

const DIRECTOR = 'd1';
const SERVICE = '203.0.113.10:80';
/** Nobody's of ours: an address and port that no cluster file names. */
const FOREIGN = '192.0.2.80:8080';
const FOREIGN_LINES = [`-A -t ${FOREIGN} -s rr`, `-a -t ${FOREIGN} -r 192.0.2.81:8080 -m -w 5`];
const SETTLE = 4000;
/** Connections that ask five times a second, the others every two seconds: as much as an emulated director carries beside its agent. */
const BUSY = 20;
const RESTORED_WITHIN = 2000;

/**
 * Somebody empties the kernel's tables under load, and deletes our service beside one of theirs: what was missing comes back, what
 * is somebody else's stays.
 */
export const drift: Mode = {
  name: 'drift',
  claim:
    'IPVS emptied by hand under load is restored within 2 s, and no connection ends; a service of somebody else survives.',
  topology: ECMP_3,
  directors: [DIRECTOR],
  runtime: 'qemu',
  cluster: clusterFile('ecmp-3', 'ipvs'),
  async play(lab, { progress, connections }) {
    await untilAnnounced(lab, DIRECTOR);
    const exec: Exec = (argv, options) => lab.node(DIRECTOR).exec(argv, options);
    const load = { request: BUSY, idle: connections - BUSY, push: 0, short: 5, idlePause: 2000 };
    const session = await Session.open(lab, [DIRECTOR], load);
    const deleted = async (name: string, command: readonly string[]) => {
      progress(`${command.join(' ')} under load`);
      const events = new EventFollower(lab, [DIRECTOR]);
      await events.poll();
      let restored = 0;
      const act = async () => {
        restored = await restoredAfter(exec, command);
      };
      const report = await session.step({ name, settle: SETTLE, act });
      return { restored, report, events: await events.poll() };
    };
    const emptied = await deleted('emptied', ['ipvsadm', '--clear']);
    await said(exec, ['bash', '-c', `printf '%s\\n' "$@" | ipvsadm --restore`, 'restore', ...FOREIGN_LINES]);
    const beside = await deleted('beside', ['ipvsadm', '--delete-service', '--tcp-service', SERVICE]);
    const after = await tablesOf(exec);
    const shown = (await lab.api(DIRECTOR).get('/v1/status')).dataplane.foreign;
    await session.close();
    return [
      claimAtMost('restored after ipvsadm --clear', emptied.restored, RESTORED_WITHIN, 'ms'),
      claimAtMost('restored after the service was deleted', beside.restored, RESTORED_WITHIN, 'ms'),
      claimEqual('what the event names as missing', missing(emptied.events), 'service and 4 servers'),
      ...aliveClaims('emptied', emptied.report),
      ...aliveClaims('beside a foreign service', beside.report),
      claimEqual('foreign service after a repair', after.filter(isForeign).join(', '), FOREIGN_LINES.join(', ')),
      claimEqual('foreign service as status shows it', shown.join(' '), `tcp ${FOREIGN}`),
    ] satisfies Claim[];
  },
};

const isForeign = (line: string) => line.includes(FOREIGN);

/** Of the first event about it, in words. */
function missing(events: readonly EventDocument[]): string {
  const event = events.find((one) => one.event === 'dataplane-drift');
  const operations = (event?.values['operations'] ?? []) as readonly string[];
  const service = operations.some((line) => line.startsWith(`ipvs tcp ${SERVICE}: add service`))
    ? 'service'
    : 'nothing';
  const servers = operations.filter((line) => line.startsWith(`ipvs tcp ${SERVICE}: add 10.3.0.`)).length;
  return `${service} and ${servers} servers`;
}

function aliveClaims(name: string, { survived, live, window, lost }: StepReport): readonly Claim[] {
  const how = [...new Set(lost.map((one) => `${one.class} at ${one.director}`))].sort().join(', ');
  return [
    claimEqual(`${name}: connections alive`, survived, live),
    claimEqual(`${name}: connections broken${how === '' ? '' : ` (${how})`}`, total(window.broken), 0),
  ];
}
