/**
 * Telling another director of connections, beside conntrackd: what it costs, how late it is, how much of it there can be. Entries
 * are made in d1's kernel by one generator for all, and seen in d2's; real connections are opened by wrk through d1. Needs root.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ensureRoots } from '../lab/roots/build.ts';
import { up } from '../lab/runtimes/runtime.ts';
import { type BenchGoal, type BenchRun, figure, median } from './result.ts';
import { type ContenderName, contenders } from './sync/contenders.ts';
import { CtLoad } from './sync/ct-load.ts';
import { writePair } from './sync/pair.ts';
import { FULL, QUICK, type Stage, type Visit, visit, visitWeb, type WebVisit } from './sync/rounds.ts';

const ROUNDS = 3;

interface Books {
  readonly visits: Readonly<Partial<Record<ContenderName, Visit[]>>>;
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
  const books: Books = { visits: { conntrackd: [] }, web: [] };
  const all = await contenders(stage.lab, progress);
  for (let round = 0; round < rounds; round++) {
    for (const contender of all) {
      progress(`round ${round + 1} of ${rounds}: ${contender.name}`);
      if (contender.name === 'none') books.web.push(await visitWeb(stage, contender));
      else books.visits[contender.name]?.push(await visit(stage, contender));
    }
  }
  return books;
}

function goalsOf({ visits, web }: Books): BenchGoal[] {
  const peer = visits.conntrackd ?? [];
  const of = (key: Exclude<keyof Visit, 'memory'>) => median(peer.map((one) => one[key]));
  return [
    figure('conntrackd: processor time of a new entry, both directors', of('steepProcessor'), 'us'),
    figure('conntrackd: entries a second', of('sustained'), '1/s'),
    figure('conntrackd: delay at 10,000/s, median', of('median'), 'ms'),
    figure('conntrackd: delay at 10,000/s, p99', of('p99'), 'ms'),
    figure('conntrackd: bulk', of('bulk'), 'ms'),
    figure('conntrackd: real connections', of('web'), '1/s'),
    figure('conntrackd: entries lost', of('lost') + of('bulkLost'), ''),
    figure('nobody: real connections', median(web.map((one) => one.web)), '1/s'),
  ];
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
