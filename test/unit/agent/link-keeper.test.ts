import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { LinkKeeper } from '../../../src/agent/keepers/link-keeper.ts';
import { FakeLinks } from '../../../src/drivers/links/fake.ts';
import { FakeClock, settle } from './fake-clock.ts';
import { clusterText, parsed, World } from './world.ts';

const fresh = async () => false;
const forwarding = async () => true;

function keeper(links: Readonly<Record<string, boolean>>) {
  const clock = new FakeClock();
  const control = new FakeLinks();
  for (const [name, up] of Object.entries(links)) control.links.set(name, up);
  const events = new EventLog(clock);
  const told = () => events.since(0).map(({ event, values }) => [event, ...Object.values(values)].join(' '));
  return { clock, control, told, held: new LinkKeeper({ clock, events, control }) };
}

test('down until we can serve, whether the boot left the link down or up; then left alone', async () => {
  const { clock, control, told, held } = keeper({ eth1: false, eth2: true });
  const names = ['eth1', 'eth2'];
  await held.begin(names, fresh);
  expect([...control.links.values()]).toEqual([false, false]);
  held.want(names, false);
  await clock.advance(10_000);
  expect([...control.links.values()]).toEqual([false, false]);
  held.want(names, true);
  await settle();
  expect([...control.links.values()]).toEqual([true, true]);
  expect(told()).toEqual([
    'link-held eth1 down',
    'link-held eth2 up',
    'link-released eth1 down',
    'link-released eth2 down',
  ]);
  control.links.set('eth1', false);
  held.want(names, false);
  held.want(names, true);
  await clock.advance(10_000);
  expect(control.links.get('eth1')).toBe(false);
});

test('a link that is up while an earlier data plane forwards is never taken down', async () => {
  const { clock, control, told, held } = keeper({ eth1: true });
  await held.begin(['eth1'], forwarding);
  held.want(['eth1'], false);
  await clock.advance(5000);
  expect(control.links.get('eth1')).toBe(true);
  expect(told()).toEqual([]);
  expect(held.views()).toEqual([{ interface: 'eth1', state: 'released' }]);
});

test('a link that an earlier agent was killed while holding is released once we can serve', async () => {
  const { control, held } = keeper({ eth1: false });
  await held.begin(['eth1'], forwarding);
  expect(held.views()).toEqual([{ interface: 'eth1', state: 'held' }]);
  held.want(['eth1'], true);
  await settle();
  expect(control.links.get('eth1')).toBe(true);
});

test('a link that somebody sets up while it is held is taken down again', async () => {
  const { clock, control, held } = keeper({ eth1: false });
  await held.begin(['eth1'], fresh);
  held.want(['eth1'], false);
  await settle();
  control.links.set('eth1', true);
  await clock.advance(1000);
  expect(control.links.get('eth1')).toBe(false);
});

test.each([
  ['the only default route', [['eth1']], true],
  ['the only default routes, both through held links', [['eth1'], ['eth2']], true],
  ['one default route of several', [['eth1'], ['mgmt0']], false],
  ['one link of a default route with several', [['eth1', 'mgmt0']], false],
])('a link with %s', async (_what, routes, refused) => {
  const { clock, control, told, held } = keeper({ eth1: true, eth2: false, mgmt0: true });
  control.links.set('eth2', true);
  control.routes = routes;
  await held.begin(['eth1', 'eth2'], fresh);
  expect(control.links.get('eth1')).toBe(refused);
  if (!refused) return;
  expect(told()[0]).toBe('link-hold-refused eth1 the only default route leads through eth1');
  held.want(['eth1', 'eth2'], false);
  await clock.advance(5000);
  expect(held.views()[0]).toEqual({ interface: 'eth1', state: 'refused' });
  expect(control.links.get('eth1')).toBe(true);
});

test('a link that appears late is held, or set up if we serve by then', async () => {
  const { clock, control, told, held } = keeper({});
  await held.begin(['eth1', 'eth2'], fresh);
  held.want(['eth1', 'eth2'], false);
  control.links.set('eth1', true);
  await clock.advance(1000);
  expect(control.links.get('eth1')).toBe(false);
  held.want(['eth1', 'eth2'], true);
  control.links.set('eth2', false);
  await clock.advance(1000);
  expect([...control.links.values()]).toEqual([true, true]);
  expect(told()).toEqual(['link-held eth1 up', 'link-released eth1 down', 'link-released eth2 down']);
});

test('a link that the file no longer holds is let go at once', async () => {
  const { control, held } = keeper({ eth1: false });
  await held.begin(['eth1'], fresh);
  held.want([], false);
  await settle();
  expect(control.links.get('eth1')).toBe(true);
  expect(held.views()).toEqual([]);
});

test('a refusal of the kernel is told once, and tried again', async () => {
  const { clock, control, told, held } = keeper({ eth1: true });
  control.refuseNext = 'EPERM';
  await held.begin(['eth1'], fresh);
  held.want(['eth1'], false);
  await clock.advance(1000);
  expect(control.links.get('eth1')).toBe(false);
  expect(told()).toEqual(['link-fault link-set interface=eth1 to=down: EPERM', 'link-held eth1 up']);
});

const HELD = clusterText({ web: {} }).replace('dead: 4s }', 'dead: 4s, holdLink: true }');

test('a director sets its link up once the data plane was read back', async () => {
  const world = new World(await parsed(HELD));
  world.linkKernel.links.set('eth1', true);
  await world.start();
  expect(world.linkKernel.links.get('eth1')).toBe(false);
  await world.clock.advance(5000);
  expect(world.linkKernel.links.get('eth1')).toBe(true);
  const story = world.story().filter((line) => /^(link|dataplane)/.test(line));
  expect(story).toEqual(['link-held', 'dataplane-guarded', 'dataplane-programmed 203.0.113.10', 'link-released']);
});

test('while the data plane refuses, the link stays down', async () => {
  const world = new World(await parsed(HELD));
  world.linkKernel.links.set('eth1', false);
  for (let n = 0; n < 20; n++) {
    if (n === 0) await world.start();
    world.kernel.refuseNext = 'EBUSY';
    await world.clock.advance(500);
  }
  expect(world.linkKernel.links.get('eth1')).toBe(false);
});

test('the next agent on a kernel that forwards leaves the link alone; after a drained stop it holds again', async () => {
  const first = new World(await parsed(HELD));
  first.linkKernel.links.set('eth1', false);
  await first.start();
  await first.clock.advance(5000);
  const next = new World(await parsed(HELD), first);
  await next.start();
  expect(next.linkKernel.links.get('eth1')).toBe(true);
  await next.clock.advance(5000);
  await next.director.stop();
  await next.clock.advance(40_000);
  expect(next.linkKernel.links.get('eth1')).toBe(true);
  const last = new World(await parsed(HELD), next);
  await last.start();
  expect(last.linkKernel.links.get('eth1')).toBe(false);
});
