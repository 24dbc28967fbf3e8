/** Plays modes, each in a lab of its own, and writes down how each went. */
import { type Claim, claimEqual } from '../report/result.ts';
import { type Column, table } from '../report/table.ts';
import { inParallel } from '../runtimes/in-parallel.ts';
import { up } from '../runtimes/runtime.ts';
import { operatorClaims } from '../scenarios/operator-claims.ts';
import type { Mode, ModeContext } from './mode.ts';

export interface ModeOutcome {
  readonly mode: string;
  readonly held: boolean;
  /** From nothing to nothing: namespaces, daemons, all that was shown, and down again. */
  readonly seconds: number;
  readonly claims: readonly Claim[];
  /** What kept it from being shown. */
  readonly fault?: string;
}

/** Never throws: what goes wrong is in the outcome. */
export async function playMode(mode: Mode, context: ModeContext): Promise<ModeOutcome> {
  const started = performance.now();
  const seconds = () => Math.round((performance.now() - started) / 100) / 10;
  try {
    const lab = await up(mode.topology, {
      ...context.who,
      directors: mode.directors,
      ...(mode.runtime === undefined ? {} : { runtime: mode.runtime }),
      ...(context.kernel === undefined ? {} : { kernel: context.kernel }),
      ...(mode.cluster === undefined ? {} : { cluster: mode.cluster }),
    });
    try {
      const claims = [...(await mode.play(lab, context)), ...(await operatorClaims(lab))];
      const held = claims.length > 0 && claims.every(({ met }) => met);
      return { mode: mode.name, held, seconds: seconds(), claims };
    } finally {
      await lab.down();
    }
  } catch (cause) {
    return { mode: mode.name, held: false, seconds: seconds(), claims: [], fault: (cause as Error).message };
  }
}

export interface PlayOptions extends ModeContext {
  /** Plays only those whose names hold all these words. */
  readonly only: readonly string[];
  readonly parallel: number;
  readonly earlier: readonly ModeOutcome[];
  readonly onMode: (outcomes: readonly ModeOutcome[]) => void;
}

/** What held earlier is not played again, and stays in the outcomes. */
export async function playModes(modes: readonly Mode[], options: PlayOptions): Promise<readonly ModeOutcome[]> {
  const outcomes = new Map(options.earlier.map((one) => [one.mode, one]));
  const all = () => modes.flatMap(({ name }) => outcomes.get(name) ?? []);
  const chosen = modes.filter(({ name }) => options.only.every((word) => name.includes(word)));
  const left = chosen.filter(({ name }) => outcomes.get(name)?.held !== true);
  await inParallel(options.parallel, left, async (mode) => {
    const outcome = await playMode(mode, { ...options, progress: (text) => options.progress(`${mode.name}: ${text}`) });
    outcomes.set(mode.name, outcome);
    const end = outcome.fault === undefined ? '' : `: ${outcome.fault}`;
    options.progress(`${mode.name}: ${outcome.held ? 'held' : 'FAILED'}, ${outcome.seconds} s${end}`);
    options.onMode(all());
  });
  return all();
}

/** What a mode claims, by its name; of one that could not be played, that it could not. Nothing played is nothing shown. */
export function modeClaims(outcomes: readonly ModeOutcome[]): readonly Claim[] {
  if (outcomes.length === 0) return [claimEqual('modes played', 0, 1)];
  return outcomes.flatMap(({ mode, claims, fault }) =>
    fault === undefined
      ? claims.map((claim) => ({ ...claim, name: `${mode}: ${claim.name}` }))
      : [claimEqual(`${mode}: played`, fault, 'to the end')],
  );
}

export function modesTable(modes: readonly Mode[], outcomes: readonly ModeOutcome[]): readonly string[] {
  const head: Column[] = [{ title: 'mode' }, { title: '', align: 'right' }, { title: 'claim' }];
  const rows = outcomes.map(({ mode, held, seconds }) => {
    const claim = modes.find(({ name }) => name === mode)?.claim ?? '';
    return [mode, held ? `${seconds.toFixed(1)} s` : 'FAILED', claim];
  });
  return table(head, rows);
}
