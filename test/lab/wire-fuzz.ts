/**
 * Mutated packets on the wire at a running agent that is Full with two FRR routers on a LAN: half of them from the DR's own
 * address, half from a stranger's. Its adjacencies stay, at both ends, and so does its VIP in the routers' kernels.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { projectRoot } from '../../lab/project.ts';
import type { Lab, LabNode } from '../../lab/runtimes/lab.ts';
import { up } from '../../lab/runtimes/runtime.ts';
import { until } from '../../lab/runtimes/wait.ts';
import { EventFollower } from '../../lab/scenarios/observe.ts';
import type { StrikeCount, Strikes } from './wire-fuzz-main.ts';

const AGENT = { address: '10.1.0.11', routerId: '10.255.0.1' };
const STRANGER = '10.1.0.66';
const VIP = '203.0.113.10';
const FULL_WITHIN = 30_000;
const RATE = 500;
/** After the last strike: long enough for a neighbor to count as dead, were the agent to have lost its wits. */
const AFTERMATH = 6000;

export interface WireReport {
  readonly sent: number;
  readonly withheld: Readonly<Record<string, number>>;
  /** Neighbor events of the agent and changes that the routers saw, in words; empty when the adjacencies stayed. */
  readonly disturbances: readonly string[];
  /** By reason, as the agent counted. */
  readonly dropped: unknown;
}

export async function fuzzOnTheWire(
  packets: number,
  seed: number,
  progress: (line: string) => void,
): Promise<WireReport> {
  const lab = await up('lan-frr', { directors: ['d1'] });
  try {
    await untilFull(lab);
    // A second address of r2's: no neighbor of anybody's.
    await lab.node('r2').exec(['ip', 'address', 'add', `${STRANGER}/24`, 'dev', 'eth1']);
    await sleep(AFTERMATH);
    const before = await seenByRouters(lab);
    const watch = new EventWatch(lab);
    progress(`${packets} packets at ${RATE} a second`);
    const each = Math.ceil(packets / 2);
    const link = { interface: 'eth1', to: AGENT.address, agentId: AGENT.routerId, mask: '255.255.255.0' };
    const common = { ...link, helloInterval: 1, deadInterval: 4, count: each, rate: RATE / 2, seed };
    const counts = await Promise.all([
      strikeFrom(lab.node('r1'), { ...common, source: '10.1.0.1', routerId: '10.255.1.1', as: 'neighbor' }),
      strikeFrom(lab.node('r2'), { ...common, source: STRANGER, routerId: '10.99.0.1', as: 'stranger' }),
    ]);
    await sleep(AFTERMATH);
    const disturbances = [...(await watch.end()), ...compare(before, await seenByRouters(lab))];
    return {
      sent: counts.reduce((sum, { sent }) => sum + sent, 0),
      withheld: addUp(counts.map(({ withheld }) => withheld)),
      disturbances,
      dropped: await lab.api('d1').get('/v1/counters'),
    };
  } finally {
    await lab.down();
  }
}

async function untilFull(lab: Lab): Promise<void> {
  await until('the director to be Full with both routers', FULL_WITHIN, async () => {
    const all = await lab.api('d1').get('/v1/neighbors');
    return all.filter(({ state }) => state.toLowerCase() === 'full').length === 2;
  });
  for (const router of lab.byRole('router')) {
    await until(`the VIP on ${router.name}`, FULL_WITHIN, async () => (await hasVip(router)) || undefined);
  }
}

async function hasVip(router: LabNode): Promise<boolean> {
  return (await router.exec(['ip', 'route', 'show', VIP])).stdout.includes(`via ${AGENT.address} `);
}

interface Seen {
  readonly router: string;
  readonly state: string;
  /** Milliseconds since the adjacency's last change. */
  readonly since: number;
  readonly vip: boolean;
}

interface FrrNeighbor {
  readonly nbrState: string;
  readonly upTimeInMsec: number;
}

/** What the routers themselves say of the director. */
function seenByRouters(lab: Lab): Promise<Seen[]> {
  const routers = lab.byRole('router');
  return Promise.all(
    routers.map(async (router) => {
      const { stdout } = await router.exec(['vtysh', '-c', 'show ip ospf neighbor json']);
      const { neighbors } = JSON.parse(stdout) as {
        readonly neighbors: Readonly<Record<string, readonly FrrNeighbor[]>>;
      };
      const [director] = neighbors[AGENT.routerId] ?? [];
      const state = director?.nbrState ?? 'gone';
      return { router: router.name, state, since: director?.upTimeInMsec ?? 0, vip: await hasVip(router) };
    }),
  );
}

function compare(before: readonly Seen[], after: readonly Seen[]): string[] {
  return after.flatMap((now, at) => {
    const { router, state, since } = before[at]!;
    const faults: string[] = [];
    if (now.state !== state) faults.push(`${router} calls the director ${now.state}, before ${state}`);
    if (now.since < since)
      faults.push(`${router} has had the adjacency for ${now.since} ms only, before for ${since} ms`);
    if (!now.vip) faults.push(`${router} has no route to the VIP`);
    return faults;
  });
}

/** What the agent says of its two neighbors meanwhile. */
class EventWatch {
  readonly #follower: EventFollower;
  readonly #done: Promise<string[]>;
  #ended = false;

  constructor(lab: Lab) {
    this.#follower = new EventFollower(lab, ['d1']);
    this.#done = this.#watch();
  }

  async #watch(): Promise<string[]> {
    const routers = ['10.255.1.1', '10.255.1.2'];
    const said: string[] = [];
    // What was said before the first strike is history.
    await this.#follower.poll();
    while (!this.#ended) {
      // Between two looks at the events: they are kept, so none is missed.
      await sleep(250);
      for (const { event, values } of await this.#follower.poll()) {
        if (event !== 'neighbor-changed' || !routers.includes(String(values['routerId']))) continue;
        said.push(`the director: ${JSON.stringify(values)}`);
      }
    }
    return said;
  }

  end(): Promise<string[]> {
    this.#ended = true;
    return this.#done;
  }
}

/** Runs the striker in the node's namespace, with the host's own files. */
function strikeFrom(node: LabNode, strikes: Strikes): Promise<StrikeCount> {
  const program = join(projectRoot, 'dist/test/lab/wire-fuzz-main.js');
  const argv = ['netns', 'exec', node.netns, process.execPath, program, JSON.stringify(strikes)];
  const child = spawn('ip', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(output) as StrikeCount);
      else reject(new Error(`${node.name}: the striker ended with ${code}`));
    });
  });
}

function addUp(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [kind, count] of all.flatMap((one) => Object.entries(one))) sums[kind] = (sums[kind] ?? 0) + count;
  return sums;
}
