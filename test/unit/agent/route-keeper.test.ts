/** Learned routes on their way into the kernel: which go in, which do not and why, what a link event and a restart do. */
import { expect, test } from 'vitest';
import { EventLog } from '../../../src/agent/events.ts';
import { type LearnedRoutes, RouteKeeper, type RouteWish } from '../../../src/agent/keepers/route-keeper.ts';
import { ipv4, parsePrefix } from '../../../src/core/base/ipv4.ts';
import type { ImportRule } from '../../../src/core/model/cluster.ts';
import type { OspfRoute } from '../../../src/core/ospf/events.ts';
import { formatRoute } from '../../../src/core/routes/kernel-route.ts';
import { FakeRouteKernel, FakeRoutes } from '../../../src/drivers/routes/fake.ts';
import { FakeClock, settle } from './fake-clock.ts';

const ALL: ImportRule = { prefix: { address: 0, length: 0 }, orLonger: true };

function route(prefix: string, ...gateways: readonly string[]): OspfRoute {
  const nextHops = gateways.map((text) => {
    const [name, gateway] = text.split(' ');
    return { interface: name!, gateway: ipv4(gateway!) };
  });
  return { prefix: parsePrefix(prefix)!, pathType: 'intraArea', cost: 10, nextHops };
}

function learned(instance: string, routes: readonly OspfRoute[], rules: readonly ImportRule[] = [ALL]): LearnedRoutes {
  return { instance, interfaces: ['up0', 'up1'], rules, routes };
}

function wish(...instances: readonly LearnedRoutes[]): RouteWish {
  return { learned: instances, connected: [], served: [], vips: new Set(), restarting: false };
}

async function world() {
  const kernel = new FakeRouteKernel(['up0', 'up1']);
  const clock = new FakeClock();
  const routes = new FakeRoutes(kernel);
  await routes.open();
  const keeper = new RouteKeeper({ clock, routes, events: new EventLog(clock, () => new Date(0)) });
  return { kernel, clock, keeper, shown: () => [...kernel.ours.values()].map(formatRoute) };
}

const DEFAULT = route('0.0.0.0/0', 'up0 10.1.0.2', 'up1 10.1.1.2');

test('what is learned is in the kernel, with all its next hops', async () => {
  const { keeper, shown } = await world();
  keeper.want(wish(learned('outside', [DEFAULT])));
  await settle();
  expect(shown()).toEqual(['0.0.0.0/0 metric 20 via 10.1.0.2 dev up0, via 10.1.1.2 dev up1']);
  expect(keeper.standing('outside', DEFAULT)).toEqual({ installed: true, refusal: undefined });
});

test('a route that no rule allows stays out, until a reload allows it', async () => {
  const { keeper, shown } = await world();
  const routes = [DEFAULT, route('10.9.0.0/16', 'up0 10.1.0.2')];
  keeper.want(wish(learned('outside', routes, [{ ...ALL, orLonger: false }])));
  await settle();
  expect(shown()).toHaveLength(1);
  expect(keeper.standing('outside', routes[1]!)).toEqual({ installed: false, refusal: 'no import rule allows it' });
  keeper.want(wish(learned('outside', routes)));
  await settle();
  expect(shown()).toHaveLength(2);
  expect(keeper.standing('outside', routes[1]!)).toEqual({ installed: true, refusal: undefined });
});

test('of two instances with the same prefix the first in the file has it, unless its rules refuse it', async () => {
  const { keeper, shown } = await world();
  const inner = route('0.0.0.0/0', 'up1 10.1.1.2');
  keeper.want(wish(learned('outside', [DEFAULT]), learned('inside', [inner])));
  await settle();
  expect(keeper.standing('inside', inner)).toEqual({ installed: false, refusal: 'instance outside has it too' });
  keeper.want(wish(learned('outside', [DEFAULT], []), learned('inside', [inner])));
  await settle();
  expect(shown()).toEqual(['0.0.0.0/0 metric 20 via 10.1.1.2 dev up1']);
  expect(keeper.standing('inside', inner)).toEqual({ installed: true, refusal: undefined });
});

test('after a link event, what went silently with the device is put back without waiting for the next look', async () => {
  const { kernel, keeper, shown } = await world();
  keeper.want(wish(learned('outside', [DEFAULT])));
  await settle();
  kernel.removeInterface('up1');
  kernel.interfaces.add('up1');
  expect(shown()).toEqual([]);
  keeper.recheck();
  await settle();
  expect(shown()).toHaveLength(1);
});

test('what an earlier agent left stays until something is learned, or nothing was for half a minute', async () => {
  const before = await world();
  before.keeper.want(wish(learned('outside', [DEFAULT])));
  await settle();
  for (const patient of [false, true]) {
    const routes = new FakeRoutes(before.kernel);
    await routes.open();
    const clock = new FakeClock();
    const keeper = new RouteKeeper({ clock, routes, events: new EventLog(clock, () => new Date(0)) });
    await keeper.adopt();
    keeper.want(wish(learned('outside', [])));
    await clock.advance(29_000);
    expect(before.shown()).toHaveLength(1);
    if (patient) await clock.advance(2000);
    else {
      keeper.want(wish(learned('outside', [route('0.0.0.0/0', 'up0 10.1.0.2')])));
      await settle();
      expect(before.shown()).toEqual(['0.0.0.0/0 metric 20 via 10.1.0.2 dev up0']);
    }
    await keeper.close();
  }
  expect(before.shown()).toEqual([]);
});
