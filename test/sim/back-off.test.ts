/** How often routes are computed while things happen, and how soon (RFC 8405, with our delays). */
import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { announce, pair } from './topologies.ts';

const B = ipv4('10.0.0.2');

test('after a long silence the first change of the area is a route within 15 ms', () => {
  const { net, a, b } = pair();
  net.run(60_000);
  const [runs, at] = [a.instance.counters().spfRuns, net.now];
  announce(net, b, '203.0.113.10');
  net.run(1000);
  expect(a.instance.counters().spfRuns).toBe(runs + 1);
  expect(a.logged('routes').at(-1)!.at - at).toBeLessThan(15);
});

test('an adjacency that comes up long after the last change of the area has its routes within 15 ms of Full', () => {
  const { net, link, a, b } = pair();
  announce(net, b, '203.0.113.10');
  link.islands = [['a'], ['b']];
  net.run(5000);
  link.islands = undefined;
  net.runUntil(() => a.fullAt(B) !== undefined, 5000);
  net.run(1000);
  const first = a.logged('routes').find(({ effect }) => effect.routes.some(({ prefix }) => prefix.length === 32));
  expect(first!.at - a.fullAt(B)!).toBeLessThan(15);
});

test('a link that flaps ten times a second does not have us compute more often than that', () => {
  const { net, a, b } = pair({ holdLimit: 0 }, { holdLimit: 0 });
  net.run(20_000);
  const runs = a.instance.counters().spfRuns;
  const before = a.log.length;
  for (let flap = 0; flap < 200; flap++) {
    for (const node of [a, b]) net.down(node, 'eth1');
    net.run(20);
    for (const node of [a, b]) net.up(node, 'eth1');
    net.run(80);
  }
  const changes = a.log.slice(before).filter(({ effect }) => effect.kind === 'neighborChanged' && effect.to === 'full');
  expect(changes.length).toBeGreaterThan(190);
  expect(a.instance.counters().spfRuns - runs).toBeLessThanOrEqual(20 * 10 + 10);
});

test('an area that does not come to rest is computed once a second, and once more after the last change', () => {
  const { net, a, b } = pair({}, { originateFloor: 0 });
  net.run(20_000);
  const runs = a.instance.counters().spfRuns;
  // Each change a new LSA, so that MinLSArrival holds none of them back.
  for (let change = 0; change < 100; change++) {
    announce(net, b, `203.0.113.${change} metric ${change + 1}`);
    net.run(1100);
  }
  const during = a.instance.counters().spfRuns - runs;
  expect(during).toBeGreaterThan(50);
  expect(during).toBeLessThanOrEqual(102);
  net.run(2000);
  const last = a.instance.routes().find(({ prefix }) => prefix.address === ipv4('203.0.113.99'));
  expect(last?.cost).toBe(110);
});

test('a change is never lost, however it falls between two computations', () => {
  const { net, a, b } = pair({}, { originateFloor: 1100 });
  net.run(20_000);
  for (let change = 1; change <= 40; change++) {
    announce(net, b, `203.0.113.10 metric ${change}`);
    net.run(137 * (change % 13));
  }
  net.run(5000);
  expect(a.instance.routes().find(({ prefix }) => prefix.length === 32)?.cost).toBe(50);
});
