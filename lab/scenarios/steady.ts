import { claimEqual } from '../report/result.ts';
import { total } from '../report/words.ts';
import type { Lab } from '../runtimes/runtime.ts';
import { ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { Session, shareClaims } from './session.ts';

const DIRECTORS = ['d1', 'd2', 'd3'];

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
    claimEqual('connections broken', total(report.window.broken), 0),
    claimEqual('new connections failed', total(report.window.failed), 0),
    claimEqual('flows moved', report.moves.moved, 0),
    ...shareClaims(report, DIRECTORS),
  ];
  return { claims, samples: report };
}
