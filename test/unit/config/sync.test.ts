/** Connection sync in the cluster file. */
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { faultLines, soundCluster } from './files.ts';

interface Choices {
  readonly keys?: string;
  readonly d1?: string;
  readonly d2?: string;
  readonly lifecycle?: string;
  readonly web?: string;
  readonly dns?: string;
  readonly local?: string;
  readonly log?: string;
}

function text({
  keys = 'keys: { file: cluster.keys }',
  d1 = ', sync: 10.2.0.11',
  d2 = ', sync: "10.2.0.12:7272"',
  lifecycle = '',
  web = '',
  dns = '',
  local = '{}',
  log = '',
}: Choices): string {
  return `cluster: edge-1
directors:
  d1: { routerId: 10.255.0.1, interfaces: { in0: eth1 }, local: 10.3.0.1${d1} }
  d2: { routerId: 10.255.0.2, interfaces: { in0: eth1 }${d2} }
lifecycle: { ${lifecycle} }
local: ${local}
routing: { instances: { all: { area: 0, announce: [vip, local], interfaces: { in0: {} } } } }
services:
  web: { vip: 203.0.113.10, ports: 80, servers: { r1: 10.2.0.21 }${web} }
  dns: { vip: 203.0.113.10, ports: 53, protocol: udp, servers: { r1: 10.2.0.21 }${dns} }
${keys}
${log}
`;
}

const faults = (choices: Choices) => faultLines(text(choices));
const LOG = 'mappingLog: { file: /var/log/sluice/mapping.log }';
const D2 = ', sync: "10.2.0.12:7272"';
const NONE = { keys: '', d1: '', d2: '' };

describe('what is written', () => {
  test('addresses with their ports, TCP synced once it is established, UDP not at all, thirty seconds to wait', () => {
    const { keys, directors, lifecycle, services } = soundCluster(text({}));
    expect(keys).toBe('cluster.keys');
    expect(directors.map(({ sync }) => sync)).toEqual([
      { address: ipv4('10.2.0.11'), port: 7171 },
      { address: ipv4('10.2.0.12'), port: 7272 },
    ]);
    expect(lifecycle.syncTimeout).toBe(30_000);
    expect(services.map(({ sync }) => sync)).toEqual(['established', 'off']);
  });

  test('other words count', () => {
    const asked = { web: ', sync: off', dns: ', sync: all', lifecycle: 'syncTimeout: 5s' };
    const { lifecycle, services } = soundCluster(text(asked));
    expect(lifecycle.syncTimeout).toBe(5000);
    expect(services.map(({ sync }) => sync)).toEqual(['off', 'all']);
  });

  test('a log of who was behind an address, of what is synced', () => {
    const both = {
      web: ', forward: fullnat',
      dns: ', forward: fullnat, sync: established',
      d2: `${D2}, local: 10.3.0.2`,
    };
    expect(soundCluster(text({ ...both, log: LOG })).mappingLog).toBe('/var/log/sluice/mapping.log');
    expect(soundCluster(text(both)).mappingLog).toBeUndefined();
    expect(faults({ log: LOG, web: ', sync: off' })).toEqual([]);
  });

  test('without keys there is nothing of it', () => {
    const { keys, directors, lifecycle, services } = soundCluster(text(NONE));
    expect([keys, lifecycle.syncTimeout]).toEqual([undefined, undefined]);
    expect(directors.map(({ sync }) => sync)).toEqual([undefined, undefined]);
    expect(services.map(({ sync }) => sync)).toEqual([undefined, undefined]);
  });

  test('direct routing has no connections to sync', () => {
    const [web] = soundCluster(text({ web: ', forward: dr, via: in0' })).services;
    expect(web!.sync).toBe('off');
  });
});

