import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { type CheckRequest, checkRunningConfig, type RouterCheck } from '../../../src/core/upstream/check.ts';
import { parseRunningConfig } from '../../../src/core/upstream/running-config.ts';
import { parseRouter } from '../../../src/core/upstream/settings.ts';
import { THOROUGH } from '../../sizes.ts';
import { anyUnit } from '../../text.ts';
import { CASES, clusterOf } from './cases.ts';

const P2P = clusterOf(CASES.find(({ name }) => name === 'p2p')!.cluster);

/** As FRR prints what `sluice upstream` wrote. */
const GOOD = `Building configuration...

Current configuration:
!
frr version 8.4.4
frr defaults traditional
hostname r1
no zebra nexthop kernel enable
!
interface eth2
 ip ospf area 0.0.0.0
 ip ospf dead-interval 4
 ip ospf hello-interval 1
 ip ospf network point-to-point
exit
!
router ospf
 ospf router-id 10.255.1.1
 maximum-paths 16
 capability opaque
 graceful-restart helper enable
 default-information originate always
exit
!
end
`;

function check(text: string, request: CheckRequest = {}, cluster = P2P): RouterCheck {
  const checked = checkRunningConfig(text, cluster, request);
  if ('fault' in checked) throw new Error(checked.fault);
  return checked;
}

function found(text: string, request?: CheckRequest, cluster = P2P): string[] {
  return check(text, request, cluster).findings.map(
    ({ severity, line, found, add }) =>
      `${line ?? '-'} ${severity}: ${found}${add.length === 0 ? '' : ` + ${add.join(' /')}`}`,
  );
}

const without = (line: string) => GOOD.replace(`${line}\n`, '');

test('what sluice upstream wrote lacks nothing', () => {
  expect(check(GOOD)).toEqual({ dialect: 'frr', version: 8.4, interfaces: ['eth2'], findings: [] });
});

// What `show running-config` of these releases printed in the lab: with our own configuration, and as an operator might have it.
describe.each(['8.4', '10.3'])('FRR %s, captured', (version) => {
  const captured = (name: string) =>
    readFileSync(join(projectRoot, `test/vectors/frr/${name}-${version}.conf`), 'utf8');

  test('ours lacks nothing', () => {
    expect(check(captured('running'))).toMatchObject({
      version: Number(version),
      interfaces: ['eth2', 'eth3'],
      findings: [],
    });
  });

  test('a stock one', () => {
    const text = captured('running-stock');
    expect(found(text).map((one) => one.split(' + ')[0])).toEqual([
      '- dangerous: `no zebra nexthop kernel enable` is not there',
      '34 dangerous: at most 2 next hops of a route, and 3 directors',
      '35 dangerous: `mpls-te on`',
      '17 missing: eth2: network broadcast (the usual), the cluster file has point-to-point',
      '17 missing: eth2: hello 10000 ms, dead 40000 ms; the cluster file has 1000 ms, 4000 ms',
      '19 missing: eth2: authentication message-digest, the cluster file has none',
      '30 missing: no help for directors that restart (RFC 3623)',
      '30 missing: no opaque LSAs',
      '30 advice: directors get no default route from here',
      '33 advice: the first SPF run waits 1000 ms',
    ]);
    expect(JSON.stringify(check(text))).not.toContain('s3cret');
  });
});

