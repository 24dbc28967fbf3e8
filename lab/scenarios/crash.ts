import { claimAtMost, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { DIRECTORS, ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { Session } from './session.ts';

/**
 * Links down and the agent killed. The survivors know nothing of the dead director's connections: what the client speaks
 * on next is carried on by the common hash, but where only the server speaks, its packets go to a director that is gone.
 * Those are counted, not promised away.
 */
export const crashScenario: Scenario = {
  name: 'crash',
  claim: 'When a director dies, connections on which the client speaks survive, and new ones work within a second.',
  topology: ECMP_3,
  directors: DIRECTORS,
  run,
};

/** Milliseconds until nobody is sent to the dead director any more. */
const RECONVERGED = 1000;
/**
 * Behind the speaker `frr` VIPs have LSAs of their own, and FRR as a router goes through those a second after it has gone through the
 * area (`OSPF_ASE_CALC_INTERVAL`, docs/facts/frr.md): so much later than a VIP that stands in the dead director's router-LSA.
 */
const RECONVERGED_EXTERNAL = 2000;

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const session = await Session.open(lab, DIRECTORS);
  progress('d3 dies: SIGKILL, all links down');
  const report = await session.step({
    name: 'd3 crashes',
    gone: ['d3'],
    // Longer than the 20 s after which a silent connection counts as lost.
    settle: 24_000,
    act: () => lab.crash('d3'),
  });
  await session.close();
  const { brokenByLoad, reconverged } = report.window;
  const within = lab.frr('d1') === undefined ? RECONVERGED : RECONVERGED_EXTERNAL;
  const claims = [
    claimEqual('request/response connections broken', (brokenByLoad.request ?? 0) + (brokenByLoad.idle ?? 0), 0),
    claimAtMost('new connections succeed after', reconverged, within, 'ms'),
  ];
  return { claims, samples: report };
}
