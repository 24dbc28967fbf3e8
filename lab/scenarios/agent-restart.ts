import { setTimeout as sleep } from 'node:timers/promises';
import { claimAtMost, claimEqual } from '../report/result.ts';
import { total } from '../report/words.ts';
import type { Lab } from '../runtimes/runtime.ts';
import { untilAnnounced } from './observe.ts';
import { ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { Session } from './session.ts';

const DIRECTORS = ['d1', 'd2', 'd3'];
/** Less than the routers' dead interval of 4 s: until then they keep sending. */
const WITHOUT_AGENT = 2000;

/** The data plane lives in the kernel: without its agent a director forwards, and the next agent adopts what it finds. */
export const agentRestart: Scenario = {
  name: 'agent-restart',
  claim: 'SIGKILL of an agent and a new start leave forwarding untouched and no connection is lost.',
  topology: ECMP_3,
  directors: DIRECTORS,
  run,
};

async function run(lab: Lab, { progress }: ScenarioContext): Promise<ScenarioResult> {
  const session = await Session.open(lab, DIRECTORS);
  let forwarded = 0;
  progress('the agent of d2 is killed and started again');
  const report = await session.step({
    name: 'agent of d2 restarts',
    settle: 15_000,
    act: async () => {
      await lab.stopDirector('d2', 'SIGKILL');
      const before = await openedOn(session, 'd2');
      await sleep(WITHOUT_AGENT);
      forwarded = (await openedOn(session, 'd2')) - before;
      await lab.startDirector('d2');
      await untilAnnounced(lab, 'd2');
      await session.routers.untilNextHops(DIRECTORS);
    },
  });
  await session.close();
  const claims = [
    claimEqual('connections broken', total(report.window.broken), 0),
    claimEqual('new connections failed', total(report.window.failed), 0),
    claimEqual('d2 took new connections while it had no agent', forwarded > 0, true),
    claimAtMost('longest wait for an answer', report.window.longestStall, 1000, 'ms'),
  ];
  return { claims, samples: { ...report, forwardedWithoutAgent: forwarded } };
}

async function openedOn(session: Session, director: string): Promise<number> {
  return (await session.probe.read()).get(director)?.opened ?? 0;
}
