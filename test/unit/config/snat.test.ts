/** Pools for connections that servers open, in the cluster file. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { faultLines, soundCluster } from './files.ts';

interface Choices {
  readonly announce?: string;
  readonly directors?: string;
  readonly snat?: string;
}

const TWO =
  'd1: { routerId: 10.255.0.1, interfaces: { up0: eth1 }, local: 10.3.0.1, handOver: 10.4.0.1 }, d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 }, handOver: 10.4.0.2 }';

function text({ announce = '[vip, local, snat]', directors = TWO, snat = '' }: Choices): string {
  return `cluster: edge-1
directors: { ${directors} }
routing: { instances: { outside: { area: 0, announce: ${announce}, interfaces: { up0: {} } } } }
services: { web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 } } }
local: { shared: 10.8.0.1, handOver: { vxlan: { id: 7 } } }
${snat === '' ? '' : `snat: ${snat}`}
`;
}

const faults = (choices: Choices) => faultLines(text(choices));

const cluster = (choices: Choices) => soundCluster(text(choices));

const EGRESS = '{ egress: { from: 10.2.0.0/24, pool: [203.0.113.20, 203.0.113.21] } }';

test('a pool has a prefix that it is for, and addresses, or one', () => {
  const from = { address: ipv4('10.2.0.0'), length: 24 };
  const pool = [ipv4('203.0.113.20'), ipv4('203.0.113.21')];
  expect(cluster({ snat: EGRESS }).snat).toEqual([{ name: 'egress', from, pool }]);
  expect(cluster({ snat: '{ a: { from: 10.2.0.0/24, pool: 203.0.113.20 } }' }).snat[0]?.pool).toEqual([pool[0]]);
  expect(cluster({ announce: '[vip, local]' }).snat).toEqual([]);
});

test.each<[string, Choices, readonly string[]]>([
  [
    'a gateway, which is not there yet',
    { snat: '{ a: { from: 10.2.0.0/24, pool: 203.0.113.20, gateway: 10.3.0.254 } }' },
    ['snat.a.gateway: not supported in this version; remove it'],
  ],
  [
    'prefixes that are none',
    {
      snat: '{ a: { from: 10.2.0.1/24, pool: 203.0.113.20 }, b: { from: 10.3.0.0, pool: 203.0.113.21 }, c: { from: 224.0.0.0/8, pool: 203.0.113.22 } }',
    },
    [
      'snat.a.from: "10.2.0.1/24" has bits beyond its length; write 10.2.0.0/24',
      'snat.b.from: expected a prefix, got "10.3.0.0"; such as 10.2.0.0/24',
      'snat.c.from: "224.0.0.0/8" is not a prefix of unicast addresses',
    ],
  ],
  [
    'an address of a pool that is somebody else’s',
    {
      snat: '{ a: { from: 10.2.0.0/24, pool: [203.0.113.10, 10.2.0.21, 10.3.0.1, 10.8.0.1, 203.0.113.20, 203.0.113.20] }, b: { from: 10.3.0.0/24, pool: 203.0.113.20 } }',
    },
    [
      'snat.a.pool.0: 203.0.113.10 is the VIP of service web',
      'snat.a.pool.1: 10.2.0.21 is server r1 of service web',
      'snat.a.pool.2: 10.3.0.1 is a local address of director d1',
      'snat.a.pool.3: 10.8.0.1 is a shared local address',
      'snat.a.pool.5: 203.0.113.20 is in the pool of a already',
      'snat.b.pool.0: 203.0.113.20 is in the pool of a already',
    ],
  ],
  [
    'prefixes that overlap',
    {
      snat: '{ a: { from: 10.2.0.0/24, pool: 203.0.113.20 }, b: { from: 10.2.0.0/16, pool: 203.0.113.21 }, c: { from: 10.4.0.0/16, pool: 203.0.113.22 } }',
    },
    ['snat.b.from: 10.2.0.0/16 overlaps 10.2.0.0/24 of a'],
  ],
  [
    'pools that nobody announces, and a class without pools',
    { announce: '[vip, local]', snat: EGRESS },
    [
      'snat.egress: no instance announces snat: answers would not come back; add snat to the announce of the instance by which packets go out',
    ],
  ],
  [
    'a class without pools',
    { announce: '[vip, local, snat]' },
    [
      'routing.instances.outside.announce.2: there is no pool to announce; add snat: { NAME: { from: PREFIX, pool: [ADDRESS] } }',
    ],
  ],
  [
    'more directors than a pool has blocks for',
    {
      announce: '[vip, local, snat]',
      directors: Array.from(
        { length: 64 },
        (_, i) => `d${i}: { routerId: 10.255.0.${i + 1}, interfaces: { up0: e }, handOver: 10.4.1.${i} }`,
      ).join(),
      snat: '{ a: { from: 10.2.0.0/24, pool: 203.0.113.20 } }',
    },
    ['snat.a.pool: 64 directors share the 63 port blocks of the pool, so that some have none; add addresses'],
  ],
])('a fault: %s', (_what, choices, expected) => {
  expect(faults({ announce: '[vip, local, snat]', ...choices })).toEqual(expected);
});

test('what changes is said', () => {
  const [without, withPool] = [cluster({ announce: '[vip, local]' }), cluster({ snat: EGRESS })];
  const lines = describeChanges(without, withPool);
  expect(lines).toContain('snat egress added (from 10.2.0.0/24)');
  const wider = cluster({ snat: '{ egress: { from: 10.2.0.0/16, pool: [203.0.113.20, 203.0.113.22] } }' });
  expect(describeChanges(withPool, wider)).toEqual([
    'snat egress: pool 203.0.113.21 removed',
    'snat egress: from 10.2.0.0/24 -> 10.2.0.0/16 (connections that are open keep their address)',
    'snat egress: pool 203.0.113.22 added',
  ]);
});
