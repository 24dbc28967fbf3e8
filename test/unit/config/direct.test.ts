/** Direct routing in the cluster file. */
import { describe, expect, test } from 'vitest';
import { formatFault } from '../../../src/core/base/fault.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import type { Cluster } from '../../../src/core/model/cluster.ts';

const ONE = '{ up0: eth1, in0: eth2 }';

/** `d2` and `d1` have the same interfaces unless written. */
function text(web: string, d1 = ONE, d2 = d1): string {
  return `cluster: edge-1
directors: { d1: { routerId: 10.255.0.1, interfaces: ${d1} }, d2: { routerId: 10.255.0.2, interfaces: ${d2} } }
routing: { instances: { outside: { area: 0, interfaces: { up0: {} } } } }
services: { web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 }, ${web} } }
dataplane: nftables
`;
}

function faults(...given: Parameters<typeof text>): string[] {
  const parsed = parseCluster(text(...given));
  if ('cluster' in parsed) return [];
  const lines = parsed.faults.map((fault) => formatFault('', fault).replace(/^:?\d+:\d+: services\.web\./, ''));
  // What no service may have yet is not the matter here.
  return lines.filter((line) => !line.includes('not supported in this version'));
}

function cluster(...given: Parameters<typeof text>): Cluster {
  const parsed = parseCluster(text(...given));
  if ('faults' in parsed) throw new Error(faults(...given).join('\n'));
  return parsed.cluster;
}

test('the way to the servers is written, or left to be found; flows are not sticky unless it is said', () => {
  expect(cluster('forward: dr').services[0]?.direct).toEqual({ via: undefined, sticky: undefined });
  const written = cluster('forward: dr, via: in1, sticky: 5m', '{ up0: eth1, in0: eth2, in1: eth3 }');
  expect(written.services[0]?.direct).toEqual({ via: 'in1', sticky: 300_000 });
  expect(cluster('forward: nat').services[0]?.direct).toBeUndefined();
});

test('by the interface on which VIPs are announced, too, when it is written', () => {
  expect(cluster('forward: dr, via: up0', '{ up0: eth1 }').services[0]?.direct?.via).toBe('up0');
});

test('what changes is said', () => {
  expect(describeChanges(cluster('forward: nat'), cluster('forward: dr, via: in0, sticky: 5m'))).toEqual([
    'service web: forward nat -> dr (open connections end)',
    'service web: via none -> in0',
    'service web: sticky none -> 5m (open connections are found by their slots once more)',
    'service web: whenServerDown reset -> keep',
  ]);
});

describe('faults', () => {
  test.each<[string, string, string, string | undefined, readonly string[]]>([
    [
      'several interfaces may be meant',
      'forward: dr',
      '{ up0: eth1, in0: eth2, in1: eth3 }',
      undefined,
      ['forward: director d1 may reach the servers by in0 or in1; write via: ALIAS'],
    ],
    [
      'there is none',
      'forward: dr',
      ONE,
      '{ up0: eth1 }',
      ['forward: director d2 has no interface beside those that VIPs are announced on; add one, or write via: up0'],
    ],
    [
      'an alias that nobody has',
      'forward: dr, via: inn0',
      ONE,
      undefined,
      ['via: no director has an interface with this alias; did you mean "in0"?'],
    ],
    [
      'an alias that one of them has not',
      'forward: dr, via: in1',
      '{ up0: eth1, in0: eth2, in1: eth3 }',
      ONE,
      ['via: director d2 has no interface with this alias; add in1: DEVICE'],
    ],
    [
      'settings of direct routing without it',
      'via: in0, sticky: 300s',
      ONE,
      undefined,
      [
        'via: nat has no use for it; routes lead to its servers; via is for forward: dr',
        'sticky: nat has no use for it; its connections stay with their servers anyway; sticky is for forward: dr',
      ],
    ],
    [
      'a time that nft would round',
      'forward: dr, sticky: 1500ms',
      ONE,
      undefined,
      ['sticky: expected whole seconds from 1s to 24h, got "1500ms"'],
    ],
    [
      'turns',
      'forward: dr, scheduler: wrr',
      ONE,
      undefined,
      ['scheduler: wrr cannot find a flow’s server again with forward: dr, where no connections are kept; use mh'],
    ],
    [
      'what takes connections',
      'forward: dr, persistence: 600s, timeouts: { established: 90s }',
      ONE,
      undefined,
      [
        'persistence: not with forward: dr, where no connections are kept; scheduler: { name: mh, sourcePort: false } keeps a client at its server',
        'timeouts: not with forward: dr, where no connections are kept; sticky: DURATION is the only time there is',
      ],
    ],
    [
      'TUN',
      'forward: tun',
      ONE,
      undefined,
      [
        'forward: "tun" needs the ipvs data plane: the nftables one cannot put packets into IPIP, GUE or GRE; use dr where director and server share a network, else nat',
      ],
    ],
  ])('%s', (_, web, d1, d2, expected) => {
    expect(faults(web, d1, d2)).toEqual(expected);
  });
});
