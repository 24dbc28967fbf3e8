/**
 * Many connections on one director: told to another one as they come, copied to a third one that joins, how much memory of the
 * agents they take on each side, and for how long the agents' main threads stand still meanwhile, beside an idle process; and
 * whether Hellos come in time. Needs root.
 *
 * The kernel's limit of entries is the host's, and is left as it is: where it is less than what is wanted, there are fewer.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lab } from '../lab/runtimes/lab.ts';
import { untilAnnounced } from '../lab/scenarios/observe.ts';
import type { EventLoopDocument } from '../src/api/documents.ts';
import { idleProcess } from './idle.ts';
import { residentMemory } from './lsdb/processes.ts';
import { atMost, type BenchGoal, type BenchRun, figure } from './result.ts';
import { CtLoad } from './sync/ct-load.ts';
import { watchHellos } from './sync/hellos.ts';
import { shapeOf, startDirectors, trio, untilSynced } from './sync/trio.ts';

const WANTED = 200_000;
const QUICK = 30_000;
/** Of the kernel's limit: it begins to end connections early when it is reached. */
const OF_LIMIT = 0.9;
const RATE = 20_000;
const OLD = ['d1', 'd2'] as const;
const JOINER = 'd3';
const BULK_WITHIN = 120_000;
/** Longer than the copy: refreshes and digests are to be in it. */
const WATCHED = 25_000;
const STALL_LIMIT = 20;
/** Hellos go out each second; they may be late by a tenth. */
const GAP_LIMIT = 1100;

export const run: BenchRun = async ({ quick, progress }) => {
  const limit = Number(await readFile('/proc/sys/net/netfilter/nf_conntrack_max', 'utf8'));
  const count = Math.min(quick ? QUICK : WANTED, Math.floor(limit * OF_LIMIT));
  const generator = await CtLoad.build();
  const lab = await trio(progress);
  try {
    return { goals: await measure(lab, generator, count, progress), samples: { limit: [limit] } };
  } finally {
    await lab.down();
    await generator.remove();
  }
};

async function measure(
  lab: Lab,
  generator: CtLoad,
  count: number,
  progress: (line: string) => void,
): Promise<BenchGoal[]> {
  await startDirectors(lab, OLD);
  await sleep(3000);
  const before = await Promise.all(OLD.map((name) => memoryOf(lab, name)));
  progress(`${count} connections on d1, ${RATE} a second`);
  const shape = await shapeOf(lab, 'd1');
  const [d1, d2, d3] = [...OLD, JOINER].map((name) => lab.node(name).netns) as [string, string, string];
  const loaded = await generator.load(d1, d2, count, RATE, shape);
  await sleep(3000);
  const after = await Promise.all(OLD.map((name) => memoryOf(lab, name)));

  progress(`${JOINER} joins`);
  for (const name of OLD) await lab.api(name).post('/v1/event-loop/restart');
  const hellos = await Promise.all([
    watchHellos(lab, 'r1', 'eth2', '10.1.1.2'),
    watchHellos(lab, 'r1', 'eth4', '10.1.3.2'),
  ]);
  const idle = idleProcess();
  const watch = await generator.watch(d3, count);
  const patience = setTimeout(() => watch.stop(), BULK_WITHIN);
  await lab.startDirector(JOINER);
  await lab.api(JOINER).post('/v1/event-loop/restart');
  const { seen, seenFirst, seenLast } = await watch.seen;
  clearTimeout(patience);
  await untilSynced(lab, JOINER, [...OLD, JOINER]);
  await untilAnnounced(lab, JOINER);
  await sleep(WATCHED);
  const control = await idle();
  const gaps = await Promise.all(hellos.map((one) => one.longestGap()));
  const loops = await Promise.all(['d1', JOINER].map((name) => loopOf(lab, name)));
  const joined = await memoryOf(lab, JOINER);
  const present = await generator.present(d3, count);
  return [
    figure('connections', count, ''),
    atMost('not at the peer', loaded.made - loaded.seen, '', 0),
    atMost('not at the joiner', count - seen + (count - present), '', 0),
    figure('copy to the joiner, first to last', (seenLast - seenFirst) / 1e6, 'ms'),
    ...OLD.flatMap((name, index) => memoryGoals(name, before[index]!, after[index]!, count)),
    figure(`resident memory of ${JOINER}`, joined.resident / 2 ** 20, 'MiB'),
    ...['d1', JOINER].flatMap((name, index) => loopGoals(name, loops[index]!, control)),
    ...['d1', JOINER].map((name, index) =>
      atMost(`longest time between two Hellos of ${name}`, gaps[index]!, 'ms', GAP_LIMIT),
    ),
  ];
}

interface Memory {
  readonly resident: number;
  /** Of the table of connections. */
  readonly table: number;
}

async function memoryOf(lab: Lab, director: string): Promise<Memory> {
  const { connections } = await lab.api(director).get('/v1/sync');
  return { resident: (await residentMemory([lab.directorPid(director)!])) * 2 ** 20, table: connections.bytes };
}

function memoryGoals(name: string, before: Memory, after: Memory, count: number): BenchGoal[] {
  return [
    figure(`${name}: agent's memory of a connection, resident`, (after.resident - before.resident) / count, 'B'),
    figure(`${name}: of it in the table`, (after.table - before.table) / count, 'B'),
    figure(`${name}: resident memory before`, before.resident / 2 ** 20, 'MiB'),
  ];
}

async function loopOf(lab: Lab, director: string): Promise<EventLoopDocument> {
  return (await lab.api(director).get('/v1/status')).process.eventLoopDelay;
}

function loopGoals(name: string, loop: EventLoopDocument, idle: EventLoopDocument): BenchGoal[] {
  return [
    atMost(`${name}: main loop late, p99.9 above idle`, loop.p999 - idle.p999, 'ms', STALL_LIMIT),
    figure(`${name}: main loop late, worst`, loop.max, 'ms', { name: 'idle process', value: idle.max }),
  ];
}
