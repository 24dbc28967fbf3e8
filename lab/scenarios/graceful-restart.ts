import { setTimeout as sleep } from 'node:timers/promises';
import { claimAtMost, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { RouteMonitor } from '../runtimes/route-monitor.ts';
import { until } from '../runtimes/wait.ts';
import { join } from './acts.ts';
import { untilAreaAtRest } from './observe.ts';
import { DIRECTORS, ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { losslessClaims, Session } from './session.ts';

/** The scenario itself, not a wait for something: longer than the routers' dead interval of 4 s. */
const WITHOUT_AGENT = 6000;

const TAKEN_OVER_WITHIN = 20_000;
/** Longer than the 5 s by which two instances of an LSA of one router may lie apart (MinLSInterval). */
const AT_REST = 6000;

/** What an upgrade of the agent does: it asks the routers to wait (RFC 3623), and they do. */
export const gracefulRestart: Scenario = {
  name: 'graceful-restart',
  claim:
    'An agent that hands over and is away for longer than the dead interval: no route moves, no connection is lost.',
  topology: ECMP_3,
  directors: DIRECTORS,
  run,
};

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const session = await Session.open(lab, DIRECTORS);
  // A router that checks strictly helps nobody while the topology changes, and it changes as long as the lab is young.
  await untilAreaAtRest(lab, 'd1', AT_REST);
  const monitors = await Promise.all(lab.byRole('router').map(({ netns }) => RouteMonitor.start(netns)));
  progress('the agent of d2 hands over; the next one starts six seconds later');
  const report = await session.step({
    name: 'agent of d2 is restarted',
    settle: 15_000,
    act: async () => {
      await lab.stopDirector('d2', 'SIGUSR2');
      await sleep(WITHOUT_AGENT);
      await join(lab, session.routers, 'd2', DIRECTORS);
      await until('the agent of d2 to have taken over', TAKEN_OVER_WITHIN, async () => {
        return (await lab.api('d2').get('/v1/status')).restarts.length === 0;
      });
    },
  });
  for (const monitor of monitors) monitor.stop();
  await session.close();
  const moved = monitors.flatMap(({ changes }) => changes.filter(({ prefix }) => prefix === session.vip));
  const claims = [
    ...losslessClaims(report),
    claimEqual('route events for the VIP on the routers', moved.length, 0),
    claimAtMost('longest wait for an answer', report.window.longestStall, 1000, 'ms'),
  ];
  return { claims, samples: { ...report, moved } };
}