describe('faults', () => {
  const ADD = 'add keys: { file: PATH } at the top, or remove it here';

  test.each<[string, Choices, string[]]>([
    [
      'keys, and a director without an address',
      { d2: '' },
      ['directors.d2: no address at which it takes the connections of its peers; add sync: ADDRESS'],
    ],
    [
      'everything but the keys',
      { keys: '', lifecycle: 'syncTimeout: 5s', web: ', sync: all', dns: ', sync: off' },
      [
        `directors.d1.sync: nothing is synced without keys; ${ADD}`,
        `directors.d2.sync: nothing is synced without keys; ${ADD}`,
        `lifecycle.syncTimeout: nothing is synced without keys; ${ADD}`,
        `services.web.sync: nothing is synced without keys; ${ADD}`,
      ],
    ],
    [
      'one address of two directors, whatever the ports',
      { d2: ', sync: "10.2.0.11:7272"' },
      ['directors.d2.sync: 10.2.0.11 is that of director d1'],
    ],
    ['a VIP', { d2: ', sync: 203.0.113.10' }, ['directors.d2.sync: 203.0.113.10 is the VIP of service web']],
    ['a server', { d2: ', sync: 10.2.0.21' }, ['directors.d2.sync: 10.2.0.21 is server r1 of service web']],
    ['a local address', { d1: ', sync: 10.3.0.1' }, ['directors.d1.sync: 10.3.0.1 is a local address of director d1']],
    [
      'a shared address',
      { d2: ', sync: 10.8.0.1', local: '{ shared: 10.8.0.1 }' },
      ['directors.d2.sync: 10.8.0.1 is a shared local address'],
    ],
    [
      'direct routing',
      { web: ', forward: dr, via: in0, sync: all' },
      [
        'services.web.sync: not with forward: dr, where no connections are kept; each director finds the same server by its hash; remove it',
      ],
    ],
    ['no port', { d2: ', sync: "10.2.0.12:0"' }, ['directors.d2.sync: 0 is not a port from 1 to 65535']],
    [
      'a name',
      { d2: ', sync: "host:x"' },
      ['directors.d2.sync: expected ADDRESS or ADDRESS:PORT, got "host:x"; such as 10.2.0.11:7171'],
    ],
    ['no scope', { web: ', sync: some' }, ['services.web.sync: expected established, all or off, got "some"']],
    [
      'a log without keys',
      { ...NONE, log: LOG },
      [
        'mappingLog: it is made of connections that are synced: it needs keys; add keys: { file: PATH } at the top, or remove it',
      ],
    ],
    [
      'a log with gaps: what is not synced',
      { log: LOG, web: ', forward: fullnat, sync: off', d2: `${D2}, local: 10.3.0.2` },
      [
        'services.web.sync: its connections would be missing in mappingLog: forward: fullnat and not synced; add sync: established, or remove mappingLog',
      ],
    ],
    [
      'a log with gaps: UDP',
      { log: LOG, dns: ', forward: fullnat', d2: `${D2}, local: 10.3.0.2` },
      [
        'services.dns: its connections would be missing in mappingLog: forward: fullnat and not synced; add sync: established, or remove mappingLog',
      ],
    ],
    [
      'a log without a folder',
      { log: 'mappingLog: { file: mapping.log }' },
      ['mappingLog.file: expected a file, got "mapping.log"; an absolute path, as /var/log/sluice/mapping.log'],
    ],
    [
      'a log that is a folder',
      { log: 'mappingLog: { file: /var/log/ }' },
      ['mappingLog.file: expected a file, got "/var/log/"; an absolute path, as /var/log/sluice/mapping.log'],
    ],
    ['no file', { keys: 'keys: secret' }, ['keys: expected { file: PATH }; keys stand in a file of their own']],
  ])('%s', (_, choices, expected) => {
    expect(faults(choices)).toEqual(expected);
  });

  test('a director may take connections where answers are handed over to it, but not where they are to another', () => {
    const withEnds = (sync: string) =>
      text({ d1: `, sync: ${sync}, handOver: 10.4.0.1`, d2: ', sync: 10.2.0.12, handOver: 10.4.0.2' }).replace(
        'local: {}',
        'local: { shared: 10.8.0.1, handOver: { vxlan: { id: 7 } } }',
      );
    expect(faultLines(withEnds('10.4.0.1'))).toEqual([]);
    expect(faultLines(withEnds('10.4.0.2'))).toEqual([
      'directors.d1.sync: 10.4.0.2 is the address at which answers are handed over to director d2',
    ]);
  });
});

test('what changes is said', () => {
  const [none, some] = [soundCluster(text(NONE)), soundCluster(text({}))];
  expect(describeChanges(none, some)).toEqual([
    'cluster: keys none -> cluster.keys (connections stay)',
    'lifecycle: syncTimeout none -> 30s',
    'director d1: sync none -> 10.2.0.11:7171 (its streams of connections begin anew)',
    'director d2: sync none -> 10.2.0.12:7272 (its streams of connections begin anew)',
    'service web: sync none -> established',
    'service dns: sync none -> off',
  ]);
  expect(describeChanges(some, soundCluster(text({ log: LOG })))).toEqual([
    'cluster: mappingLog none -> /var/log/sluice/mapping.log',
  ]);
  expect(describeChanges(some, soundCluster(text({ web: ', sync: all' })))).toEqual([
    'service web: sync established -> all',
  ]);
});
