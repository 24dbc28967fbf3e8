/**
 * `npm run soak -- ospf-stall`: adjacencies with a dead interval of one second while both cores are loaded and the agents'
 * main threads are stalled for 200 ms of every second. In one and the same run on one router (FRR): an agent that raised its
 * priority, one that may not, and FRR's ospfd, which nobody stalls. What counts is how often each pair lost its adjacency,
 * as seen by either end.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { projectRoot } from '../../lab/project.ts';
import { type Claim, claimAtMost, claimBetween, claimEqual } from '../../lab/report/result.ts';
import type { Lab } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { readEvents } from '../../lab/scenarios/order.ts';
import type { EventLoopDocument } from '../../src/api/documents.ts';
import type { SoakOutcome, SoakRun } from './soak.ts';

/** The length of the run, in milliseconds. */
const FULL = 300_000;
const QUICK = 30_000;
const TOLD_EVERY = 30_000;

const RAISED = 'd1';
const ORDINARY = 'd2';
const AGENTS = [RAISED, ORDINARY] as const;
type Agent = (typeof AGENTS)[number];
const ROUTER_IDS = { [RAISED]: '10.255.0.1', [ORDINARY]: '10.255.0.2', f1: '10.255.0.3', r1: '10.255.1.1' } as const;

interface AgentResult {
  readonly lost: number;
  readonly nice: number;
  readonly delay: EventLoopDocument;
}

export const run: SoakRun = async ({ quick, progress }) => {
  const lab = await up('stall', { directors: [], progress });
  const load: ChildProcess[] = [];
  try {
    const hook = pathToFileURL(join(projectRoot, 'dist/bench/soak/stall-hook.js')).href;
    const nodeOptions = ['--import', hook];
    await lab.startDirector(RAISED, { nodeOptions });
    await lab.startDirector(ORDINARY, { nodeOptions, under: ['setpriv', '--bounding-set=-sys_nice'] });
    await until('all adjacencies to be full', 30_000, async () => (await fullNeighbors(lab)) === 3);
    for (const _ of cpus()) load.push(spawn(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }));
    return await measure(lab, quick ? QUICK : FULL, progress);
  } finally {
    for (const child of load) child.kill('SIGKILL');
    await lab.down();
  }
};

async function measure(lab: Lab, length: number, progress: (line: string) => void): Promise<SoakOutcome> {
  const began = Date.now();
  const before = idleTime();
  for (const name of AGENTS) await lab.api(name).post('/v1/event-loop/restart');
  while (Date.now() < began + length) {
    await sleep(Math.min(TOLD_EVERY, began + length - Date.now()));
    const frr = await lostByFrr(lab, began);
    const ours = await Promise.all(AGENTS.map((name) => lostByAgent(lab, name, began)));
    progress(`${Math.round((Date.now() - began) / 1000)} s: lost ${ours.join(' and ')} by the agents, ${frr} by FRR`);
  }
  const idle = (100 * (idleTime() - before)) / ((Date.now() - began) * cpus().length);
  const [raised, ordinary] = await Promise.all([result(lab, RAISED, began), result(lab, ORDINARY, began)]);
  const frr = await lostByFrr(lab, began);
  return { claims: judge(raised, ordinary, frr, idle), samples: { length, raised, ordinary, frr, idle } };
}

function judge(raised: AgentResult, ordinary: AgentResult, frr: number, idle: number): Claim[] {
  return [
    claimBetween('time that the processors were idle', idle, 0, 5, '%'),
    claimBetween('longest stall of the agent that may not raise its priority', ordinary.delay.max, 190, 10_000, 'ms'),
    claimBetween('longest stall of the agent with raised priority', raised.delay.max, 190, 10_000, 'ms'),
    claimEqual('nice value of the agent with raised priority', raised.nice, -20),
    claimEqual('adjacencies lost by the agent with raised priority', raised.lost, 0),
    claimAtMost('adjacencies lost by the other agent (goal: what FRR lost)', ordinary.lost, frr, ''),
  ];
}

async function result(lab: Lab, name: Agent, since: number): Promise<AgentResult> {
  const { process: own } = await lab.api(name).get('/v1/status');
  return { lost: await lostByAgent(lab, name, since), nice: own.priority.nice, delay: own.eventLoopDelay };
}

/** A loss that both ends notice is one: the end that noticed more of them counts. */
async function lostByAgent(lab: Lab, name: Agent, since: number): Promise<number> {
  const log = await readFile(join(lab.dir, `${name}.log`), 'utf8');
  const own = readEvents(log).filter(({ event, time, values }) => {
    return event === 'neighbor-changed' && values?.['from'] === 'full' && Date.parse(time) >= since;
  });
  return Math.max(own.length, await lostInFrrLog(lab, 'r1', ROUTER_IDS[name], since));
}

async function lostByFrr(lab: Lab, since: number): Promise<number> {
  const [near, far] = await Promise.all([
    lostInFrrLog(lab, 'r1', ROUTER_IDS.f1, since),
    lostInFrrLog(lab, 'f1', ROUTER_IDS.r1, since),
  ]);
  return Math.max(near, far);
}

/** `2026/11/21 08:00:00 OSPF: [id] AdjChg: Nbr 10.255.0.1, NbrIP 10.1.1.2 (default) on eth1:10.1.1.1: Full -> Deleted (…)` */
async function lostInFrrLog(lab: Lab, node: string, neighbor: string, since: number): Promise<number> {
  const log = await readFile(join(lab.dir, `${node}.log`), 'utf8');
  const line = new RegExp(`^(\\S+ \\S+) OSPF:.*AdjChg: Nbr ${neighbor.replaceAll('.', '\\.')}\\b.*Full -> `, 'gm');
  const times = [...log.matchAll(line)].map(([, time]) => Date.parse(time!.replaceAll('/', '-').replace(' ', 'T')));
  return times.filter((time) => time >= since).length;
}

async function fullNeighbors(lab: Lab): Promise<number> {
  const { stdout } = await lab.node('r1').exec(['vtysh', '-c', 'show ip ospf neighbor']);
  return stdout.split('\n').filter((line) => line.includes('Full/')).length;
}

/** Milliseconds, over all processors. */
function idleTime(): number {
  return cpus().reduce((sum, { times }) => sum + times.idle, 0);
}
