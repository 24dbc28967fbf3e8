/** An agent that is killed, on Debian 13's kernel. */
import { afterAll, beforeAll } from 'vitest';
import { guestBench } from './guest-bench.ts';
import { GuestAgent, survivesKill } from './ipvs-agent-suite.ts';
import { Network } from './netns.ts';

const bench = guestBench(new Network(`ib${process.pid}`, []), '6.12', 'agent');
const agent = new GuestAgent(bench);

beforeAll(async () => {
  await bench.up();
  await agent.start();
  await agent.untilServing();
});
afterAll(() => bench.down());

survivesKill(agent);
