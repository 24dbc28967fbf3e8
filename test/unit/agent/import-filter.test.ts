import { expect, test } from 'vitest';
import { connectedPrefixes, isImported, kernelRoute } from '../../../src/agent/import-filter.ts';
import { ipv4, parsePrefix } from '../../../src/core/base/ipv4.ts';
import type { NextHop, OspfRoute } from '../../../src/core/ospf/events.ts';

const vip = ipv4('203.0.113.10');
const gateway: NextHop = { interface: 'eth1', gateway: ipv4('10.1.1.1') };
const onLink: NextHop = { interface: 'eth1', gateway: undefined };
const connected = connectedPrefixes([
  {
    name: 'eth1',
    ifindex: 2,
    up: true,
    mtu: 1500,
    addresses: [{ address: ipv4('10.1.1.2'), prefixLength: 24 }],
  },
]);

function route(prefix: string, nextHops: readonly NextHop[] = [gateway]): OspfRoute {
  const parsed = parsePrefix(prefix);
  if (parsed === undefined) throw new RangeError(prefix);
  return { prefix: parsed, pathType: 'intraArea', cost: 10, nextHops };
}

test.each([
  ['0.0.0.0/0', true, 'the default route'],
  ['10.9.0.0/24', true, 'a remote prefix'],
  ['10.1.0.0/16', true, 'a prefix around a connected one'],
  ['10.1.1.0/24', false, 'a connected prefix'],
  ['10.1.1.128/25', false, 'a part of a connected prefix'],
  ['203.0.113.10/32', false, 'our own VIP, announced by the others'],
  ['203.0.113.0/24', true, 'the network around our VIP'],
])('%s: %s (%s)', (prefix, imported) => {
  expect(isImported(route(prefix), connected, new Set([vip]))).toBe(imported);
});

test('next hops without a gateway are left out; a route that has no other is not imported', () => {
  expect(isImported(route('10.9.0.0/24', [onLink]), connected, new Set())).toBe(false);
  const both = route('10.9.0.0/24', [onLink, gateway]);
  expect(isImported(both, connected, new Set())).toBe(true);
  expect(kernelRoute(both)).toMatchObject({ kind: 'unicast', nextHops: [gateway] });
});
