/**
 * `npm run bench -- ospf-lsdb`: a director whose neighbor has 10,000 AS-external LSAs: how long until it has them all and
 * their routes, what that costs in memory and processor time, how fast one more goes through it to the next router, and for
 * how long its event loop stands still meanwhile. Ours beside FRR and BIRD, in turn, between the same two FRR routers.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab, LabNode } from '../lab/runtimes/lab.ts';
import { ipCommand } from '../lab/runtimes/netns-node.ts';
import { RouteMonitor } from '../lab/runtimes/route-monitor.ts';
import { up } from '../lab/runtimes/runtime.ts';
import { until } from '../lab/runtimes/wait.ts';
import type { EventLoopDocument } from '../src/api/documents.ts';
import { idleProcess } from './idle.ts';
import { CONTENDERS, type ContenderName, ROUTER_ID, writeLab } from './lsdb/files.ts';
import { processorTime, residentMemory, startDirector } from './lsdb/processes.ts';
import { atMost, type BenchRun, figure, median } from './result.ts';

/** External LSAs, and how many are changed one by one. */
const SIZES = { full: { externals: 10_000, changes: 20 }, quick: { externals: 2_000, changes: 5 } } as const;
const DEADLINE = 90_000;
/** How long the loop is watched after the link came up: the exchange, the computation and the kernel's table. */
const WATCHED = 15_000;

interface Result {
  readonly routesAfter: number;
  readonly memoryBefore: number;
  readonly memory: number;
  readonly processor: number;
  readonly floods: readonly number[];
  readonly loop: EventLoopDocument | undefined;
  readonly idle: EventLoopDocument;
}

