import { claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { drain } from './acts.ts';
import { DIRECTORS, ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { losslessClaims, Session } from './session.ts';

/** A planned leave: the director makes itself the last choice, goes on forwarding, and withdraws once traffic has gone. */
export const scaleIn: Scenario = {
  name: 'scale-in',
  claim: 'When a director drains under load, no connection is lost and nothing is sent to it afterwards.',
  topology: ECMP_3,
  directors: DIRECTORS,
  run,
};

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const session = await Session.open(lab, DIRECTORS);
  progress('d2 drains');
  const report = await session.step({
    name: 'd2 drains',
    gone: ['d2'],
    settle: 15_000,
    act: () => drain(lab, session.routers, 'd2', ['d1', 'd3']),
  });
  await session.close();
  const claims = [
    ...losslessClaims(report),
    claimEqual('share of new connections on d2 after its drain', report.shares['d2'] ?? 0, 0, '%'),
  ];
  return { claims, samples: report };
}
