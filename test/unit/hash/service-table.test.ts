import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { predictServer, serviceTable } from '../../../src/core/hash/service-table.ts';
import { service, THREE, withState } from '../dataplane/model.ts';

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
  expect(table.slots).toHaveLength(4099);
});

test('by the client’s address alone, all its connections meet one server', () => {
  const byAddress = service('web', THREE, { scheduler: { name: 'mh', slots: 4099, sourcePort: false } });
  const table = serviceTable(byAddress);
  const met = new Set([1, 2, 3, 1000, 60000].map((sport) => predictServer(table, ipv4('198.51.100.7'), sport)?.name));
  expect(met.size).toBe(1);
  // The slots are those of the same table, but another director that hashed the port as well would not agree.
  expect(table.primary).toEqual(serviceTable(service('web', THREE)).primary);
  expect(table.digest).not.toBe(serviceTable(service('web', THREE)).digest);
});

test('65,537 slots make another table, of another digest', () => {
  const large = serviceTable(service('web', THREE, { scheduler: { name: 'mh', slots: 65537, sourcePort: true } }));
  expect(large.slots).toHaveLength(65537);
  expect(large.used).toBe(65537);
  expect(large.digest).not.toBe(serviceTable(service('web', THREE)).digest);
});

const WEIGHTED = THREE.map((server, index) => ({ ...server, weight: 2 ** index }));
const names = (table: ReturnType<typeof serviceTable>) =>
  [...table.slots].map((index) => table.servers[index]?.name ?? '-').join(' ');

test('rr gives each server a turn whatever its weight, wrr as many as that', () => {
  const rr = serviceTable(service('web', WEIGHTED, { scheduler: { name: 'rr' } }));
  expect([rr.used, names(rr)]).toEqual([3, 'r1 r2 r3']);
  const wrr = serviceTable(service('web', WEIGHTED, { scheduler: { name: 'wrr' } }));
  expect([wrr.used, names(wrr)]).toEqual([7, 'r3 r2 r3 r1 r3 r2 r3']);
  expect(predictServer(wrr, ipv4('198.51.100.7'), 1)).toBeUndefined();
});

test('one that comes back slowly has tenths of its turns', () => {
  const slow = service('web', THREE, { scheduler: { name: 'rr' } });
  const servers = slow.servers.map((server) => (server.name === 'r1' ? { ...server, tenths: 5 } : server));
  const table = serviceTable({ ...slow, servers });
  expect([table.used, names(table)]).toEqual([5, 'r2 r3 r1 r2 r3']);
  // Of a round that would be too long it has all.
  const heavy = servers.map((one) => (one.name === 'r1' ? { ...one, weight: 997, tenths: 7 } : one));
  expect(serviceTable({ ...slow, servers: heavy, scheduler: { name: 'wrr' } }).used).toBe(999);
});

test('a server that takes no new connections has no turn, and no slot of the whole round is left empty', () => {
  const down = serviceTable(service('web', withState(WEIGHTED, 'r3', 'down'), { scheduler: { name: 'wrr' } }));
  expect([down.used, names(down)]).toEqual([3, 'r2 r1 r2 r2 r1 r2 r2']);
  const drained = serviceTable(
    service(
      'web',
      WEIGHTED.map((one) => ({ ...one, state: 'drained' as const })),
      { scheduler: { name: 'rr' } },
    ),
  );
  expect([drained.used, names(drained)]).toEqual([1, '- - -']);
});
