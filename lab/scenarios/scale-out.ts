import { claimEqual } from '../report/result.ts';
import { total } from '../report/words.ts';
import type { Lab } from '../runtimes/runtime.ts';
import { untilAnnounced } from './observe.ts';
import { ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { Session, shareClaims } from './session.ts';

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
    act: async () => {
      await lab.startDirector('d3');
      await untilAnnounced(lab, 'd3');
      await session.routers.untilNextHops(['d1', 'd2', 'd3']);
    },
  });
  await session.close();
  const claims = [
    claimEqual('connections broken', total(report.window.broken), 0),
    claimEqual('new connections failed', total(report.window.failed), 0),
    ...shareClaims(report, ['d1', 'd2', 'd3']),
  ];
  return { claims, samples: report };
}
