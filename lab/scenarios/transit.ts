import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import { claimAtMost, claimBetween, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { until } from '../runtimes/wait.ts';
import { untilAnnounced, untilWayTo } from './observe.ts';
import type { Scenario, ScenarioContext, ScenarioResult } from './scenario.ts';

/** Behind the other router. */
const FAR = '192.0.2.1';
const CLIENT = '10.9.0.2';
const VIP = '203.0.113.10';
const PINGS = 5;
const REQUESTS = 20;

/**
 * Routers of today know no H-bit and take a link of the greatest metric when there is no other: the director has to refuse
 * what they send through it. That they do send it is shown twice, by their tables and, with the rule taken out for a
 * moment, by packets that arrive.
 */
export const transit: Scenario = {
  name: 'transit',
  claim: 'A director that is the only path between two routers lets nothing pass but what is for its VIPs.',
  topology: join(projectRoot, 'lab/topologies/transit.clab.yml'),
  directors: ['d1'],
  run,
};

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  await untilAnnounced(lab, 'd1');
  for (const address of [FAR, CLIENT]) await untilWayTo(lab.node('d1'), address);
  await untilWayTo(lab.node('r2'), CLIENT);
  await until(`r1 has a route to ${FAR}`, 20_000, async () => (await nextHop(lab)) === '10.1.1.2');
  progress('packets to the other router');
  const before = await dropped(lab);
  const answered = await ping(lab);
  const refused = (await dropped(lab)) - before;
  progress('the same with the rule taken out');
  const withoutRule = await withoutAgent(lab, async () => {
    await nft(lab, 'flush set ip sluice_guard_v1 upstream');
    return ping(lab);
  });
  await until('the agent to put the rule back', 10_000, async () => (await ping(lab, 1)) === 0);
  progress('requests to the VIP');
  const beforeRequests = await dropped(lab);
  const served = await requests(lab);
  const claims = [
    claimEqual("r1's next hop to the other router's network", await nextHop(lab), '10.1.1.2'),
    claimEqual('pings through the director that were answered', answered, 0),
    claimBetween('packets that the director refused and counted', refused, PINGS, PINGS, ''),
    claimEqual('pings answered with the rule taken out', withoutRule, PINGS),
    claimEqual('requests to the VIP that were answered', served, REQUESTS),
    claimAtMost('packets refused meanwhile', (await dropped(lab)) - beforeRequests, 0, ''),
  ];
  return { claims, samples: { answered, refused, withoutRule, served } };
}

/** A stopped agent repairs nothing; it goes on well within the routers' dead interval. */
async function withoutAgent<T>(lab: Lab, act: () => Promise<T>): Promise<T> {
  const pid = lab.directorPid('d1');
  if (pid === undefined) throw new LabError('the agent of d1 is not running');
  process.kill(pid, 'SIGSTOP');
  try {
    return await act();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}

async function dropped(lab: Lab): Promise<number> {
  // Counters younger than a second are not read again by the agent: what the kernel has is what counts.
  const listing = JSON.parse(await nft(lab, 'list counter ip sluice_guard_v1 transit')) as {
    readonly nftables: readonly { readonly counter?: { readonly packets: number } }[];
  };
  return listing.nftables.find(({ counter }) => counter !== undefined)?.counter?.packets ?? Number.NaN;
}

async function nft(lab: Lab, command: string): Promise<string> {
  const { code, stdout, stderr } = await lab.node('d1').exec(['nft', '-j', ...command.split(' ')]);
  if (code !== 0) throw new LabError(`nft ${command}: ${stderr.trim()}`);
  return stdout;
}

async function nextHop(lab: Lab): Promise<string> {
  const { stdout } = await lab.node('r1').exec(['ip', '-j', 'route', 'get', FAR]);
  const [route] = JSON.parse(stdout || '[]') as readonly { readonly gateway?: string }[];
  return route?.gateway ?? 'none';
}

/** How many of the pings from the client to the far network were answered. */
async function ping(lab: Lab, count = PINGS): Promise<number> {
  const words = ['ping', '-n', '-c', String(count), '-i', '0.1', '-W', '0.5', FAR];
  const { stdout } = await lab.node('client').exec(words);
  return Number(/(\d+) received/.exec(stdout)?.[1] ?? Number.NaN);
}

async function requests(lab: Lab): Promise<number> {
  let served = 0;
  for (let n = 0; n < REQUESTS; n++) {
    const { code } = await lab.node('client').exec(['curl', '-sf', '-m', '2', `http://${VIP}/healthz`]);
    if (code === 0) served += 1;
  }
  return served;
}