describe('FRR: a finding has its line, and the lines to add', () => {
  test('next-hop groups of zebra', () => {
    expect(found(without('no zebra nexthop kernel enable'))).toEqual([
      '- dangerous: `no zebra nexthop kernel enable` is not there + no zebra nexthop kernel enable',
    ]);
  });

  test('timers: missing ones are those of RFC 2328', () => {
    expect(found(without(' ip ospf hello-interval 1'))).toEqual([
      '12 missing: eth2: hello 10000 ms, dead 4000 ms; the cluster file has 1000 ms, 4000 ms + interface eth2 / ip ospf hello-interval 1 / ip ospf dead-interval 4',
    ]);
  });

  test('several hellos per second are no hello of a second', () => {
    const text = GOOD.replace('dead-interval 4', 'dead-interval minimal hello-multiplier 4');
    expect(found(text)[0]).toContain('eth2: hello 250 ms, dead 1000 ms');
  });

  test('the network type', () => {
    expect(found(without(' ip ospf network point-to-point'))).toEqual([
      '10 missing: eth2: network broadcast (the usual), the cluster file has point-to-point + interface eth2 / ip ospf network point-to-point',
    ]);
  });

  test('help for directors that restart, and the opaque LSAs in which they ask for it', () => {
    expect(found(without(' graceful-restart helper enable'))).toEqual([
      '17 missing: no help for directors that restart (RFC 3623) + router ospf / graceful-restart helper enable',
    ]);
    const silent = without(' capability opaque');
    expect(found(silent)).toEqual(['17 missing: no opaque LSAs + router ospf / capability opaque']);
    expect(found(silent.replace('8.4.4', '10.3'))).toHaveLength(1);
  });

  test('too few next hops', () => {
    expect(found(GOOD.replace('maximum-paths 16', 'maximum-paths 2'))).toEqual([
      '19 dangerous: at most 2 next hops of a route, and 3 directors + router ospf / maximum-paths 16',
    ]);
  });

  test('the router id of a director, max-metric, mpls-te, no forwarding: the dangerous first', () => {
    const text = GOOD.replace('10.255.1.1', '10.255.0.2')
      .replace(' capability opaque', ' capability opaque\n max-metric router-lsa administrative\n mpls-te on')
      .replace('hostname r1', 'hostname r1\nno ip forwarding')
      .replace(' default-information originate always\n', '');
    expect(found(text).map((one) => one.split(' + ')[0])).toEqual([
      '8 dangerous: `no ip forwarding`',
      '19 dangerous: router id 10.255.0.2 is that of director d2',
      '22 dangerous: the router says of itself that nobody should go through it',
      '23 dangerous: `mpls-te on`',
      '18 advice: directors get no default route from here',
    ]);
  });

  test('an area of another type', () => {
    expect(found(GOOD.replace(' maximum-paths 16', ' area 0 nssa'))).toContain(
      '19 missing: area 0.0.0.0 is nssa here and normal in the cluster file + router ospf / no area 0.0.0.0 nssa',
    );
  });

  test('no OSPF in the area, a passive interface, no OSPF at all', () => {
    expect(found(GOOD.replace('area 0.0.0.0', 'area 1'))[0]).toMatch(
      /no interface is seen to speak OSPF in area 0.0.0.0/,
    );
    const named: CheckRequest = { router: routerOf('r1/10.255.1.1/eth2,eth7') };
    expect(found(GOOD.replace('area 0.0.0.0', 'area 0.0.0.0\n ip ospf passive'), named)).toEqual([
      '- missing: there is no interface eth7 + interface eth7 / ip ospf area 0.0.0.0',
      '12 missing: eth2 is passive + interface eth2 / no ip ospf passive',
    ]);
    expect(found('hostname r1\nno zebra nexthop kernel enable\n')).toEqual([
      '- missing: there is no `router ospf` + router ospf',
    ]);
  });

  test('FRR directors need a router that takes two LSAs within a second', () => {
    const speaker = clusterOf(CASES.find(({ name }) => name === 'speaker-frr')!.cluster);
    expect(found(GOOD, {}, speaker)).toEqual([
      '17 missing: LSAs that come within 1000 ms of the last are dropped + router ospf / timers lsa min-arrival 0',
    ]);
    expect(found(GOOD.replace(' maximum-paths 16', ' timers lsa min-arrival 0'), {}, speaker)).toEqual([]);
  });

  test('authentication: another kind, another key', () => {
    const lan = clusterOf(CASES.find(({ name }) => name === 'lan-md5-bfd')!.cluster);
    const text = GOOD.replace('network point-to-point', 'network broadcast');
    expect(found(text, {}, lan)).toEqual([
      '10 missing: eth2: authentication none, the cluster file has md5 + interface eth2 / ip ospf authentication message-digest',
    ]);
    const keyed = text.replace(
      'area 0.0.0.0',
      'area 0.0.0.0\n ip ospf authentication message-digest\n ip ospf message-digest-key 7 md5 hidden',
    );
    const [finding] = check(keyed, {}, lan).findings;
    expect(finding).toMatchObject({ line: 13, found: 'eth2: no message-digest-key 1' });
    expect(JSON.stringify(finding)).not.toContain('hidden');
  });

  test('BFD, where it is asked for', () => {
    const request = { options: { bfd: { interval: 50, multiplier: 3 } } };
    expect(found(GOOD, request)).toEqual(['10 missing: eth2: no BFD + interface eth2 / ip ospf bfd']);
  });
});

