/** The hand-over of answers to shared local addresses in the cluster file. */
import { expect, test } from 'vitest';
import { formatFault } from '../../../src/core/base/fault.ts';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { soundCluster } from './files.ts';

interface Choices {
  readonly d1?: string;
  readonly d2?: string;
  readonly links1?: string;
  readonly links2?: string;
  readonly inside?: string;
  readonly shared?: string;
  readonly handOver?: string;
  readonly forward?: string;
}

const D1 = ', handOver: 10.4.0.1';
const D2 = ', handOver: 10.4.0.2';

function text({
  d1 = D1,
  d2 = D2,
  links1 = ', y0: eth9',
  links2 = ', y0: eth7',
  inside = 'in0',
  shared = 'shared: 10.8.0.1',
  handOver = 'handOver: y0',
  forward = 'nat',
}: Choices): string {
  const local = [shared, handOver].filter((part) => part !== '').join(', ');
  return `cluster: edge-1
directors:
  d1: { routerId: 10.255.0.1, interfaces: { in0: eth1${links1} }${d1} }
  d2: { routerId: 10.255.0.2, interfaces: { in0: eth1${links2} }${d2} }
local: { ${local} }
routing: { instances: { all: { area: 0, announce: [vip, local], interfaces: { ${inside}: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 }, forward: ${forward} }
`;
}

function faults(choices: Choices): string[] {
  const parsed = parseCluster(text(choices));
  return 'cluster' in parsed ? [] : parsed.faults.map((fault) => formatFault('', fault));
}

const cluster = (choices: Choices) => soundCluster(text(choices));

test('over an interface', () => {
  const { local, directors } = cluster({});
  expect(local.handOver).toEqual({ kind: 'segment', alias: 'y0' });
  expect(directors.map(({ handOver }) => handOver)).toEqual([ipv4('10.4.0.1'), ipv4('10.4.0.2')]);
});

test('by tunnels', () => {
  const bare = { links1: '', links2: '' };
  expect(cluster({ ...bare, handOver: 'handOver: { vxlan: { id: 7 } }' }).local.handOver).toEqual({
    kind: 'vxlan',
    id: 7,
    port: 4789,
    mtu: undefined,
  });
  const full = 'handOver: { vxlan: { id: 7, port: 8472, mtu: 1400 } }';
  expect(cluster({ ...bare, handOver: full }).local.handOver).toEqual({ kind: 'vxlan', id: 7, port: 8472, mtu: 1400 });
});

test('none, where nobody shares an address', () => {
  expect(cluster({ d1: ', local: 10.3.0.1', d2: '', shared: '', handOver: '' }).local.handOver).toBeUndefined();
});

test.each<[string, Choices, readonly string[]]>([
  [
    'nothing shared',
    { shared: '', d1: `${D1}, local: 10.3.0.1` },
    [':5:10: local.handOver: there is nothing to hand over; it is for local.shared, and for snat'],
  ],
  [
    'a director without an address',
    { d2: '' },
    [':4:3: directors.d2: no address at which answers are handed over to it; add handOver: ADDRESS'],
  ],
  [
    'addresses that nobody needs',
    { handOver: '' },
    [
      ':3:68: directors.d1.handOver: nothing is handed over in this cluster; add handOver to local, or remove it here',
      ':4:68: directors.d2.handOver: nothing is handed over in this cluster; add handOver to local, or remove it here',
    ],
  ],
  [
    'shared addresses that are used, by more than one director',
    { d1: '', d2: '', handOver: '', forward: 'fullnat' },
    [
      ':5:10: local.shared: an answer to a shared address meets any director, and nothing brings it to the one that knows it; add handOver: ALIAS of an interface between the directors, or handOver: { vxlan: { id: N } }, to local',
    ],
  ],
  ['one address for two', { d2: D1 }, [':4:78: directors.d2.handOver: 10.4.0.1 is that of director d1']],
  [
    'an address that is something else',
    { d1: ', handOver: 10.8.0.1', d2: ', handOver: 10.2.0.21' },
    [
      ':3:78: directors.d1.handOver: 10.8.0.1 is a shared local address',
      ':4:78: directors.d2.handOver: 10.2.0.21 is server r1 of service web',
    ],
  ],
  [
    'an alias that nobody has',
    { links1: ', y1: eth9', links2: '' },
    [':5:38: local.handOver: no director has an interface with the alias y0; did you mean "y1"?'],
  ],
  [
    'an alias that one director has not',
    { links2: '' },
    [':4:31: directors.d2.interfaces: no interface with the alias y0, which local.handOver uses; add y0: DEVICE'],
  ],
  [
    'lo',
    { links2: ', y0: lo' },
    [':4:60: directors.d2.interfaces.y0: answers are handed over by this one, and lo leads nowhere'],
  ],
  [
    'the interface by which the answers come',
    { handOver: 'handOver: in0' },
    [
      ':5:38: local.handOver: answers come in by in0 itself, where instance all announces local: none would be handed over; use an interface of its own, or vxlan',
    ],
  ],
  [
    'a VXLAN without its identifier, another port than there is',
    { handOver: 'handOver: { vxlan: { port: 0 } }' },
    [
      ':5:40: local.handOver.vxlan.id: missing',
      ':5:55: local.handOver.vxlan.port: expected a port, a whole number from 1 to 65535, got 0',
    ],
  ],
  [
    'something else',
    { handOver: 'handOver: [y0]' },
    [
      ':5:38: local.handOver: expected a name, got a list; letters, digits, - and _, at most 31, beginning with a letter',
    ],
  ],
])('fault: %s', (_what, choices, expected) => {
  expect(faults(choices)).toEqual(expected);
});

test('changes are told', () => {
  const vxlan = {
    links1: '',
    links2: '',
    d2: ', handOver: 10.4.0.9',
    handOver: 'handOver: { vxlan: { id: 7, mtu: 1400 } }',
  };
  expect(describeChanges(cluster({}), cluster({ ...vxlan, links1: ', y0: eth9', links2: ', y0: eth7' }))).toEqual([
    'local: handOver over y0 -> by VXLAN 7 port 4789 MTU 1400',
    'director d2: handOver 10.4.0.2 -> 10.4.0.9',
  ]);
});

test('more directors than tunnels have next hops', () => {
  const many = Array.from({ length: 255 }, (_, i) => {
    return `d${i}: { routerId: 10.255.1.${i}, interfaces: { in0: eth1 }, handOver: 10.4.1.${i} }`;
  });
  const lines = text({ handOver: 'handOver: { vxlan: { id: 7 } }' }).split('\n');
  const file = [...lines.slice(0, 2), ...many.map((line) => `  ${line}`), ...lines.slice(4)].join('\n');
  const parsed = parseCluster(file);
  expect('faults' in parsed && parsed.faults.map(({ message }) => message)).toEqual([
    '255 directors; tunnels are for at most 254',
  ]);
});
