import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import { claimBetween, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { RouterView } from './observe.ts';
import type { Scenario, ScenarioContext, ScenarioResult } from './scenario.ts';

const VIP = '203.0.113.10';
const DIRECTOR = 'd2';
const UPLINK = 'eth1';
/** How long the machine without an agent is watched: a director that the router believes in has its share by then. */
const WATCHED = 3000;
/** Longer than the routers' dead interval. */
const GONE = 5000;

/** Some 20 new connections a second, each from a port of its own. */
const CLIENT = `while :; do curl -s -m 1 -o /dev/null http://${VIP}/healthz & sleep 0.05; done`;
const PROBE = `add table ip probe
add counter ip probe vip
add chain ip probe c { type filter hook prerouting priority -400; policy accept; }
add rule ip probe c ip daddr ${VIP} counter name vip
`;

/**
 * A machine comes back after a power cut, under traffic. First as machines do, its uplink up before anything can serve: the
 * router sends it its share, without any adjacency. Then with the link held (`holdLink`): it gets nothing until its data
 * plane was read back.
 */
export const holdLink: Scenario = {
  name: 'hold-link',
  claim: 'A director whose uplink is held gets no share of the traffic before it can serve.',
  topology: join(projectRoot, 'lab/topologies/hold-link.clab.yml'),
  directors: ['d1', 'd2'],
  // 8.4 sends nothing ahead of time. It loses the next hop of a link whose carrier goes for good, whoever speaks there.
  router: '10.3',
  run,
};

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const routers = await RouterView.of(lab, VIP);
  await routers.untilNextHops(['d1', DIRECTOR]);
  const client = lab.node('client').spawn(['sh', '-c', CLIENT], { stdio: 'ignore' });
  try {
    await powerCut(lab);
    await routers.untilNextHops(['d1']);
    await sleep(GONE);
    progress('the link comes up, and nothing else');
    await lab.node(DIRECTOR).link(UPLINK, 'up');
    await sleep(WATCHED);
    const unheld = await arrived(lab);
    await lab.node(DIRECTOR).link(UPLINK, 'down');
    await routers.untilNextHops(['d1']);
    await sleep(GONE);
    progress('the same with the link held by the agent');
    const before = await arrived(lab);
    await lab.startDirector(DIRECTOR);
    const early = await arrivedUntilProgrammed(lab, before);
    await routers.untilNextHops(['d1', DIRECTOR]);
    await until(`${DIRECTOR} gets its share`, 5000, async () => (await arrived(lab)) > before + early);
    const events = await lab.api(DIRECTOR).get('/v1/events');
    const at = (name: string) => events.find(({ event }) => event === name)?.t ?? Number.NaN;
    const claims = [
      claimEqual('the router sends to a director whose link is up and that has no adjacency', unheld > 0, true),
      claimEqual('packets for the VIP before the data plane was read back, link held', early, 0),
      claimBetween('the link was held', at('dataplane-programmed') - at('link-held'), 2000, 20_000, 'ms'),
      claimBetween(
        'the link is up after the data plane',
        at('link-released') - at('dataplane-programmed'),
        0,
        500,
        'ms',
      ),
    ];
    return { claims, samples: { unheld, early, events } };
  } finally {
    client.kill('SIGKILL');
  }
}

/** What a power cut leaves of the director's part: nothing. The carrier goes at the same time. */
async function powerCut(lab: Lab): Promise<void> {
  const node = lab.node(DIRECTOR);
  await lab.stopDirector(DIRECTOR, 'SIGKILL');
  await node.link(UPLINK, 'down');
  // What the agent remembers is of the boot before.
  await rm(join(lab.dir, DIRECTOR, 'state'), { recursive: true, force: true });
  await must(lab, ['nft', 'flush', 'ruleset']);
  await must(lab, ['ip', 'route', 'flush', 'table', 'local', 'proto', '217']);
  await must(lab, ['nft', '-f', '-'], PROBE);
}

/** Packets for the VIP that have arrived until the agent says that the data plane is there; beyond `before`. */
async function arrivedUntilProgrammed(lab: Lab, before: number): Promise<number> {
  let last = before;
  await until('the data plane of the held director', 20_000, async () => {
    const now = await arrived(lab);
    const events = await lab.api(DIRECTOR).get('/v1/events');
    // Read before the events: what came after the programming is no longer early.
    if (!events.some(({ event }) => event === 'dataplane-programmed')) last = now;
    return events.some(({ event }) => event === 'dataplane-programmed');
  });
  return last - before;
}

async function arrived(lab: Lab): Promise<number> {
  const listing = await must(lab, ['nft', 'list', 'counter', 'ip', 'probe', 'vip']);
  return Number(/packets (\d+)/.exec(listing)?.[1] ?? Number.NaN);
}

async function must(lab: Lab, argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await lab.node(DIRECTOR).exec(argv, { input });
  if (code !== 0) throw new LabError(`${argv.join(' ')}: ${stderr.trim()}`);
  return stdout;
}
