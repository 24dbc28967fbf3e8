/** What the agent makes of SNAT pools: who hears of their addresses, what the kernel holds, and what is said when it refuses. */
import { expect, test } from 'vitest';
import { formatPrefix } from '../../../src/core/base/ipv4.ts';
import { DATA_TABLE, GUARD_TABLE } from '../../../src/core/dataplane/names.ts';
import { clusterText, parsed, World } from './world.ts';

const POOL = '203.0.113.20';

function text(snat = `snat: { out: { from: 10.3.0.0/24, pool: ${POOL} } }`): string {
  return `${clusterText({ web: {} }).replace('announce: [vip]', 'announce: [vip, snat]')}${snat}\n`;
}

async function serving(prepare: (world: World) => void = () => {}): Promise<World> {
  const world = new World(await parsed(text()));
  prepare(world);
  await world.start();
  await world.clock.advance(15_000);
  return world;
}

const announced = (world: World) => world.speaker.announced().map(({ prefix }) => formatPrefix(prefix));

test('a pool is announced, local and translated to as long as the director serves, and goes with it', async () => {
  const world = await serving();
  expect(announced(world)).toEqual(['203.0.113.10/32', `${POOL}/32`]);
  expect(world.localRoutes()).toEqual(['203.0.113.10', POOL]);
  const data = world.kernel.tables.get(DATA_TABLE);
  expect(data?.sets.get('pool_out')?.elements.size).toBe(1009);
  expect(data?.chains.get('postrouting')?.shapes.at(-1)).toContain('ip saddr 10.3.0.0/24');
  expect([...(data?.sets.get('egress_links')?.elements.keys() ?? [])]).toEqual(['"eth1"']);
  expect([...(world.kernel.tables.get(GUARD_TABLE)?.sets.get('pools')?.elements.keys() ?? [])]).toEqual([POOL]);

  const ended = world.director.stop();
  await world.clock.advance(40_000);
  await ended;
  expect(announced(world)).toEqual([]);
  expect(world.localRoutes()).toEqual([]);
});

test('a kernel that refuses ports by offset: said once, served all the same, and not asked again', async () => {
  const why = 'nft-port-offset message=0: EOPNOTSUPP';
  const world = await serving((one) => {
    one.kernel.refusedOffset = why;
  });
  const said = () => world.events.since(0).filter(({ event }) => event === 'port-offset-refused');
  expect(said().map(({ values }) => values['message'])).toEqual([why]);
  expect(world.director.dataplane.plainPorts).toBe(why);
  expect(announced(world)).toContain(`${POOL}/32`);
  const before = world.seq;
  const generation = await world.kernel.generation();
  await world.clock.advance(60_000);
  expect(world.story(before)).toEqual([]);
  expect(await world.kernel.generation()).toBe(generation);
  expect(said()).toHaveLength(1);
});
