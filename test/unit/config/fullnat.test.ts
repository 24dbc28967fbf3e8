/** Local addresses, FullNAT and VIPs inside in the cluster file. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { faultLines, soundCluster } from './files.ts';

interface Choices {
  readonly announce?: string;
  readonly d1?: string;
  readonly d2?: string;
  readonly local?: string;
  readonly web?: string;
  readonly dnsVip?: string;
}

function text({
  announce = '[vip, local]',
  d1 = '',
  d2 = '',
  local = '',
  web = '',
  dnsVip = '203.0.113.11',
}: Choices): string {
  return `cluster: edge-1
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 }${d1} }, d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 }${d2} } }
routing: { instances: { outside: { area: 0, announce: ${announce}, interfaces: { up0: {} } } } }
${local}
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 }${web} }
  dns: { vip: ${dnsVip}, ports: 53, servers: { r1: 10.2.0.21 } }
`;
}

const faults = (choices: Choices) => faultLines(text(choices));

const cluster = (choices: Choices) => soundCluster(text(choices));

const OWN = { d1: ', local: 10.3.0.1', d2: ', local: 10.3.0.2' };
const SHARED = 'local: { shared: [10.8.0.1, 10.8.0.2] }';
const HANDED_OVER = {
  d1: ', handOver: 10.4.0.1',
  d2: ', handOver: 10.4.0.2',
  local: 'local: { shared: 10.8.0.1, handOver: { vxlan: { id: 7 } } }',
};

test('shared local addresses are a list, or one', () => {
  expect(cluster(OWN).local.shared).toEqual([]);
  expect(cluster({ local: SHARED }).local.shared).toEqual([ipv4('10.8.0.1'), ipv4('10.8.0.2')]);
  expect(cluster({ local: 'local: { shared: 10.8.0.1 }' }).local.shared).toEqual([ipv4('10.8.0.1')]);
});

test.each<[string, Choices, readonly string[]]>([
  [
    'shared addresses that nobody announces',
    { announce: 'vip', local: SHARED },
    ['local.shared: no instance announces local; add local to the announce of the instance that is to'],
  ],
  [
    'a shared address that is a VIP, a server, of one director, or stands there twice',
    { ...OWN, local: 'local: { shared: [203.0.113.10, 10.2.0.21, 10.3.0.2, 10.8.0.1, 10.8.0.1] }' },
    [
      'local.shared.0: 203.0.113.10 is the VIP of service web',
      'local.shared.1: 10.2.0.21 is server r1 of service web',
      'local.shared.2: 10.3.0.2 is an address of director d2 already',
      'local.shared.4: 10.8.0.1 is shared already',
    ],
  ],
  [
    'a VIP inside without FullNAT',
    { ...OWN, web: ', inside: true' },
    [
      'services.web.inside: with forward: nat the servers answer clients on their own side directly, which take no such answer; use forward: fullnat',
    ],
  ],
  [
    'a VIP inside that nobody announces',
    { ...OWN, announce: 'vip', web: ', inside: true, forward: fullnat' },
    [
      ...['d1', 'd2'].map(
        (name) =>
          `directors.${name}.local: no instance announces local; add local to the announce of the instance that is to`,
      ),
      'services.web.inside: no instance announces local; add local to the announce of the instance on the servers’ side',
    ],
  ],
  [
    'one VIP on both sides',
    { ...OWN, web: ', inside: true, forward: fullnat', dnsVip: '203.0.113.10' },
    ['services.dns.inside: 203.0.113.10 is inside in service web, and outside here; a VIP is announced on one side'],
  ],
  [
    'FullNAT without a source address on every director',
    { d1: OWN.d1, web: ', forward: fullnat' },
    [
      'services.web.forward: fullnat needs a source address on every director, and director d2 has none; add local: [ADDRESS] to each, or local: { shared: [ADDRESS] } to the file',
    ],
  ],
  [
    'FullNAT without any',
    { announce: 'vip', web: ', forward: fullnat' },
    [
      'services.web.forward: fullnat needs a source address on every director, and directors d1, d2 have none; add local: [ADDRESS] to each, or local: { shared: [ADDRESS] } to the file',
    ],
  ],
  [
    'VIPs inside in an LSA that the area does not carry',
    { ...OWN, web: ', inside: true, forward: fullnat, announce: { lsa: nssa }' },
    [
      'services.web.announce.lsa: instance outside announces VIPs in a normal area (0.0.0.0), which carries no type 7 LSAs; use external or stub',
    ],
  ],
])('fault: %s', (_what, choices, expected) => {
  expect(faults(choices)).toEqual(expected);
});

test('more addresses than a last survivor could use', () => {
  const many = Array.from({ length: 1001 }, (_, i) => `10.9.${i >> 8}.${i & 255}`).join(', ');
  expect(faults({ local: `local: { shared: [${many}] }` })).toEqual([
    'local.shared: the file has 1001 local addresses; it may have 1000',
  ]);
});

test('FullNAT and inside are read', () => {
  for (const addresses of [OWN, HANDED_OVER]) {
    const [web, dns] = cluster({ ...addresses, web: ', forward: fullnat, inside: true' }).services;
    expect([web?.forward, web?.inside, dns?.forward, dns?.inside]).toEqual(['fullnat', true, 'nat', false]);
  }
});

test('services that are all inside need nobody to announce VIPs outside', () => {
  const inside = text({ ...OWN, announce: 'local', web: ', forward: fullnat, inside: true' });
  expect(parseCluster(inside.replace(/^ {2}dns.*\n/m, ''))).toHaveProperty('cluster');
});

test('changes are told', () => {
  const change = describeChanges(cluster(OWN), cluster({ ...OWN, web: ', forward: fullnat, inside: true' }));
  expect(change).toEqual(['service web: forward nat -> fullnat', 'service web: inside none -> true']);
  expect(describeChanges(cluster({ local: SHARED }), cluster({ local: 'local: { shared: 10.8.0.3 }' }))).toEqual([
    'local: shared 10.8.0.1 removed',
    'local: shared 10.8.0.2 removed',
    'local: shared 10.8.0.3 added',
  ]);
});
