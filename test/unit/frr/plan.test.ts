/** What FRR is told, as listings. */
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { type FrrConfig, NOTHING, parseRunningConfig } from '../../../src/core/frr/config.ts';
import type { FrrPrefix, InstanceWish } from '../../../src/core/frr/instance.ts';
import { type FrrPlan, plan } from '../../../src/core/frr/plan.ts';
import { asAnnounced, numbersIn, prefixesIn, wishedObjects } from '../../../src/core/frr/wish.ts';
import { AS_STUB } from '../../../src/core/model/routing.ts';
import { VERSIONS, vectorText } from './vectors.ts';

const OPERATOR = `
frr version 10.3
hostname d1
!
route-map OPERATOR permit 10
 match interface eth9
exit
!
ip route 198.51.100.0/24 Null0
ip route 198.51.100.7/32 Null0 tag 77 250
!
interface eth1
 ip ospf area 0.0.0.0
exit
!
router ospf
 ospf router-id 10.255.0.1
exit
!
end
`;

function vip(address: string, metric: number, lsa: FrrPrefix['lsa'] = AS_STUB): FrrPrefix {
  return asAnnounced(stub(address, metric, lsa), 'external');
}

/** Where the file asks for stub links. */
function stub(address: string, metric: number, lsa: FrrPrefix['lsa'] = AS_STUB): FrrPrefix {
  return { prefix: { address: ipv4(address), length: 32 }, metric, lsa };
}

function outside(...prefixes: FrrPrefix[]): InstanceWish {
  return { name: 'outside', process: '', area: 0, prefixes };
}

function listed({ blocks, problems }: FrrPlan): string {
  const lines = blocks.flatMap(([head, ...rest]) => [
    head!,
    ...rest.map((line) => (line === 'exit' ? line : ` ${line}`)),
  ]);
  return [...lines, ...problems.map((problem) => `! ${problem}`)].join('\n');
}

function wish(config: FrrConfig, ...instances: InstanceWish[]) {
  return wishedObjects(
    instances,
    numbersIn(
      config,
      instances.map(({ name }) => name),
    ),
  ).objects;
}

/** The configuration after the wish came true in an FRR that had nothing of ours. */
function having(...instances: InstanceWish[]): FrrConfig {
  const before = parseRunningConfig(OPERATOR);
  return { ...before, ...wish(before, ...instances) };
}

test('the first prefixes: clauses, redistribution, then the routes', () => {
  const config = parseRunningConfig(OPERATOR);
  const external = vip('203.0.113.12', 20, { kind: 'external', metricType: 2, tag: 7 });
  const wanted = outside(vip('203.0.113.10', 10), vip('203.0.113.11', 10), external);
  expect(listed(plan(wish(config, wanted), config))).toBe(`route-map SLUICE-outside permit 1
 match tag 1392508929
 set metric 10
 set metric-type type-1
exit
route-map SLUICE-outside permit 2
 match tag 1392508930
 set metric 20
 set metric-type type-2
 set tag 7
exit
router ospf
 redistribute static route-map SLUICE-outside
exit
ip route 203.0.113.10/32 Null0 tag 1392508929
ip route 203.0.113.11/32 Null0 tag 1392508929
ip route 203.0.113.12/32 Null0 tag 1392508930`);
});

