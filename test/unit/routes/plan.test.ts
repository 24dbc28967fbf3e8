import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ipv4, type Prefix, parsePrefix, prefixOf } from '../../../src/core/base/ipv4.ts';
import type { KernelRoute } from '../../../src/core/routes/kernel-route.ts';
import { formatRoute } from '../../../src/core/routes/kernel-route.ts';
import { formatRouteOp, plan } from '../../../src/core/routes/plan.ts';
import { FakeRouteKernel, FakeRoutes } from '../../../src/drivers/routes/fake.ts';

const INTERFACES = ['up0', 'up1', 'in0'];

function prefix(text: string): Prefix {
  const parsed = parsePrefix(text);
  if (parsed === undefined) throw new RangeError(text);
  return parsed;
}

/** `unicast('10.9.0.0/16', 20, 'up0 10.1.0.2', 'in0')`. */
function unicast(to: string, metric: number, ...hops: string[]): KernelRoute {
  const nextHops = hops.map((hop) => {
    const [name, gateway] = hop.split(' ');
    return { interface: name!, gateway: gateway === undefined ? undefined : ipv4(gateway) };
  });
  return { kind: 'unicast', prefix: prefix(to), metric, nextHops };
}

const local = (vip: string): KernelRoute => ({ kind: 'local', prefix: prefix(`${vip}/32`) });
const listing = (desired: KernelRoute[], observed: KernelRoute[]) => plan(desired, observed).map(formatRouteOp);

const anyHop = fc.record({
  interface: fc.constantFrom(...INTERFACES),
  gateway: fc.option(
    fc.integer({ min: 1, max: 3 }).map((n) => ipv4('10.1.0.0') + n),
    { nil: undefined },
  ),
});
const anyPrefix = fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 6, max: 8 }));
/** A small space, so that prefixes, metrics and next hops collide often. */
const anyRoute: fc.Arbitrary<KernelRoute> = fc.oneof(
  fc.record({
    kind: fc.constant('unicast' as const),
    prefix: anyPrefix.map(([octet, length]) => prefixOf(ipv4(`${octet}.0.0.0`), length)),
    metric: fc.constantFrom(20, 30),
    nextHops: fc.array(anyHop, { maxLength: 3 }),
  }),
  fc.integer({ min: 1, max: 4 }).map((n) => local(`203.0.113.${n}`)),
);
const anyRoutes = fc.array(anyRoute, { maxLength: 12 });

test('additions and replacements come before removals', () => {
  const observed = [
    unicast('10.9.0.0/16', 20, 'up0 10.1.0.2'),
    unicast('10.8.0.0/16', 20, 'up0 10.1.0.2'),
    local('203.0.113.9'),
  ];
  const desired = [
    unicast('10.9.0.0/16', 20, 'up1 10.1.1.2', 'up0 10.1.0.2'),
    unicast('0.0.0.0/0', 20, 'up0 10.1.0.2'),
    unicast('10.7.0.0/16', 20, 'in0'),
    local('203.0.113.10'),
  ];
  expect(listing(desired, observed)).toEqual([
    'add 0.0.0.0/0 metric 20 via 10.1.0.2 dev up0',
    'add 10.7.0.0/16 metric 20 dev in0',
    'replace 10.9.0.0/16 metric 20 via 10.1.0.2 dev up0, via 10.1.1.2 dev up1',
    'add local 203.0.113.10/32 dev lo',
    'remove 10.8.0.0/16 metric 20 via 10.1.0.2 dev up0',
    'remove local 203.0.113.9/32 dev lo',
  ]);
});

test('the order in which next hops are given or observed does not matter', () => {
  const one = unicast('10.9.0.0/16', 20, 'up1 10.1.1.2', 'up0 10.1.0.2', 'up0 10.1.0.2');
  const other = unicast('10.9.0.0/16', 20, 'up0 10.1.0.2', 'up1 10.1.1.2');
  expect(listing([one], [other])).toEqual([]);
});

test('another metric is another route: the new one is there before the old one goes', () => {
  expect(listing([unicast('10.9.0.0/16', 30, 'up0 10.1.0.2')], [unicast('10.9.0.0/16', 20, 'up0 10.1.0.2')])).toEqual([
    'add 10.9.0.0/16 metric 30 via 10.1.0.2 dev up0',
    'remove 10.9.0.0/16 metric 20 via 10.1.0.2 dev up0',
  ]);
});

test('a route that has lost its last next hop is removed, not written without one', () => {
  expect(listing([unicast('10.9.0.0/16', 20)], [unicast('10.9.0.0/16', 20, 'up0 10.1.0.2')])).toEqual([
    'remove 10.9.0.0/16 metric 20 via 10.1.0.2 dev up0',
  ]);
});

test('of two routes of ours with one prefix and metric, the second is removed', () => {
  const observed = [unicast('10.9.0.0/16', 20, 'up0 10.1.0.2'), unicast('10.9.0.0/16', 20, 'up1 10.1.1.2')];
  expect(listing([unicast('10.9.0.0/16', 20, 'up0 10.1.0.2')], observed)).toEqual([
    'remove 10.9.0.0/16 metric 20 via 10.1.1.2 dev up1',
  ]);
});

test('whatever is there and whatever is wanted: one pass makes it so, and the next pass finds nothing to do', async () => {
  await fc.assert(
    fc.asyncProperty(anyRoutes, anyRoutes, async (before, desired) => {
      const table = new FakeRoutes(new FakeRouteKernel(INTERFACES));
      await table.open();
      await table.apply(before);
      await table.apply(desired);
      const wanted = new Set(
        desired.filter((route) => route.kind === 'local' || route.nextHops.length > 0).map(formatRoute),
      );
      for (const route of await table.observe()) expect(wanted).toContain(formatRoute(route));
      expect(await table.apply(desired)).toEqual([]);
      const observed = await table.observe();
      expect(plan(observed, observed)).toEqual([]);
    }),
  );
});
