import { expect, test } from 'vitest';
import { connectedPrefixes, importRefusal, kernelRoute } from '../../../src/agent/wishes/import-filter.ts';
import { type Ipv4, ipv4, parsePrefix } from '../../../src/core/base/ipv4.ts';
import type { ImportRule } from '../../../src/core/model/cluster.ts';
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

const all: ImportRule = { prefix: { address: 0, length: 0 }, orLonger: true };

function rule(text: string, orLonger = false): ImportRule {
  return { prefix: parsePrefix(text)!, orLonger };
}

function refusal(learned: OspfRoute, rules: readonly ImportRule[] = [all], vips: readonly Ipv4[] = []) {
  return importRefusal(learned, rules, { connected, vips: new Set(vips) });
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
  expect(refusal(route(prefix), [all], [vip]) === undefined).toBe(imported);
});

test.each([
  ['10.9.0.0/16', [], 'no import rule allows it'],
  ['0.0.0.0/0', [rule('0.0.0.0/0')], undefined],
  ['10.9.0.0/16', [rule('0.0.0.0/0')], 'no import rule allows it'],
  ['10.9.0.0/16', [rule('10.9.0.0/16')], undefined],
  ['10.9.1.0/24', [rule('10.9.0.0/16')], 'no import rule allows it'],
  ['10.9.1.0/24', [rule('0.0.0.0/0'), rule('10.9.0.0/16', true)], undefined],
  ['10.0.0.0/8', [rule('10.9.0.0/16', true)], 'no import rule allows it'],
  ['10.1.1.0/24', [rule('10.1.1.0/24')], 'inside the connected network 10.1.1.0/24'],
])('%s under the rules %j: %s', (prefix, rules, expected) => {
  expect(refusal(route(prefix), rules)).toBe(expected);
});

test('next hops without a gateway are left out; a route that has no other is not imported', () => {
  expect(refusal(route('10.9.0.0/24', [onLink]))).toMatch(/^connected/);
  const both = route('10.9.0.0/24', [onLink, gateway]);
  expect(refusal(both)).toBeUndefined();
  expect(kernelRoute(both)).toMatchObject({ kind: 'unicast', nextHops: [gateway] });
});
