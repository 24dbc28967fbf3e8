/** Every scenario of the lab meets its claims, each in a lab of its own. What a claim measured is in the failure's text. */
import { describe, expect, test } from 'vitest';
import { notWith, playScenario } from '../../lab/scenarios/play.ts';
import { SCENARIOS } from '../../lab/scenarios/registry.ts';

const HALF_A_MINUTE_TO_SPARE = 150_000;

/** Those about FRR beside agents are played in speaker.test.ts. */
const BUILT_IN = SCENARIOS.filter((scenario) => notWith(scenario, {}) === undefined);

describe('scenarios', () => {
  test.each(BUILT_IN.map((scenario) => [scenario.name, scenario.claim, scenario] as const))(
    '%s: %s',
    { timeout: HALF_A_MINUTE_TO_SPARE },
    async (_name, _claim, scenario) => {
      const { claims } = await playScenario(scenario, {}, { progress: () => undefined });
      expect(claims.length).toBeGreaterThan(0);
      expect(claims.filter(({ met }) => met !== true)).toEqual([]);
    },
  );
});
