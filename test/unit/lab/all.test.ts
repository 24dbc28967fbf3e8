import { expect, test } from 'vitest';
import { type Claim, claimEqual } from '../../../lab/report/result.ts';
import { type Played, seriesOfAll } from '../../../lab/scenarios/all.ts';
import { refuseOther } from '../../../lab/scenarios/play.ts';
import { findScenario, findSeries } from '../../../lab/scenarios/registry.ts';
import type { ScenarioResult, Series, SeriesContext } from '../../../lab/scenarios/scenario.ts';

const part = (name: string, claims: readonly Claim[], about?: Series['about']): Series => ({
  name,
  claim: '',
  ...(about && { about }),
  play: async ({ earlier }) => ({ claims, samples: `${name} after ${earlier}` }),
});

async function played(series: readonly Series[], context: Partial<SeriesContext> = {}) {
  const progress: string[] = [];
  const parts: ScenarioResult[] = [];
  const usual = { only: [], parallel: 1, quick: true, who: {}, earlier: undefined };
  const heard = { progress: (text: string) => progress.push(text), onPart: (one: ScenarioResult) => parts.push(one) };
  const result = await seriesOfAll([], series).play({ ...usual, ...heard, ...context });
  return { result, progress, parts, samples: result.samples as readonly Played[] };
}

const MET = [claimEqual('routes', 3, 3)];
const NOT_MET = [claimEqual('routes', 2, 3)];

test('each part is a claim, and what it did not meet is told', async () => {
  const { result, parts } = await played([part('one', MET), part('two', NOT_MET)]);
  expect(result.claims.map(({ name, value, met }) => [name, value, met])).toEqual([
    ['one, built-in', 'met', true],
    ['two, built-in', 'routes: 2', false],
  ]);
  expect(parts).toHaveLength(2);
  expect((await played([])).result.claims.map(({ met }) => met)).toEqual([false]);
});

test('what held is not played again; what did not goes on from its parts; other releases stay in the record', async () => {
  const who = { speaker: 'frr', frr: '8.4', router: '8.4' } as const;
  const first = await played([part('one', MET), part('two', NOT_MET)], { who });
  const earlier = first.samples.map((one) => ({ ...one, seconds: 77 }));
  const again = await played([part('one', MET), part('two', MET)], { who, earlier });
  expect(
    again.samples.map(({ scenario, speaker, seconds, parts }) => [scenario, speaker, seconds === 77, parts]),
  ).toEqual([
    ['one', 'FRR 8.4', true, 'one after undefined'],
    ['two', 'FRR 8.4', false, 'two after two after undefined'],
  ]);
  const other = await played([part('one', MET)], { who: { speaker: 'frr' }, earlier: again.samples });
  expect(other.result.claims.map(({ name }) => name)).toEqual([
    'one, FRR 8.4, routers 8.4',
    'two, FRR 8.4, routers 8.4',
    'one, FRR 10.3',
  ]);
});

test('what is about another speaker is left out of all, and refused by itself', async () => {
  const about = { speaker: 'ospf', because: 'it is built in' } as const;
  const { samples, progress } = await played([part('one', MET, about)], { who: { speaker: 'frr' } });
  expect([samples, progress]).toEqual([[], ['one: not played: it is built in']]);
  expect(() => refuseOther(findSeries('ospf-interop')!, { speaker: 'frr' })).toThrow(/built in/);
  expect(() => refuseOther(findScenario('frr-restart')!, {})).toThrow(/--speaker frr\)$/);
  expect(() => refuseOther(findScenario('hold-link')!, { router: '8.4' })).toThrow(/needs routers with FRR 10.3/);
  expect(() => refuseOther(findScenario('hold-link')!, { router: '10.3', speaker: 'frr' })).not.toThrow();
});