describe('what is there already', () => {
  const there = having(outside(vip('203.0.113.10', 10), vip('203.0.113.11', 10)));

  test('nothing is to be done where all is as it should be', () => {
    expect(plan(there, there)).toEqual({ blocks: [], problems: [] });
    expect(plan(wish(there, outside(vip('203.0.113.11', 10), vip('203.0.113.10', 10))), there).blocks).toEqual([]);
  });

  test('a metric that another prefix had before is one line', () => {
    const twice = having(outside(vip('203.0.113.10', 10), vip('203.0.113.11', 60_010)));
    const wanted = outside(vip('203.0.113.10', 60_010), vip('203.0.113.11', 60_010));
    expect(listed(plan(wish(twice, wanted), twice))).toBe('ip route 203.0.113.10/32 Null0 tag 1392508930');
  });

  test('a prefix that goes is one line, and so is one that comes', () => {
    const wanted = outside(vip('203.0.113.10', 10), vip('203.0.113.12', 10));
    expect(listed(plan(wish(there, wanted), there))).toBe(`ip route 203.0.113.12/32 Null0 tag 1392508929
no ip route 203.0.113.11/32 Null0 tag 1392508929`);
  });

  test('the end: redistribution, which withdraws all at once, then routes and route-map', () => {
    expect(listed(plan(NOTHING, there))).toBe(`router ospf
 no redistribute static route-map SLUICE-outside
exit
no ip route 203.0.113.10/32 Null0 tag 1392508929
no ip route 203.0.113.11/32 Null0 tag 1392508929
no route-map SLUICE-outside`);
  });

  test('an edited route-map is mended: what is too much goes, and each clause is written whole', () => {
    const lines = ['match tag 1392508929', 'match ip address prefix-list NONE', 'set metric 99'];
    const edited = new Map([
      [
        'SLUICE-outside',
        new Map([
          [1, { action: 'permit', lines }],
          [5, { action: 'deny', lines: [] }],
        ]),
      ],
    ]);
    expect(listed(plan(there, { ...there, routeMaps: edited }))).toBe(`no route-map SLUICE-outside deny 5
route-map SLUICE-outside permit 1
 no match ip address prefix-list NONE
 no set metric 99
 match tag 1392508929
 set metric 10
 set metric-type type-1
exit`);
  });

  test('an ospfd that lost its part of the configuration gets the whole route-map, whatever other daemons show of it', () => {
    const lost = { ...there, redistribute: new Map<string, string>() };
    expect(listed(plan(there, lost))).toBe(`route-map SLUICE-outside permit 1
 match tag 1392508929
 set metric 10
 set metric-type type-1
exit
router ospf
 redistribute static route-map SLUICE-outside
exit`);
    const theirs = { ...lost, foreignRedistribution: new Map([['', 'redistribute static metric 5']]) };
    expect(plan(there, theirs).blocks).toEqual([]);
  });

  test('a route of ours that was turned elsewhere is ours still', () => {
    const line = 'ip route 203.0.113.10/32 10.0.0.9 tag 1392508929';
    const turned = { ...there, statics: new Set([...there.statics, line]) };
    expect(listed(plan(there, turned))).toBe(`no ${line}`);
  });
});

test('two instances, each its own process; a prefix of both is one route with a clause in each', () => {
  const config = parseRunningConfig(
    `${OPERATOR}\nrouter ospf 1\n ospf router-id 10.255.0.1\nexit\nrouter ospf 2\nexit\n`,
  );
  const both: InstanceWish[] = [
    { name: 'outside', process: '1', area: 0, prefixes: [vip('203.0.113.10', 10), vip('203.0.113.11', 10)] },
    { name: 'inside', process: '2', area: 1, prefixes: [vip('203.0.113.10', 30)] },
  ];
  expect(listed(plan(wish(config, ...both), config))).toBe(`route-map SLUICE-outside permit 1
 match tag 1392508929
 set metric 10
 set metric-type type-1
exit
route-map SLUICE-outside permit 2
 match tag 1392508930
 set metric 10
 set metric-type type-1
exit
route-map SLUICE-inside permit 1
 match tag 1392508929
 set metric 30
 set metric-type type-1
exit
router ospf 1
 redistribute static route-map SLUICE-outside
exit
router ospf 2
 redistribute static route-map SLUICE-inside
exit
ip route 203.0.113.10/32 Null0 tag 1392508929
ip route 203.0.113.11/32 Null0 tag 1392508930`);
});

