import { claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { DIRECTORS, ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { losslessClaims, Session, shareClaims } from './session.ts';

/** Nothing happens, and nothing may happen: the measure of the lab itself. */
export const steady: Scenario = {
  name: 'steady',
  claim: 'With three directors and no event, no connection is lost and each director carries its share.',
  topology: ECMP_3,
  directors: DIRECTORS,
  run,
};

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const session = await Session.open(lab, DIRECTORS);
  progress('20 s of load without any event');
  const report = await session.step({ name: 'steady', act: async () => undefined, settle: 20_000 });
  await session.close();
  const claims = [
    ...losslessClaims(report),
    claimEqual('flows moved', report.moves.moved, 0),
    ...shareClaims(report, DIRECTORS),
  ];
  return { claims, samples: report };
}
