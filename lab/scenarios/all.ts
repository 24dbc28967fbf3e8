/** Every scenario and every series, one after the other: what `lab run all` plays. */
import { type Claim, claimEqual } from '../report/result.ts';
import { type Column, table } from '../report/table.ts';
import type { SpeakerOptions } from '../runtimes/lab.ts';
import { notWith, playScenario } from './play.ts';
import type { Scenario, ScenarioResult, Series, SeriesContext } from './scenario.ts';

/** How one of them went; of runs with other speakers or releases there may be others in the same file. */
export interface Played {
  readonly scenario: string;
  /** `built-in`, or `FRR 10.3`. */
  readonly speaker: string;
  /** Of the routers, where one was asked for: `8.4`. */
  readonly router: string | null;
  readonly held: boolean;
  readonly seconds: number;
  readonly claims: readonly Claim[];
  /** Of a series: how each of its parts went. */
  readonly parts?: unknown;
  /** What kept it from being shown. */
  readonly fault?: string;
}

export function seriesOfAll(scenarios: readonly Scenario[], series: readonly Series[]): Series {
  return {
    name: 'all',
    claim: 'Every scenario and every series meets its claims, but for those that are about another speaker.',
    async play(context) {
      const played = await playAll(scenarios, series, context);
      return resultOf(played);
    },
  };
}

async function playAll(
  scenarios: readonly Scenario[],
  series: readonly Series[],
  context: SeriesContext,
): Promise<readonly Played[]> {
  const { only, earlier, progress, onPart } = context;
  const outcomes = new Map(((earlier ?? []) as readonly Played[]).map((one) => [keyOf(one), one]));
  const note = (outcome: Played) => {
    outcomes.set(keyOf(outcome), outcome);
    onPart(resultOf([...outcomes.values()]));
  };
  for (const part of [...scenarios, ...series]) {
    if (!only.every((word) => part.name.includes(word))) continue;
    const because = notWith(part, context.who);
    const who = withRouterOf(part, context.who);
    const before = outcomes.get(keyOf({ scenario: part.name, ...namesOf(who) }));
    if (because !== undefined) progress(`${part.name}: not played: ${because}`);
    if (because !== undefined || before?.held) continue;
    const outcome = await playPart(part, { ...context, who, earlier: before?.parts }, note);
    const end = outcome.fault === undefined ? '' : `: ${outcome.fault}`;
    progress(`${part.name}: ${outcome.held ? 'held' : 'FAILED'}, ${outcome.seconds} s${end}`);
    note(outcome);
  }
  return [...outcomes.values()];
}

/** Where a scenario is about routers of one release, it has those. */
function withRouterOf(part: Scenario | Series, who: SpeakerOptions): SpeakerOptions {
  const own = 'router' in part ? part.router : undefined;
  return own === undefined || who.router === undefined ? who : { ...who, router: own };
}

/** `note`: of a series that goes on, what there is so far. */
async function playPart(
  part: Scenario | Series,
  context: SeriesContext,
  note: (soFar: Played) => void,
): Promise<Played> {
  const { who, kernel } = context;
  const started = performance.now();
  const progress = (text: string) => context.progress(`${part.name}: ${text}`);
  const outcome = (claims: readonly Claim[], held: boolean): Played => {
    const seconds = Math.round((performance.now() - started) / 100) / 10;
    return { scenario: part.name, ...namesOf(who), held, seconds, claims };
  };
  try {
    if ('run' in part) {
      const { claims } = await playScenario(part, { ...who, kernel }, { progress });
      return outcome(claims, holds(claims));
    }
    const onPart = ({ claims, samples }: ScenarioResult) => note({ ...outcome(claims, false), parts: samples });
    const { claims, samples } = await part.play({ ...context, only: [], progress, onPart });
    return { ...outcome(claims, holds(claims)), parts: samples };
  } catch (cause) {
    return { ...outcome([], false), fault: (cause as Error).message };
  }
}

function holds(claims: readonly Claim[]): boolean {
  return claims.length > 0 && claims.every(({ met }) => met);
}

function namesOf({ speaker, frr = '10.3', router }: SpeakerOptions): Pick<Played, 'speaker' | 'router'> {
  return { speaker: speaker === 'frr' ? `FRR ${frr}` : 'built-in', router: router ?? null };
}

function keyOf({ scenario, speaker, router }: Pick<Played, 'scenario' | 'speaker' | 'router'>): string {
  return router === null ? `${scenario}, ${speaker}` : `${scenario}, ${speaker}, routers ${router}`;
}

function resultOf(played: readonly Played[]): ScenarioResult {
  const head: Column[] = [{ title: 'scenario, speaker' }, { title: '', align: 'right' }, { title: 'claims met' }];
  const rows = played.map((one) => [
    keyOf(one),
    one.held ? `${one.seconds.toFixed(1)} s` : 'FAILED',
    one.fault ?? `${one.claims.filter(({ met }) => met).length} of ${one.claims.length}`,
  ]);
  return { claims: claimsOf(played), samples: played, lines: table(head, rows) };
}

/** Nothing played is nothing shown. */
function claimsOf(played: readonly Played[]): readonly Claim[] {
  if (played.length === 0) return [claimEqual('scenarios played', 0, 1)];
  return played.map((one) => {
    const failed = one.claims.filter(({ met }) => !met).map(({ name, value }) => `${name}: ${value}`);
    return claimEqual(keyOf(one), one.fault ?? (failed.join('; ') || 'met'), 'met');
  });
}