test('without a router ospf, or with static routes of the operator in it, nothing is forced', () => {
  const wanted = outside(vip('203.0.113.10', 10));
  const none = parseRunningConfig('frr version 8.4.4\n');
  expect(plan(wish(none, wanted), none).problems).toEqual([
    'FRR has no "router ospf": its configuration is the operator\'s (frr-templates/director)',
  ]);
  const routed = parseRunningConfig('router ospf\n ospf router-id 10.255.0.1\nip route 203.0.113.10/32 10.0.0.9\n');
  expect(plan(wish(routed, wanted), routed).problems).toEqual([
    "FRR has a static route to 203.0.113.10/32 of the operator's, which stays as it is",
  ]);
  expect(plan(wish(routed, wanted), routed).blocks.flat()).not.toContain(
    'ip route 203.0.113.10/32 Null0 tag 1392508929',
  );
  const theirs = parseRunningConfig('router ospf\n redistribute static metric 5\nexit\n');
  expect(plan(wish(theirs, wanted), theirs).problems).toEqual([
    '"router ospf" has "redistribute static metric 5" already, and takes no second one; announce those routes otherwise',
  ]);
});

describe.each(VERSIONS)('the configuration of FRR %s', (version) => {
  const config = parseRunningConfig(vectorText(version, 'running-config.txt'));

  test('ours and the operator’s are told apart', () => {
    expect(config.version).toMatch(version);
    expect([...config.statics]).toEqual(['ip route 203.0.113.10/32 Null0 tag 1392508929']);
    expect([...config.redistribute]).toEqual([['', 'SLUICE-outside']]);
    expect([...config.routeMaps.keys()]).toEqual(['SLUICE-outside']);
    expect(config.foreign).toContain('ip route 198.51.100.0/24 Null0');
    expect(config.foreign).toContain('route-map OPERATOR permit 10');
    expect(config.foreign.join()).not.toContain('SLUICE');
  });

  test('what an earlier agent left is taken up as it is', () => {
    const same = outside(vip('203.0.113.10', 10, { kind: 'external', metricType: 1, tag: 7 }));
    expect(plan(wish(config, same), config).blocks).toEqual([]);
  });
});

describe('stub links', () => {
  const both = outside(stub('203.0.113.10', 10), stub('203.0.113.11', 10));
  const there = having(both);

  test('the first: what says how an address is announced comes before it', () => {
    const config = parseRunningConfig(OPERATOR);
    expect(listed(plan(wish(config, both), config))).toBe(`interface sluice-vips
 ip ospf area 0.0.0.0
 ip ospf passive
 ip ospf cost 10 203.0.113.10
 ip ospf cost 10 203.0.113.11
 ip address 203.0.113.10/32
 ip address 203.0.113.11/32
exit`);
  });

  test('another metric is one line; one that goes takes its cost along', () => {
    const drained = outside(stub('203.0.113.10', 60_010), stub('203.0.113.11', 10));
    expect(listed(plan(wish(there, drained), there))).toBe(`interface sluice-vips
 ip ospf cost 60010 203.0.113.10
exit`);
    expect(listed(plan(wish(there, outside(stub('203.0.113.11', 10))), there))).toBe(`interface sluice-vips
 no ip address 203.0.113.10/32
 no ip ospf cost 10 203.0.113.10
exit`);
  });

  test('each process has its interface; what stands in one without use goes', () => {
    const config = parseRunningConfig(
      `${OPERATOR}\nrouter ospf 2\nexit\ninterface sluice-vips1\n ip ospf 1 area 0.0.0.0\nexit\n`,
    );
    const inside = { name: 'inside', process: '2', area: ipv4('0.0.0.7'), prefixes: [stub('203.0.113.10', 7)] };
    expect(listed(plan(wish(config, inside), config))).toBe(`interface sluice-vips2
 ip ospf 2 area 0.0.0.7
 ip ospf passive
 ip ospf cost 7 203.0.113.10
 ip address 203.0.113.10/32
exit
interface sluice-vips1
 no ip ospf 1 area 0.0.0.0
exit`);
  });

  test('what an earlier agent left is read again, with the metrics', () => {
    expect(prefixesIn(there, outside())).toEqual([stub('203.0.113.10', 10), stub('203.0.113.11', 10)]);
    const text = `interface sluice-vips\n ip address 203.0.113.10/32\n ip ospf area 0.0.0.0\n ip ospf cost 12 203.0.113.10\nexit\n`;
    const config = parseRunningConfig(text);
    expect([prefixesIn(config, outside()), config.foreign]).toEqual([[stub('203.0.113.10', 12)], []]);
  });
});