function routerOf(text: string) {
  const request = parseRouter(text);
  if ('fault' in request) throw new Error(request.fault);
  return request;
}

describe('those that look like Cisco', () => {
  const IOS = `Current configuration : 1500 bytes
version 17.3
interface GigabitEthernet0/1
 ip address 10.1.1.1 255.255.255.252
 ip ospf network point-to-point
 ip ospf hello-interval 1
 ip ospf dead-interval 4
router ospf 1
 router-id 10.255.1.1
 network 10.1.0.0 0.0.255.255 area 0
 default-information originate always
end
`;

  test('IOS takes four next hops unless told; an area comes from `network` and the address', () => {
    expect(check(IOS)).toMatchObject({ dialect: 'ios', interfaces: ['GigabitEthernet0/1'], findings: [] });
    const [d1] = P2P.directors;
    const many = { ...P2P, directors: [1, 2, 3, 4, 5].map((n) => ({ ...d1!, name: `d${n}`, routerId: n })) };
    expect(found(IOS, {}, many)).toEqual([
      '8 dangerous: at most 4 next hops of a route (the usual), and 5 directors + router ospf 1 / maximum-paths 16',
    ]);
  });

  test('NX-OS and EOS by their own words', () => {
    const nxos = IOS.replace(
      /^.*\nversion 17.3/,
      '!Command: show running-config\nversion 9.3(5)\nfeature ospf',
    ).replace(' network 10.1.0.0 0.0.255.255 area 0', ' graceful-restart helper-disable');
    const text = nxos.replace(' ip ospf network', ' ip router ospf 1 area 0.0.0.0\n ip ospf network');
    expect(check(text).dialect).toBe('nxos');
    expect(found(text)).toEqual([
      '12 missing: no help for directors that restart (RFC 3623) + router ospf 1 / no graceful-restart helper-disable',
    ]);
    const eos = IOS.replace(/^.*\nversion 17.3/, '! device: leaf1 (DCS-7050, EOS-4.28.3M)');
    expect(check(eos).dialect).toBe('eos');
    expect(found(eos)).toEqual([]);
    expect(found(eos.replace(' default-information', ' no graceful-restart-helper\n default-information'))).toEqual([
      '10 missing: no help for directors that restart (RFC 3623) + router ospf 1 / graceful-restart-helper',
    ]);
  });
});

test('what is no configuration is said to be none', () => {
  expect(checkRunningConfig('% Unknown command.\n', P2P, {})).toEqual({
    fault: 'this is no running configuration of FRR, IOS, NX-OS or EOS',
  });
});

test('no text makes it throw, nor any lines of a real one in any order', () => {
  const anyText = fc.string({ unit: anyUnit, maxLength: 200 });
  const lines = fc.shuffledSubarray([
    ...GOOD.split('\n'),
    'interface ',
    ' ip ospf area',
    'router ospf',
    'network 1/99 area x',
  ]);
  const noise = fc.array(fc.tuple(fc.constantFrom(...GOOD.split('\n')), fc.string({ maxLength: 12 })), {
    maxLength: 30,
  });
  const broken = noise.map((pairs) => pairs.map(([line, more]) => `${line}${more}`).join('\n'));
  fc.assert(
    fc.property(
      fc.oneof(
        anyText,
        lines.map((all) => all.join('\n')),
        broken,
      ),
      (text) => {
        const { findings = [] } = checkRunningConfig(text, P2P, {}) as Partial<RouterCheck>;
        const last = text.split('\n').length;
        for (const { line } of findings) expect(line === null || (line >= 1 && line <= last)).toBe(true);
        parseRunningConfig(text, 'nxos');
      },
    ),
    { numRuns: THOROUGH ? 60 : 20 },
  );
});
