/** Inside addresses in the cluster file. */
import { expect, test } from 'vitest';
import { formatFault } from '../../../src/core/base/fault.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { soundCluster } from './files.ts';

function text(d1: string, d2: string): string {
  return `cluster: edge-1
keys: { file: cluster.keys }
directors:
  d1: { routerId: 10.255.0.1, interfaces: { in0: eth1 }, local: 10.3.0.1, sync: 10.2.0.11${d1} }
  d2: { routerId: 10.255.0.2, interfaces: { in0: eth1 }, sync: 10.2.0.12${d2} }
routing: { instances: { all: { area: 0, announce: [vip, local], interfaces: { in0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 } }
`;
}

const inside = (address: string) => `, inside: ${address}`;

function faults(d1: string, d2: string): string[] {
  const parsed = parseCluster(text(d1, d2));
  return 'cluster' in parsed ? [] : parsed.faults.map((fault) => formatFault('', fault));
}

test('each director has its own, or none has', () => {
  const { directors } = soundCluster(text(inside('10.2.0.101'), inside('10.2.0.102')));
  expect(directors.map((director) => director.inside)).toEqual([ipv4('10.2.0.101'), ipv4('10.2.0.102')]);
  expect(soundCluster(text('', '')).directors[0]).not.toHaveProperty('inside', expect.anything());
  expect(faults(inside('10.2.0.101'), '')).toEqual([
    ':5:3: directors.d2: no inside address, and director d1 has one; add inside: ADDRESS',
  ]);
});

test.each([
  ['10.2.0.101', 'that of director d1'],
  ['10.2.0.11', 'where director d1 takes connections'],
  ['10.2.0.12', 'where director d2 takes connections'],
  ['10.255.0.1', 'the router id of director d1'],
  ['10.3.0.1', 'a local address of director d1'],
  ['10.2.0.21', 'server r1 of service web'],
  ['203.0.113.10', 'the VIP of service web'],
])('%s is taken: %s', (address, holder) => {
  const [fault, ...others] = faults(inside('10.2.0.101'), inside(address));
  expect(fault).toContain(`directors.d2.inside: ${address} is ${holder}; it moves to another director`);
  expect(others).toEqual([]);
});

test('what is no address is refused; a change is described', () => {
  expect(faults(inside('10.2.0'), inside('10.2.0.102'))[0]).toContain('directors.d1.inside: ');
  const [before, after] = ['10.2.0.101', '10.2.0.103'].map((one) =>
    soundCluster(text(inside(one), inside('10.2.0.102'))),
  );
  expect(describeChanges(before!, after!)).toEqual(['director d1: inside 10.2.0.101 -> 10.2.0.103']);
});
