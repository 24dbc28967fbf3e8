import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseOptions } from '../../../lab/demo/options.ts';
import { operatorsLines } from '../../../lab/runtimes/frr-beside-agent.ts';
import { FrrSpeakers, withRouters } from '../../../lab/runtimes/speaker.ts';
import { parseTopology } from '../../../lab/runtimes/topology.ts';
import { storyClaims } from '../../../lab/scenarios/frr-restart.ts';
import type { EventDocument } from '../../../src/api/documents.ts';

const TOPOLOGY = parseTopology(
  `
name: t
topology:
  nodes:
    r1: { kind: linux, labels: { sluice.role: router, sluice.root: frr } }
    r2: { kind: linux, labels: { sluice.role: router, sluice.root: bird } }
    d1: { kind: linux, labels: { sluice.role: director } }
`,
  't.clab.yml',
);

test('another release of FRR on the routers leaves the others alone', () => {
  const roots = (release: '8.4' | '10.3' | undefined) =>
    withRouters(TOPOLOGY, release).nodes.map(({ labels }) => labels['sluice.root']);
  expect(roots('10.3')).toEqual(['frr-10', 'bird', undefined]);
  expect(roots('8.4')).toEqual(['frr', 'bird', undefined]);
  expect(withRouters(TOPOLOGY, undefined)).toBe(TOPOLOGY);
});

test('a cluster file says who speaks and where vtysh is, the same for all directors, however often it is written', () => {
  const speakers = new FrrSpeakers('abc', '/var/tmp/run', '10.3');
  const text = 'cluster: c # the name\nrouting:\n  speaker: ospf\n  instances: {}\n';
  const once = speakers.clusterFile(text);
  expect(parse(once).routing).toEqual({ speaker: 'frr', frr: { vtysh: '/var/tmp/run/vtysh' }, instances: {} });
  expect(once).toContain('# the name');
  expect(speakers.clusterFile(once)).toBe(once);
});

test('the demo takes who speaks, and no one else', () => {
  expect(parseOptions(['--speaker', 'frr', '--frr', '8.4'])).toMatchObject({
    who: { speaker: 'frr', frr: '8.4', router: undefined },
  });
  expect(parseOptions(['--speaker', 'bgp'])).toEqual({ fault: '--speaker bgp: one of ospf, frr' });
});

test('of a running configuration, what does not carry the agent’s name is the operator’s', () => {
  const operators = [
    'hostname d1',
    'route-map OPERATOR permit 10',
    ' set metric 500',
    'exit',
    'ip route 198.18.64.0/24 Null0 tag 64',
    'router ospf',
    ' ospf router-id 10.255.0.1',
    'exit',
  ];
  const ours = [
    'route-map SLUICE-outside permit 1',
    ' match tag 1392508929',
    'exit',
    '!',
    'ip route 203.0.113.10/32 Null0 tag 1392508929',
    ' redistribute static route-map SLUICE-outside',
  ];
  const [statics, map] = [ours.slice(4, 5), ours.slice(0, 4)];
  const text = [...map, ...operators.slice(0, 5), ...statics, ...operators.slice(5, 7), ours[5], 'exit'].join('\n');
  expect(operatorsLines(text)).toEqual(operators);
});

const told = (seq: number, event: string, message?: string): EventDocument =>
  ({ seq, event, values: message === undefined ? {} : { message } }) as unknown as EventDocument;

test('the story of a restart has its order: what comes too early or not at all is not met', () => {
  const story = [
    told(1, 'speaker-fault', 'ospfd is not running: no such daemon is running'),
    told(2, 'vip-withdrawn'),
    told(3, 'speaker-fault', "FRR's configuration is not as it was left, and is mended by: router ospf"),
    told(4, 'speaker-fault', 'FRR answers again after 3.2 s (ospfd is not running)'),
    told(5, 'vip-announced'),
  ];
  const met = (events: readonly EventDocument[]) => storyClaims(events).map((claim) => claim.met);
  expect(met(story)).toEqual([true, true, true, true]);
  expect(met(story.slice(0, 4))).toEqual([true, true, true, false]);
  expect(met([story[4]!, ...story.slice(0, 4)])).toEqual([true, true, true, false]);
});
