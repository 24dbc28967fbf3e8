/**
 * The agent of a director that has IPVS: it chooses it by itself, keeps what somebody deletes, leaves alone what is not its own, and
 * can be killed. Its file says `dataplane: auto`.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restoredAfter } from '../../../lab/modes/ipvs/tables.ts';
import { guestBench } from './guest-bench.ts';
import { GuestAgent, survivesKill } from './ipvs-agent-suite.ts';
import { Network } from './netns.ts';
import { freshPorts, tally, VIP } from './suite.ts';

const network = new Network(`ia${process.pid}`, []);
const bench = guestBench(network, '6.1', 'agent');
const agent = new GuestAgent(bench);

beforeAll(async () => {
  await bench.up();
  await agent.start();
});
afterAll(() => bench.down());

test('it has chosen IPVS, says why, and serves', async () => {
  await agent.untilServing();
  const { dataplane } = await agent.status();
  expect(dataplane).toMatchObject({ name: 'ipvs', reason: 'the kernel has IPVS', programmed: ['web'], fault: null });
  expect((await agent.eventsOf('dataplane-chosen')).map(({ values }) => values)).toEqual([
    { plane: 'ipvs', reason: 'the kernel has IPVS' },
  ]);
  const answers = tally(await bench.connect(freshPorts(200), 200));
  expect(Object.keys(answers).sort()).toEqual(['s1', 's2', 's3']);
});

test('somebody empties IPVS under load: it is back with the next look, the event names it, no connection ends', async () => {
  const sport = freshPorts(200);
  const before = await bench.connect(sport, 200);
  const listing = await agent.service();
  const milliseconds = await restoredAfter(
    (argv, options) => bench.guest().exec(argv, options),
    ['ipvsadm', '--clear'],
  );
  console.log(`restored after ${milliseconds} ms`);
  // A look every second, and the work; with three programs that spin beside the agent 0.3 to 1.3 s in eight runs. The two seconds
  // that are promised are claimed by the lab's mode `drift`, on a machine at leisure.
  expect(milliseconds).toBeLessThan(4000);
  await expect.poll(() => agent.service()).toEqual(listing);
  expect(await bench.ask(sport, 200)).toEqual(before);
  const [drift] = await agent.eventsOf('dataplane-drift');
  expect(drift?.values['operations']).toContain(`ipvs tcp ${VIP}:80: add service (no scheduler yet)`);
});

test('a service of somebody else stays, and status shows it', async () => {
  await bench.byHand('-A -u 192.0.2.1:53 -s rr\n');
  await expect
    .poll(async () => (await agent.status()).dataplane.foreign, { timeout: 20_000 })
    .toEqual(['udp 192.0.2.1:53']);
  expect(await bench.listing()).toContain('-A -u 192.0.2.1:53 -s rr');
});

survivesKill(agent);
