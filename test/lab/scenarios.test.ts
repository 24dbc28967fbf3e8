/** Every scenario of the lab meets its claims, each in a lab of its own. What a claim measured is in the failure's text. */
import { describe, expect, test } from 'vitest';
import { up } from '../../lab/runtimes/runtime.ts';
import { SCENARIOS } from '../../lab/scenarios/registry.ts';

const HALF_A_MINUTE_TO_SPARE = 150_000;

describe('scenarios', () => {
  test.each(SCENARIOS.map((scenario) => [scenario.name, scenario.claim, scenario] as const))(
    '%s: %s',
    { timeout: HALF_A_MINUTE_TO_SPARE },
    async (_name, _claim, scenario) => {
      const lab = await up(scenario.topology, { directors: scenario.directors });
      try {
        const { claims } = await scenario.run(lab, { progress: () => undefined });
        expect(claims.length).toBeGreaterThan(0);
        expect(claims.filter(({ met }) => met !== true)).toEqual([]);
      } finally {
        await lab.down();
      }
    },
  );
});
