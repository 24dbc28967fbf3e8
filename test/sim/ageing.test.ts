import { expect, test } from 'vitest';
import { ipv4 } from '../../src/core/base/ipv4.ts';
import { THOROUGH } from '../sizes.ts';
import { announceOwnId, campus, converged, pair } from './topologies.ts';

const HOUR = 3_600_000;
/** In three of them every LSA is refreshed five times, and would have aged out twice. */
const HOURS = THOROUGH ? 6 : 3;

test(`${HOURS} hours pass: everything is refreshed in time, nothing ages out, and the network says no more than it must`, () => {
  const { net, nodes } = campus({ helloInterval: 10_000, deadInterval: 40_000 });
  for (const node of nodes) announceOwnId(net, node);
  net.run(HOUR / 4);
  expect(converged(net, nodes)).toBe(true);
  const updatesBefore = net.sent.lsUpdate;
  let oldest = 0;
  for (let quarter = 1; quarter < 4 * HOURS; quarter++) {
    net.run(HOUR / 4);
    for (const node of nodes) oldest = Math.max(oldest, ...node.instance.lsdb(net.now).map(({ age }) => age));
  }
  expect(converged(net, nodes)).toBe(true);
  expect(oldest).toBeGreaterThan(600);
  expect(oldest).toBeLessThanOrEqual(1800 + 5);
  // 6 LSAs, refreshed every 1710 to 1800 s, each crossing the LAN and both cables a few times.
  const refreshes = (6 * (HOURS - 0.25) * 3600) / 1755;
  expect(net.sent.lsUpdate - updatesBefore).toBeGreaterThan(refreshes);
  expect(net.sent.lsUpdate - updatesBefore).toBeLessThan(6 * refreshes);
});

test('the LSAs of a router that is gone age out of all databases after an hour', () => {
  const { net, a, b } = pair();
  net.run(5000);
  net.kill(b);
  net.run(HOUR - 10_000);
  const has = () => a.instance.lsdb(net.now).some(({ advertisingRouter }) => advertisingRouter === ipv4('10.0.0.2'));
  expect(has()).toBe(true);
  net.run(20_000);
  expect(has()).toBe(false);
});
