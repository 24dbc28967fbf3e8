import { expect, test } from 'vitest';
import { formatIpv4 } from '../../../src/core/base/ipv4.ts';
import { LAST_SERVER_ID } from '../../../src/core/dataplane/mark.ts';
import type { Found, FoundSet } from '../../../src/core/dataplane/ruleset.ts';
import { assignServerIds, type ServerIds } from '../../../src/core/dataplane/server-ids.ts';
import { dataplane, service, THREE } from './model.ts';

function foundSet(kind: 'set' | 'map', entries: readonly (readonly [string, string])[]): FoundSet {
  return { kind, stamp: '', elements: new Map(entries), tallies: new Map() };
}

function foundWith(sets: Readonly<Record<string, FoundSet>>): Found {
  return new Map([['sluice_v1', { chains: new Map(), sets: new Map(Object.entries(sets)), counters: new Map() }]]);
}

function printed(ids: ServerIds): string[] {
  return [...ids].flatMap(([name, byAddress]) =>
    [...byAddress].map(([address, id]) => `${name} ${formatIpv4(address)} ${id}`),
  );
}

const NONE: Found = new Map();

test('ids count from 1, and the same address in two services is two servers', () => {
  const ids = assignServerIds(
    dataplane(service('a', THREE.slice(0, 2)), service('b', THREE.slice(0, 1))),
    NONE,
    new Map(),
  );
  expect(printed(ids)).toEqual(['a 10.2.0.21 1', 'a 10.2.0.22 2', 'b 10.2.0.21 3']);
});

test('ids are recovered from the map in the kernel; newcomers get the lowest that appears nowhere', () => {
  const found = foundWith({
    servers_a: foundSet('map', [
      ['7', '10.2.0.22'],
      ['1', '10.2.0.99'],
    ]),
    traffic_in: foundSet('set', [['2', '']]),
  });
  const ids = assignServerIds(dataplane(service('a', THREE)), found, new Map());
  expect(printed(ids).sort()).toEqual(['a 10.2.0.21 3', 'a 10.2.0.22 7', 'a 10.2.0.23 4']);
});

test('what the process remembers goes before what it finds: ids survive a flush', () => {
  const desired = dataplane(service('a', THREE));
  const remembered = assignServerIds(
    desired,
    foundWith({ servers_a: foundSet('map', [['9', '10.2.0.21']]) }),
    new Map(),
  );
  expect(printed(assignServerIds(desired, NONE, remembered))).toEqual(printed(remembered));
});

test('ids of servers that left are given out again only when all others are used up', () => {
  const taken = Array.from({ length: LAST_SERVER_ID - 1 }, (_, i) => [String(i + 1), ''] as const);
  const found = foundWith({ traffic_in: foundSet('set', taken) });
  const ids = assignServerIds(dataplane(service('a', THREE.slice(0, 2))), found, new Map());
  expect(printed(ids)).toEqual([`a 10.2.0.21 ${LAST_SERVER_ID}`, 'a 10.2.0.22 1']);
});
