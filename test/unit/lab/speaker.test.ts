import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseOptions } from '../../../lab/demo/options.ts';
import { FrrSpeakers, withRouters } from '../../../lab/runtimes/speaker.ts';
import { parseTopology } from '../../../lab/runtimes/topology.ts';

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
