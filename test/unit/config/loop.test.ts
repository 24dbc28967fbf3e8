/** Directors that are real servers of direct routing as well, in the cluster file. */
import { describe, expect, test } from 'vitest';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { faultLines, soundCluster } from './files.ts';

const MACS = ['mac: 02:00:00:00:00:D1', 'mac: [02:00:00:00:00:d2, 02:00:00:00:01:d2]'];

function text(service: string, macs: readonly string[] = MACS, plane = 'ipvs'): string {
  const director = (k: number) => {
    const mac = macs[k - 1] === undefined || macs[k - 1] === '' ? '' : `, ${macs[k - 1]}`;
    return `  d${k}: { routerId: 10.255.0.${k}, interfaces: { up0: eth1, in0: eth2 }${mac} }`;
  };
  return `cluster: edge-1
directors:
${director(1)}
${director(2)}
routing: { instances: { outside: { area: 0, interfaces: { up0: {} } } } }
dataplane: ${plane}
services: { web: { vip: 203.0.113.10, ${service} } }
`;
}

const servers = (a = 'd1', b = 'd2') =>
  `servers: { a: { address: 10.2.0.11, director: ${a} }, b: { address: 10.2.0.12, director: ${b} } }`;

const faults = (...given: Parameters<typeof text>) => faultLines(text(...given));
const cluster = (...given: Parameters<typeof text>) => soundCluster(text(...given));

test('a server says which director it is, a director by which MAC addresses it is known', () => {
  const { directors, services } = cluster(`ports: 80, forward: dr, ${servers()}`);
  expect(directors.map(({ macs }) => macs)).toEqual([
    ['02:00:00:00:00:d1'],
    ['02:00:00:00:00:d2', '02:00:00:00:01:d2'],
  ]);
  expect(services[0]?.servers.map(({ director }) => director)).toEqual(['d1', 'd2']);
});

describe('faults', () => {
  const WEB = 'services.web.servers';
  test.each<[string, readonly string[], readonly string[]]>([
    [
      `ports: 80, forward: dr, ${servers('d1', 'd3')}`,
      MACS,
      [`${WEB}.b.director: there is no such director; did you mean "d1"?`],
    ],
    [`ports: 80, forward: dr, ${servers('d1', 'd1')}`, MACS, [`${WEB}.b.director: server a is director d1 already`]],
    [
      `ports: 80, forward: dr, ${servers()}`,
      [MACS[0]!, ''],
      [
        'directors.d2: no MAC address, by which others tell what it sends on for service web from what clients send; add mac: ADDRESS',
      ],
    ],
    [
      'ports: 80, servers: { a: { address: 10.2.0.11, director: d1 } }',
      MACS,
      [
        `${WEB}.a.director: for forward: dr, where packets could come back; forward: nat changes what it sends on; remove it`,
      ],
    ],
    [
      'fwmark: 7, health: none, forward: dr, servers: { a: { address: 10.2.0.11, director: d1 } }',
      MACS,
      [
        `${WEB}.a.director: not with fwmark: the rules that set the mark have to leave out what other directors send; write ports, for which the rules are made here`,
      ],
    ],
    [
      'ports: 80, servers: { a: 10.2.0.21 }',
      ['mac: 02:00:00:00:00:01', 'mac: 02:00:00:00:00:01'],
      ['directors.d2.mac.0: 02:00:00:00:00:01 is director d1’s'],
    ],
    [
      'ports: 80, servers: { a: 10.2.0.21 }',
      ['mac: 2:0:0:0:0:1', 'mac: 01:00:5e:00:00:05'],
      [
        'directors.d1.mac: expected a MAC address, got "2:0:0:0:0:1"; such as 02:00:00:00:00:01',
        'directors.d2.mac: "01:00:5e:00:00:05" is of no single interface',
      ],
    ],
  ])('%s', (service, macs, expected) => {
    expect(faults(service, macs)).toEqual(expected);
  });

  test('not on the nftables plane', () => {
    expect(
      faults('ports: 80, forward: dr, servers: { a: { address: 10.2.0.11, director: d1 } }', MACS, 'nftables'),
    ).toEqual([
      `${WEB}.a.director: needs the ipvs data plane: the nftables one takes packets before any program of this host could; remove it`,
    ]);
  });
});

test('what changes is said', () => {
  const plain = 'ports: 80, forward: dr, servers: { a: 10.2.0.11, b: { address: 10.2.0.12, director: d2 } }';
  expect(describeChanges(cluster(plain), cluster(`ports: 80, forward: dr, ${servers()}`))).toEqual([
    'service web: server a: director none -> d1',
  ]);
  expect(describeChanges(cluster(plain), cluster(plain, ['mac: 02:00:00:00:00:d3', MACS[1]!]))).toEqual([
    'director d1: mac 02:00:00:00:00:d1 -> 02:00:00:00:00:d3',
  ]);
});
