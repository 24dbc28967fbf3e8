/**
 * Plays many cells and writes down how each went.
 *
 * In:  cells, and the file of an earlier run whose cells that held need not be played again.
 * Out: one line per cell, a table at the end, and after each cell the report as a file, so that a run that breaks off can
 *      be gone on with.
 */
import { type Claim, claimEqual } from '../report/result.ts';
import { type Column, table } from '../report/table.ts';
import { inParallel } from '../runtimes/in-parallel.ts';
import type { CellOutcome } from './cell-run.ts';
import { AREAS, AUTHS, type Cell, cellName, impossible, possibleCells, product, ROLES, ROUTERS } from './cells.ts';

interface LeftOut {
  readonly cell: string;
  readonly reason: string;
}

/** What a run leaves in its file's `samples`. */
export interface MatrixSamples {
  readonly cells: readonly CellOutcome[];
  readonly leftOut: readonly LeftOut[];
}

export interface MatrixOptions {
  /** Words that a cell's name must all hold, e.g. `frr-10 nbma`. */
  readonly only: readonly string[];
  /** Cells that are played at the same time; most of a cell's time is waiting. */
  readonly parallel: number;
  readonly earlier: readonly CellOutcome[];
  readonly play: (cell: Cell) => Promise<CellOutcome>;
  readonly progress: (line: string) => void;
  readonly onCell: (samples: MatrixSamples) => void;
}

/** What was played earlier stays in the samples, whether `only` names it or not: a report may come from several runs. */
export async function playMatrix(options: MatrixOptions): Promise<MatrixSamples> {
  const outcomes = new Map(options.earlier.map((one) => [cellName(one), one]));
  const samples = (): MatrixSamples => ({
    cells: possibleCells().flatMap((cell) => outcomes.get(cellName(cell)) ?? []),
    leftOut: leftOut(),
  });
  const chosen = possibleCells().filter((cell) => hasWords(cell, options.only));
  const left = chosen.filter((cell) => outcomes.get(cellName(cell))?.held !== true);
  if (left.length < chosen.length) options.progress(`${chosen.length - left.length} cells have held before`);
  let played = 0;
  await inParallel(options.parallel, left, async (cell) => {
    const outcome = await options.play(cell);
    outcomes.set(cellName(cell), outcome);
    played++;
    options.progress(`${played}/${left.length} ${lineOf(outcome)}`);
    options.onCell(samples());
  });
  return samples();
}

function hasWords(cell: Cell, words: readonly string[]): boolean {
  return words.every((word) => cellName(cell).split(' ').includes(word));
}

function leftOut(): LeftOut[] {
  return product().flatMap((cell) => {
    const reason = impossible(cell);
    return reason === undefined ? [] : [{ cell: cellName(cell), reason }];
  });
}

function lineOf(outcome: CellOutcome): string {
  const line = `${cellName(outcome)}: ${outcome.held ? 'held' : 'FAILED'}, ${outcome.seconds} s`;
  return outcome.fault === undefined ? line : `${line}\n${outcome.fault}`;
}

/** Nothing played is nothing shown. */
export function matrixClaims({ cells }: MatrixSamples): readonly Claim[] {
  const held = cells.filter((cell) => cell.held).length;
  return [claimEqual('cells that held', held, Math.max(1, cells.length))];
}

/** A row per router and role, a column per authentication and area: seconds, `FAILED`, or `–` where there is no such cell. */
export function matrixTable({ cells, leftOut }: MatrixSamples): readonly string[] {
  const outcomes = new Map(cells.map((outcome) => [cellName(outcome), outcome]));
  const kinds = AUTHS.flatMap((auth) => AREAS.map((area) => ({ auth, area })));
  const head: Column[] = [{ title: 'router' }, { title: 'role' }];
  for (const { auth, area } of kinds) head.push({ title: `${auth} ${area}`, align: 'right' });
  const text = (cell: Cell) => {
    const outcome = outcomes.get(cellName(cell));
    if (outcome === undefined) return '–';
    return outcome.held ? `${outcome.seconds.toFixed(1)} s` : 'FAILED';
  };
  const routers = Object.keys(ROUTERS) as Cell['router'][];
  const rows = routers.flatMap((router) =>
    ROLES.map((role) => [router, role, ...kinds.map((kind) => text({ router, role, ...kind }))]),
  );
  const played = rows.filter((row) => row.slice(2).some((one) => one !== '–'));
  const reasons = [...new Set(leftOut.map(({ reason }) => reason))].map((reason) => {
    return `left out, ${leftOut.filter((one) => one.reason === reason).length} cells: ${reason}`;
  });
  return [...table(head, played), ...reasons];
}

/** The cells of an earlier run's samples, if there are any. */
export function cellsOf(samples: unknown): readonly CellOutcome[] {
  return (samples as Partial<MatrixSamples> | undefined)?.cells ?? [];
}
