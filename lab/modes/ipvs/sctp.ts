import { type Claim, claimEqual } from '../../report/result.ts';
import type { LabNode } from '../../runtimes/lab.ts';
import { until } from '../../runtimes/wait.ts';
import { RouterView, untilAnnounced } from '../../scenarios/observe.ts';
import type { AskOutcome } from '../../traffic/ask-main.ts';
import { type Mode, topologyFile } from '../mode.ts';
import { completeClaim, DropWatch, seenAsClaim, weightClaims } from '../questions.ts';
import { said } from './tables.ts';

const DIRECTOR = 'd1';
const VIP = '203.0.113.10';
const PORT = 2905;
const SERVERS = ['s1', 's2'];
const WEIGHTS = { s1: 1, s2: 2 };
const SOURCES = ['198.51.100.1', '198.51.100.2', '198.51.100.3', '198.51.100.4'];
/** Two programs are started in emulated machines for each. */
const LONGEST = 240_000;

/** Answers each association by its name and whom it sees, and ends it. The answering program is started for each, and told of the peer. */
const SERVE = `modprobe sctp
setsid socat -U SCTP4-LISTEN:${PORT},fork,reuseaddr SYSTEM:"echo $1 \\$SOCAT_PEERADDR" </dev/null >/dev/null 2>&1 &`;
/** A line per association, from each source in turn: the answer, or what went wrong. */
const ASK = `modprobe sctp
for i in $(seq $1); do
  source=$((i % 4 + 2))
  echo $(socat -u -T 5 SCTP4-CONNECT:${VIP}:${PORT},bind=\${!source},connect-timeout=5 - 2>&1)
done`;

export const sctp: Mode = {
  name: 'sctp',
  claim: 'SCTP by NAT: associations go by weight, the servers see the clients, and no packet of theirs is dropped.',
  topology: topologyFile('sctp'),
  directors: [DIRECTOR],
  runtime: 'qemu',
  async play(lab, { progress, connections }) {
    const [client, director] = [lab.node('client'), lab.node(DIRECTOR)];
    for (const name of SERVERS) await listen(lab.node(name));
    await untilAnnounced(lab, DIRECTOR);
    await (await RouterView.of(lab, VIP)).untilNextHops([DIRECTOR]);
    const guards = await DropWatch.begin(lab, [DIRECTOR]);
    progress(`${connections} associations`);
    const words = ['bash', '-c', ASK, 'ask', String(connections), ...SOURCES];
    const lines = (await said((argv) => client.exec(argv, { deadline: LONGEST }), words)).trimEnd().split('\n');
    const outcomes = lines.map(outcomeOf);
    const table = await said((argv) => director.exec(argv), ['cat', '/proc/net/ip_vs_conn']);
    return [
      completeClaim('associations complete', outcomes),
      claimEqual('associations asked for', outcomes.length, connections),
      ...weightClaims(WEIGHTS, outcomes),
      seenAsClaim(SOURCES, outcomes),
      claimEqual('IPVS has them as SCTP', /^SCTP /m.test(table), true),
      await guards.nothingDroppedClaim(),
    ] satisfies Claim[];
  },
};

async function listen(server: LabNode): Promise<void> {
  await said((argv) => server.exec(argv), ['bash', '-c', SERVE, 'serve', server.name]);
  await until(`${server.name} listens`, 10_000, async () => {
    return (await said((argv) => server.exec(argv), ['cat', '/proc/net/sctp/eps'])).includes(` ${PORT} `);
  });
}

/** `s1 198.51.100.1`, or what went wrong. */
function outcomeOf(line: string): AskOutcome {
  const [, server, seenAs] = /^(s\d) ([\d.]+)$/.exec(line) ?? [];
  if (server === undefined || seenAs === undefined) return { complete: false, fault: line || 'no answer' };
  return { server, seenAs, complete: true };
}