export const run: BenchRun = async ({ quick, progress }) => {
  const size = SIZES[quick ? 'quick' : 'full'];
  const results = new Map<ContenderName, Result>();
  for (const contender of CONTENDERS) {
    const folder = await mkdtemp(join(tmpdir(), 'sluice-lsdb-'));
    const say = (line: string) => progress(`${contender}: ${line}`);
    try {
      const lab = await up(await writeLab(folder, contender), { directors: [], progress: say });
      try {
        results.set(contender, await measure(lab, contender, size, say));
      } finally {
        await lab.down();
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return outcome(results, size.externals);
};

async function measure(
  lab: Lab,
  contender: ContenderName,
  { externals, changes }: { externals: number; changes: number },
  say: (line: string) => void,
): Promise<Result> {
  const [r1, r2, d1] = [lab.node('r1'), lab.node('r2'), lab.node('d1')];
  await addRoutes(r1, externals);
  await until('the router to originate them', DEADLINE, async () => (await originated(r1)) >= externals);
  await d1.link('eth1', 'down');
  const pids = await startDirector(lab, contender);
  await until('the second router to be a neighbor', DEADLINE, () => isFull(r2));
  await sleep(2_000);
  const [memoryBefore, before] = [await residentMemory(pids), await processorTime(pids)];
  if (contender === 'sluice') await lab.api('d1').post('/v1/event-loop/restart');
  const idle = idleProcess();
  const upAt = Date.now();
  await d1.link('eth1', 'up');
  await until('all routes in its kernel', DEADLINE, async () => (await routeCount(d1)) >= externals);
  const routesAfter = Date.now() - upAt;
  say(`${externals} routes after ${routesAfter} ms`);
  await until('all routes at the second router', DEADLINE, async () => (await routeCount(r2)) >= externals);
  await sleep(Math.max(0, upAt + WATCHED - Date.now()));
  const loop = contender === 'sluice' ? (await lab.api('d1').get('/v1/status')).process.eventLoopDelay : undefined;
  const result = {
    routesAfter,
    memoryBefore,
    memory: await residentMemory(pids),
    processor: (await processorTime(pids)) - before,
    idle: await idle(),
    loop,
    floods: await floodTimes(r1, r2, changes),
  };
  for (const pid of contender === 'sluice' ? [] : pids.slice(-1)) process.kill(pid, 'SIGTERM');
  return result;
}

function external(n: number): string {
  return `198.${18 + (n >>> 14)}.${(n >>> 6) & 0xff}.${(n & 0x3f) << 2}/30`;
}

async function addRoutes(node: LabNode, count: number): Promise<void> {
  const lines = Array.from({ length: count }, (_, n) => `route add blackhole ${external(n)}`);
  await ipCommand(['-n', node.netns, '-batch', '-'], lines.join('\n'));
}

async function originated(node: LabNode): Promise<number> {
  const { stdout } = await node.exec(['vtysh', '-c', 'show ip ospf']);
  return Number(/Number of external LSA (\d+)/.exec(stdout)?.[1] ?? 0);
}

async function isFull(node: LabNode): Promise<boolean> {
  const { stdout } = await node.exec(['vtysh', '-c', 'show ip ospf neighbor']);
  return stdout.split('\n').some((line) => line.startsWith(ROUTER_ID) && line.includes('Full/'));
}

async function routeCount(node: LabNode): Promise<number> {
  const text = await ipCommand(['-n', node.netns, '-4', 'route', 'show', 'root', '198.16.0.0/12']);
  return text.split('\n').length - 1;
}

/** From a route's coming into the first router's kernel to its coming into the second one's: LSA by LSA. */
async function floodTimes(from: LabNode, to: LabNode, changes: number): Promise<number[]> {
  const monitor = await RouteMonitor.start(to.netns);
  const times: number[] = [];
  try {
    // FRR originates at most one change a second without delay.
    for (let n = 0; n < changes; n++) {
      await sleep(1_500);
      const prefix = `198.51.100.${n}`;
      const at = Date.now();
      await ipCommand(['-n', from.netns, 'route', 'add', 'blackhole', `${prefix}/32`]);
      const found = () => monitor.changes.find((change) => change.prefix === prefix && !change.deleted);
      times.push((await until(`${prefix} at the second router`, 20_000, found)).at - at);
    }
  } finally {
    monitor.stop();
  }
  return times;
}

/** Starts the process that only watches its loop; returns how to end it and learn what it saw. */
function outcome(results: ReadonlyMap<ContenderName, Result>, externals: number) {
  const ours = results.get('sluice')!;
  const words = {
    routesAfter: [`carrier up -> ${externals} routes in the kernel`, 'ms'],
    memoryBefore: ['resident memory before', 'MiB'],
    memory: ['resident memory after', 'MiB'],
    processor: [`processor time in the ${WATCHED / 1000} s after carrier up`, 'ms'],
  } as const;
  const beside = (['frr', 'bird'] as const).flatMap((name) =>
    (Object.keys(words) as (keyof typeof words)[]).map((key) =>
      figure(`${words[key][0]}, beside ${name}`, ours[key], words[key][1], { name, value: results.get(name)![key] }),
    ),
  );
  const floods = (['frr', 'bird'] as const).map((name) =>
    figure(`one LSA through us, beside ${name}`, median(ours.floods), 'ms', {
      name,
      value: median(results.get(name)!.floods),
    }),
  );
  const above = Math.max(0, ours.loop!.p999 - ours.idle.p999);
  const loop = atMost('event loop p99.9 above that of an idle process', above, 'ms', 20);
  const samples = Object.fromEntries(
    [...results].flatMap(([name, result]) => [
      [`${name} floods`, result.floods] as const,
      [`${name} idle p50, p99, p99.9, max`, numbers(result.idle)] as const,
      ...(result.loop === undefined ? [] : [[`${name} loop p50, p99, p99.9, max`, numbers(result.loop)] as const]),
    ]),
  );
  return { goals: [...beside, ...floods, loop], samples };
}

function numbers({ p50, p99, p999, max }: EventLoopDocument): number[] {
  return [p50, p99, p999, max];
}
