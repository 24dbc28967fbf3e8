/**
 * Telling another director of connections, beside conntrackd: what it costs, how late it is, how much of it there can be. Entries
 * are made in d1's kernel by one generator for all, and seen in d2's; real connections are opened by wrk through d1. Needs root.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRoots } from '../lab/roots/build.ts';
import { up } from '../lab/runtimes/runtime.ts';
import { atLeastRatio, atMost, atMostRatio, type BenchGoal, type BenchRun, figure, median } from './result.ts';
import { type ContenderName, contenders } from './sync/contenders.ts';
import { CtLoad } from './sync/ct-load.ts';
import { DIRECTORS, writePair } from './sync/pair.ts';
import { FULL, QUICK, type Stage, type Visit, visit, visitWeb, type WebVisit } from './sync/rounds.ts';

const ROUNDS = 3;

interface Books {
  readonly visits: Readonly<Record<Exclude<ContenderName, 'none'>, Visit[]>>;
  readonly web: WebVisit[];
}

export const run: BenchRun = async ({ quick, progress }) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-sync-'));
  const generator = await CtLoad.build();
  await ensureRoots(['load'], progress);
  const lab = await up(await writePair(folder), { directors: [], progress });
  try {
    const stage: Stage = { lab, generator, sizes: quick ? QUICK : FULL };
    const books = await play(stage, quick ? 1 : ROUNDS, progress);
    return { goals: goalsOf(books), samples: samplesOf(books) };
  } finally {
    await lab.down();
    await generator.remove();
    await rm(folder, { recursive: true, force: true });
  }
};

async function play(stage: Stage, rounds: number, progress: (line: string) => void): Promise<Books> {
  const books: Books = { visits: { sluice: [], conntrackd: [] }, web: [] };
  const all = await contenders(stage.lab, progress);
  for (let round = 0; round < rounds; round++) {
    for (const contender of all) {
      progress(`round ${round + 1} of ${rounds}: ${contender.name}`);
      if (contender.name === 'none') books.web.push(await visitWeb(stage, contender));
      else books.visits[contender.name].push(await visit(stage, contender));
    }
  }
  return books;
}

function goalsOf({ visits, web }: Books): BenchGoal[] {
  const mid = (list: readonly Visit[], key: Exclude<keyof Visit, 'memory'>) => median(list.map((one) => one[key]));
  const ours = (key: Exclude<keyof Visit, 'memory'>) => mid(visits.sluice, key);
  const peer = (key: Exclude<keyof Visit, 'memory'>) => ({ name: 'conntrackd', value: mid(visits.conntrackd, key) });
  const unsynced = { name: 'no sync', value: median(web.map((one) => one.web)) };
  const lost = visits.sluice.reduce((sum, one) => sum + one.lost + one.bulkLost, 0);
  const peerLost = visits.conntrackd.reduce((sum, one) => sum + one.lost + one.bulkLost, 0);
  return [
    atMostRatio(
      'processor time of a new entry, both directors, 40,000/s',
      ours('steepProcessor'),
      'us',
      0.5,
      peer('steepProcessor'),
    ),
    figure(
      'processor time of a new entry, both directors, 10,000/s',
      ours('calmProcessor'),
      'us',
      peer('calmProcessor'),
    ),
    atLeastRatio('entries, sustained', ours('sustained'), '1/s', 1.3, peer('sustained')),
    atMostRatio('delay at 10,000/s, median', ours('median'), 'ms', 1, peer('median')),
    atMostRatio('delay at 10,000/s, p99', ours('p99'), 'ms', 1, peer('p99')),
    atMostRatio('bulk', ours('bulk'), 'ms', 0.7, peer('bulk')),
    atLeastRatio('real connections', ours('web'), '1/s', 2, peer('web')),
    atLeastRatio('real connections, beside none told', ours('web'), '1/s', 0.85, unsynced),
    figure('processor time of a real connection, both directors', ours('webProcessor'), 'us', peer('webProcessor')),
    { ...atMost('entries lost', lost, '', 0), peer: 'conntrackd', peerValue: peerLost },
    ...[0, 1].map((index) => memoryOf(visits.sluice, index, DIRECTORS[index]!)),
  ];
}

function memoryOf(list: readonly Visit[], index: number, director: string): BenchGoal {
  const bytes = median(list.map(({ memory }) => memory[index] ?? 0));
  return figure(`memory of the agent of ${director} after the bulk`, bytes / 2 ** 20, 'MiB');
}

function samplesOf({ visits, web }: Books): Record<string, readonly number[]> {
  const named = Object.entries(visits).flatMap(([name, list]) => columns(name, list));
  return Object.fromEntries([...named, ...columns('none', web)]);
}

function columns(name: string, list: readonly (Visit | WebVisit)[]): [string, number[]][] {
  const keys = Object.keys(list[0] ?? {});
  const rows = list as readonly unknown[] as readonly Readonly<Record<string, number | readonly number[]>>[];
  return keys.map((key) => [`${name}, ${key}`, rows.flatMap((row) => row[key] ?? [])]);
}
