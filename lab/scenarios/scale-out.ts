import type { Lab } from '../runtimes/lab.ts';
import { join } from './acts.ts';
import { DIRECTORS, ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { losslessClaims, Session, shareClaims } from './session.ts';

/** The routers' rehash moves about half of all flows onto other directors; the same hash everywhere keeps them alive. */
export const scaleOut: Scenario = {
  name: 'scale-out',
  claim: 'When a third director joins under load, no connection is lost and it takes its share.',
  topology: ECMP_3,
  directors: ['d1', 'd2'],
  run,
};

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const session = await Session.open(lab, ['d1', 'd2']);
  progress('d3 joins');
  const report = await session.step({
    name: 'd3 joins',
    settle: 15_000,
    act: () => join(lab, session.routers, 'd3', DIRECTORS),
  });
  await session.close();
  const claims = [...losslessClaims(report), ...shareClaims(report, DIRECTORS)];
  return { claims, samples: report };
}
