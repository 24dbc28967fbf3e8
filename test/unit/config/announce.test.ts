/** Areas, forms of announcement, and the directors' own addresses in the cluster file. */
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { faultLines, soundCluster } from './files.ts';

interface Choices {
  readonly area?: string;
  readonly announce?: string;
  readonly local?: string;
  readonly web?: string;
  readonly dns?: string;
}

function text({ area = '0.0.0.0', announce = '[vip]', local = '', web = '{}', dns = '{}' }: Choices): string {
  return `cluster: edge-1
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 }${local} }, d2: { routerId: 10.255.0.2, interfaces: { up0: eth1 } } }
routing: { instances: { outside: { area: ${area}, announce: ${announce}, interfaces: { up0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 }, announce: ${web} }
  dns: { vip: 203.0.113.10, ports: 53, servers: { r1: 10.2.0.21 }, announce: ${dns} }
`;
}

const faults = (choices: Choices) => faultLines(text(choices));

const cluster = (choices: Choices) => soundCluster(text(choices));

const NSSA = '{ id: 0.0.0.1, type: nssa }';
const STUB = '{ id: 1, type: stub }';

test('an area is an id, or an id with a type', () => {
  const area = (written: string) => {
    const { area: id, areaType } = cluster({ area: written }).routing.instances[0]!;
    return [id, areaType];
  };
  expect(area('0.0.0.7')).toEqual([7, 'normal']);
  expect(area('{ id: 7 }')).toEqual([7, 'normal']);
  expect(area(STUB)).toEqual([1, 'stub']);
  expect(area(NSSA)).toEqual([1, 'nssa']);
});

test('a VIP is a stub link, or an LSA of its own of type E1 without a tag unless the file says more', () => {
  const lsa = (web: string, area?: string) =>
    cluster({ web, dns: web, ...(area && { area }) }).services[0]!.announce.lsa;
  expect(lsa('{}')).toEqual({ kind: 'stub' });
  expect(lsa('{ lsa: external }')).toEqual({ kind: 'external', metricType: 1, tag: 0 });
  expect(lsa('{ lsa: external, metricType: E2, tag: 4294967295 }')).toMatchObject({ metricType: 2, tag: 4294967295 });
  expect(lsa('{ lsa: nssa, metric: 59999 }', NSSA)).toEqual({ kind: 'nssa', metricType: 1, tag: 0 });
});

test('a director’s own addresses are a list, or one', () => {
  const own = (local: string) =>
    cluster({ local, announce: '[vip, local]' }).directors.map((director) => director.local);
  expect(own(', local: 10.3.0.1')).toEqual([[ipv4('10.3.0.1')], []]);
  expect(own(', local: [10.3.0.1, 10.3.0.2]')).toEqual([[ipv4('10.3.0.1'), ipv4('10.3.0.2')], []]);
});

describe('faults', () => {
  const both = (announce: string) => ({ web: announce, dns: announce });
  test.each<[string, Choices, readonly string[]]>([
    [
      'the backbone as a stub area',
      { area: '{ id: 0, type: stub }' },
      ['routing.instances.outside.area.type: area 0.0.0.0 is the backbone, which is never a stub area'],
    ],
    [
      'an unknown type',
      { area: '{ id: 1, type: totally-stub }' },
      ['routing.instances.outside.area.type: expected normal, stub or nssa, got "totally-stub"'],
    ],
    [
      'external in a stub area',
      { area: STUB, web: '{ lsa: external }', dns: '{ lsa: external }' },
      ['web', 'dns'].map(
        (name) =>
          `services.${name}.announce.lsa: instance outside announces VIPs in a stub area (0.0.0.1), which carries no type 5 LSAs; use stub`,
      ),
    ],
    [
      'external in an NSSA',
      { area: NSSA, web: '{ lsa: external }' },
      [
        'services.web.announce.lsa: instance outside announces VIPs in an NSSA (0.0.0.1), which carries no type 5 LSAs; use nssa or stub',
        'services.dns.announce.lsa: 203.0.113.10 has lsa external in service web, and stub here; a VIP has one lsa',
      ],
    ],
    [
      'nssa outside an NSSA',
      both('{ lsa: nssa }'),
      ['web', 'dns'].map(
        (name) =>
          `services.${name}.announce.lsa: instance outside announces VIPs in a normal area (0.0.0.0), which carries no type 7 LSAs; use external or stub`,
      ),
    ],
    [
      'one VIP in two forms',
      { web: '{ lsa: external, tag: 1 }', dns: '{ lsa: external, metricType: E2 }' },
      [
        'services.dns.announce.tag: 203.0.113.10 has tag 1 in service web, and 0 here; a VIP has one tag',
        'services.dns.announce.metricType: 203.0.113.10 has metricType E1 in service web, and E2 here; a VIP has one metricType',
      ],
    ],
    [
      'a tag on a stub link',
      { web: '{ tag: 7, metricType: E1 }' },
      ['tag', 'metricType'].map(
        (key) => `services.web.announce.${key}: a stub link has none; lsa: external or nssa has`,
      ),
    ],
    [
      'a metric that leaves no room to drain, as a stub link',
      both('{ metric: 6000 }'),
      ['web', 'dns'].map(
        (name) =>
          `services.${name}.announce.metric: 6000 is too much for lsa: stub, at most 5535; a draining director adds 60000, and a stub link has 16 bits`,
      ),
    ],
    [
      'a metric that a draining director cannot be told by',
      { ...both('{ lsa: external, metric: 60000 }') },
      ['web', 'dns'].map(
        (name) =>
          `services.${name}.announce.metric: expected a metric, a whole number from 1 to 59999, got 60000; a draining director adds 60000`,
      ),
    ],
    [
      'own addresses that nobody announces',
      { local: ', local: 10.3.0.1' },
      ['directors.d1.local: no instance announces local; add local to the announce of the instance that is to'],
    ],
    [
      'the class without addresses',
      { announce: '[vip, local]' },
      ['routing.instances.outside.announce.1: no director has local addresses; add local: [ADDRESS] to them'],
    ],
    [
      'an own address that is a VIP, a server, or stands there twice',
      { announce: '[vip, local]', local: ', local: [203.0.113.10, 10.2.0.21, 10.3.0.1, 10.3.0.1]' },
      [
        'directors.d1.local.0: 203.0.113.10 is the VIP of service web',
        'directors.d1.local.1: 10.2.0.21 is server r1 of service web',
        'directors.d1.local.3: 10.3.0.1 is an address of director d1 already',
      ],
    ],
    [
      'an instance for the own addresses alone, and none for the VIPs',
      { announce: 'local', local: ', local: 10.3.0.1' },
      ['routing.instances: no instance announces vip'],
    ],
  ])('%s', (_what, choices, expected) => {
    expect(faults(choices)).toEqual(expected);
  });
});

test('changes are told', () => {
  const before = { announce: '[vip, local]', local: ', local: 10.3.0.1', area: '1' };
  const after = {
    ...before,
    local: ', local: 10.3.0.2',
    area: NSSA,
    web: '{ lsa: nssa, tag: 7 }',
    dns: '{ lsa: nssa, tag: 7 }',
  };
  expect(describeChanges(cluster(before), cluster(after))).toEqual([
    'director d1: local 10.3.0.1 removed',
    'director d1: local 10.3.0.2 added',
    'routing outside: areaType normal -> nssa (every adjacency of this instance starts over)',
    'service web: lsa stub -> nssa E1 tag 7',
    'service dns: lsa stub -> nssa E1 tag 7',
  ]);
});
