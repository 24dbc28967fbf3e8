import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { FLOW_HASH, predictServer, serviceTable } from '../../../src/core/dataplane/service-table.ts';
import { service, THREE, withState } from './model.ts';

const sports = Array.from({ length: 500 }, (_, i) => 20000 + i);
const choices = (servers: typeof THREE) => {
  const table = serviceTable(service('web', servers));
  return sports.map((sport) => predictServer(table, ipv4('198.51.100.7'), sport)?.name);
};

test('the order in the file and the names of servers do not change where flows go', () => {
  const renamed = THREE.map((server) => ({ ...server, name: server.name.toUpperCase() }));
  expect(choices([...renamed].reverse()).map((name) => name?.toLowerCase())).toEqual(choices(THREE));
});

test('the digest depends on the file alone, and on all of it that matters', () => {
  const digest = (servers: typeof THREE) => serviceTable(service('web', servers)).digest;
  expect(digest(withState(THREE, 'r1', 'down'))).toBe(digest(THREE));
  expect(digest([...THREE].reverse())).toBe(digest(THREE));
  expect(digest(THREE.slice(1))).not.toBe(digest(THREE));
  expect(digest(THREE.map((server, i) => ({ ...server, weight: i + 1 })))).not.toBe(digest(THREE));
});

test('a server of weight 0 gets no flow, and no servers at all get none', () => {
  expect(choices(THREE.map((server, i) => ({ ...server, weight: i })))).not.toContain('r1');
  expect(new Set(choices([]))).toEqual(new Set([undefined]));
});

test('with nobody up, those that are down serve and those that are drained do not', () => {
  const table = serviceTable(
    service('web', withState(withState(withState(THREE, 'r1', 'down'), 'r2', 'drained'), 'r3', 'down')),
  );
  const used = new Set([...table.slots].map((index) => table.servers[index]?.name));
  expect(used).toEqual(new Set(['r1', 'r3']));
  expect(table.slots).toHaveLength(FLOW_HASH.slots);
});
