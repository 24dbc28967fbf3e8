/** `sluice upstream-view`, against an agent that the test scripts. */
import { expect, test } from 'vitest';
import type { UpstreamDirectorDocument, UpstreamRouterDocument } from '../../../src/api/documents.ts';
import { scriptedAgent } from './scripted-agent.ts';

const agent = scriptedAgent();

const member: UpstreamDirectorDocument = {
  director: 'd1',
  routerId: '10.255.0.1',
  inSet: 'yes',
  cost: 20,
  expected: true,
  reason: null,
  why: null,
};

function seenBy(router: string, directors: UpstreamDirectorDocument[], reachable = true): UpstreamRouterDocument {
  const nextHops = directors
    .filter(({ inSet }) => inSet !== 'no')
    .map((_, at) => ({ interface: '10.1.1.1', gateway: `10.1.1.${at + 2}` }));
  const vip = { vip: '203.0.113.10', pathType: 'intraArea', cost: 20, nextHops, directors, warnings: [] };
  return { instance: 'outside', router, reachable, vips: [vip] };
}

test('upstream-view: exit code 0 while every set is complete; a director that drains is not missed', async () => {
  const why = 'announced as a last resort (metric 60010)';
  const drained: UpstreamDirectorDocument = {
    ...member,
    director: 'd2',
    inSet: 'no',
    cost: 60020,
    expected: false,
    reason: 'lastResort',
    why,
  };
  agent.upstream = [seenBy('10.255.0.101', [member, drained])];
  const ran = await agent.sluice('upstream-view', ...agent.here());
  expect(ran.code).toBe(0);
  expect(ran.out).toMatchInlineSnapshot(`
    "router 10.255.0.101, instance outside
    VIP           DIRECTOR  IN SET   COST  BEST  PATHS  WHY NOT
    203.0.113.10  d1        yes        20    20      1
    203.0.113.10  d2        no      60020    20      1  announced as a last resort (metric 60010)

    every director that should be in a set is in it
    "
  `);
});

test('upstream-view: exit code 1 when a director is missing, with the reason; the router may be chosen', async () => {
  const absent: UpstreamDirectorDocument = {
    ...member,
    director: 'd2',
    inSet: 'no',
    cost: 30,
    reason: 'higherCost',
    why: 'cost 30, the best is 20: 10 to reach it, 20 announced',
  };
  agent.upstream = [seenBy('10.255.0.101', [member, absent]), seenBy('10.255.0.102', [member], false)];
  const ran = await agent.sluice('upstream-view', ...agent.here(), '10.255.0.101', '--max-paths', '4');
  expect(ran.code).toBe(1);
  expect(agent.asked).toEqual(['router=10.255.0.101&maxPaths=4']);
  expect(ran.out).toMatchInlineSnapshot(`
    "router 10.255.0.101, instance outside
    VIP           DIRECTOR  IN SET  COST  BEST  PATHS  WHY NOT
    203.0.113.10  d1        yes       20    20      1
    203.0.113.10  d2        NO        30    20      1  cost 30, the best is 20: 10 to reach it, 20 announced

    router 10.255.0.102, instance outside (no path leads there: what follows may be old)
    VIP           DIRECTOR  IN SET  COST  BEST  PATHS  WHY NOT
    203.0.113.10  d1        yes       20    20      1

    1 director missing in a set: see WHY NOT
    "
  `);
});

test('upstream-view: a database without an upstream router is not well', async () => {
  expect(await agent.sluice('upstream-view', ...agent.here())).toMatchObject({
    code: 1,
    out: expect.stringContaining('no upstream router'),
  });
});
