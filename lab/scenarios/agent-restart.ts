import { setTimeout as sleep } from 'node:timers/promises';
import { claimAtMost, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { join } from './acts.ts';
import { DIRECTORS, ECMP_3, type Scenario, type ScenarioContext, type ScenarioResult } from './scenario.ts';
import { losslessClaims, Session } from './session.ts';

/**
 * The scenario itself, not a wait for something: for so long d2 has to forward on its own. It is less than the routers' dead
 * interval of 4 s, until which they keep sending.
 */
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
      await join(lab, session.routers, 'd2', DIRECTORS);
    },
  });
  await session.close();
  const claims = [
    ...losslessClaims(report),
    claimEqual('d2 took new connections while it had no agent', forwarded > 0, true),
    claimAtMost('longest wait for an answer', report.window.longestStall, 1000, 'ms'),
  ];
  return { claims, samples: { ...report, forwardedWithoutAgent: forwarded } };
}

async function openedOn(session: Session, director: string): Promise<number> {
  return (await session.probe.read()).get(director)?.opened ?? 0;
}
