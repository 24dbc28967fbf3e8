/** How connections are known, spread and kept, in the cluster file: schedulers, persistence, marks, timeouts. */
import { describe, expect, test } from 'vitest';
import { formatFault } from '../../../src/core/base/fault.ts';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import type { Cluster, Service } from '../../../src/core/model/cluster.ts';

const PORTS = 'ports: 80';
const SERVERS = 'servers: { r1: 10.2.0.21, r2: { address: 10.2.0.22, weight: 2 } }';
const EVEN = 'servers: { r1: 10.2.0.21, r2: 10.2.0.22 }';

/** `lines`: what the service web says beside its VIP. */
function text(...lines: readonly string[]): string {
  return `cluster: edge-1
directors: { d1: { routerId: 10.255.0.1, interfaces: { up0: eth1 } } }
routing: { instances: { outside: { area: 0, interfaces: { up0: {} } } } }
services:
  dns: { vip: 203.0.113.10, ports: 53, protocol: udp, servers: { r1: 10.2.0.21 } }
  web:
    vip: 203.0.113.10
${lines.map((line) => `    ${line}\n`).join('')}dataplane: nftables
`;
}

function faults(...lines: readonly string[]): string[] {
  const parsed = parseCluster(text(...lines));
  if ('cluster' in parsed) return [];
  return parsed.faults.map((fault) => formatFault('', fault).replace(/^:/, ''));
}

function cluster(...lines: readonly string[]): Cluster {
  const parsed = parseCluster(text(...lines));
  if ('faults' in parsed) throw new Error(faults(...lines).join('\n'));
  return parsed.cluster;
}

const web = (...lines: readonly string[]): Service => cluster(...lines).services[1]!;

const ALL = 'mh, rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, fo, ovf or twos';

describe('schedulers', () => {
  test('a name alone, or with what mh can be told', () => {
    const scheduler = (written: string) => web(PORTS, SERVERS, `scheduler: ${written}`).scheduler;
    expect(web(PORTS, SERVERS).scheduler).toEqual({ name: 'mh', slots: 4099, sourcePort: true });
    expect(scheduler('mh')).toEqual({ name: 'mh', slots: 4099, sourcePort: true });
    expect(scheduler('{ name: mh, slots: 65537 }')).toEqual({ name: 'mh', slots: 65537, sourcePort: true });
    expect(scheduler('{ name: mh, sourcePort: false }')).toEqual({ name: 'mh', slots: 4099, sourcePort: false });
    expect(scheduler('wrr')).toEqual({ name: 'wrr' });
    expect(web(PORTS, EVEN, 'scheduler: { name: rr }').scheduler).toEqual({ name: 'rr' });
  });

  test.each([
    [
      'wlc',
      '10:16: services.web.scheduler: "wlc" is a scheduler of the ipvs plane; the nftables plane has mh, rr, wrr',
    ],
    [
      '{ name: sed }',
      '10:16: services.web.scheduler: "sed" is a scheduler of the ipvs plane; the nftables plane has mh, rr, wrr',
    ],
    ['wr', `10:16: services.web.scheduler: expected the scheduler ${ALL}, got "wr"; did you mean "rr"?`],
    ['7', `10:16: services.web.scheduler: expected the scheduler ${ALL}, got 7`],
    ['{ slots: 4099 }', '10:5: services.web.scheduler.name: missing'],
    ['{ name: mh, slots: 4096 }', '10:35: services.web.scheduler.slots: expected 4099 or 65537 slots, got 4096'],
    ['{ name: mh, sourcePort: 1 }', '10:40: services.web.scheduler.sourcePort: expected true or false, got 1'],
    ['{ name: wrr, slots: 4099 }', '10:29: services.web.scheduler.slots: wrr hashes nothing; mh has this'],
    [
      '{ name: wrr, sourcePort: false }',
      '10:29: services.web.scheduler.sourcePort: wrr hashes nothing; mh and sh have this',
    ],
    [
      'rr',
      '10:16: services.web.scheduler: rr takes no account of weights, and these servers have some; use wrr, or remove the weights',
    ],
  ])('%s is refused', (written, fault) => {
    expect(faults(PORTS, SERVERS, `scheduler: ${written}`)).toEqual([fault]);
  });

  test('weights that make a round of wrr too long are refused; mh takes them', () => {
    const heavy = 'servers: { r1: 10.2.0.21, r2: { address: 10.2.0.22, weight: 4096 } }';
    expect(faults(PORTS, heavy, 'scheduler: wrr')).toEqual([
      '9:5: services.web.servers: these weights make a round of 4097 turns; wrr has at most 4096; smaller weights, or such with a common factor',
    ]);
    expect(faults(PORTS, heavy, 'scheduler: mh')).toEqual([]);
  });
});

describe('persistence', () => {
  test('a time, or the usual one', () => {
    const persistence = (written: string) => web(PORTS, SERVERS, `persistence: ${written}`).persistence;
    expect(web(PORTS, SERVERS).persistence).toBeUndefined();
    expect(persistence('90s')).toBe(90_000);
    expect(persistence('true')).toBe(600_000);
    expect(persistence('false')).toBeUndefined();
  });

  test.each([
    ['600', 'expected a duration with a unit, got the plain number 600; write 600s or 600ms'],
    ['1500ms', 'expected whole seconds from 1s to 24h, got "1500ms"'],
    ['25h', 'expected whole seconds from 1s to 24h, got "25h"'],
    ['yes', 'expected a duration, got "yes"; a number with ms, s, m or h, such as 500ms or 2s'],
  ])('%s is refused', (written, fault) => {
    expect(faults(PORTS, SERVERS, `persistence: ${written}`)).toEqual([`10:18: services.web.persistence: ${fault}`]);
  });
});

describe('services by fwmark', () => {
  const HEALTH = 'health: { tcp: {}, port: 8080 }';

  test('a mark in place of ports and protocol; hashed by address unless the file says otherwise', () => {
    expect(web('fwmark: 4294967295', SERVERS, HEALTH)).toMatchObject({
      ports: [],
      fwmark: 0xffffffff,
      scheduler: { name: 'mh', slots: 4099, sourcePort: false },
      health: { port: 8080 },
    });
    const byPort = web('fwmark: 7', SERVERS, HEALTH, 'scheduler: { name: mh, sourcePort: true }');
    expect(byPort.scheduler).toEqual({ name: 'mh', slots: 4099, sourcePort: true });
    expect(web('fwmark: 7', SERVERS, 'health: none').health).toBeUndefined();
  });

  const NO_PORTS = 'a service known by its fwmark has none; the rules that set the mark say which packets are meant';
  test.each([
    [['fwmark: 0', HEALTH], '8:13: services.web.fwmark: expected a mark, a whole number from 1 to 4294967295, got 0'],
    [['fwmark: 7', HEALTH, PORTS], `10:5: services.web.ports: ${NO_PORTS}`],
    [['fwmark: 7', HEALTH, 'protocol: udp'], `10:5: services.web.protocol: ${NO_PORTS}`],
    [['fwmark: 7'], '6:3: services.web: which port is checked is not known; add health: { port: N } or health: none'],
    [['fwmark: 7', 'health: { tcp: {} }'], '9:5: services.web.health: which port is checked is not known; add port: N'],
    [[], '6:3: services.web.ports: missing'],
  ])('%s', (lines, fault) => {
    expect(faults(...lines, SERVERS)).toEqual([fault]);
  });

  test('a mark belongs to one service', () => {
    const other = text('fwmark: 7', SERVERS, 'health: none').replace(
      'ports: 53, protocol: udp',
      'fwmark: 7, health: none',
    );
    const parsed = parseCluster(other);
    const found = 'faults' in parsed ? parsed.faults.map((fault) => formatFault('', fault)) : [];
    expect(found).toEqual([':8:13: services.web.fwmark: service dns has the fwmark 7 already']);
  });
});

describe('timeouts', () => {
  test('whole seconds by the kernel’s names of the states', () => {
    const timeouts = (...lines: readonly string[]) => web(SERVERS, ...lines).timeouts;
    expect(timeouts(PORTS, 'timeouts: { established: 90s, fin_wait: 2m }')).toEqual({ established: 90, fin_wait: 120 });
    expect(timeouts(PORTS, 'protocol: udp', 'timeouts: { replied: 1h }')).toEqual({ replied: 3600 });
    expect(timeouts('fwmark: 7', 'health: none', 'timeouts: { established: 1s, replied: 2s }')).toEqual({
      established: 1,
      replied: 2,
    });
    expect(timeouts(PORTS, 'timeouts: {}')).toBeUndefined();
  });

  test.each([
    ['{ established: 90 }', 'established: expected a duration with a unit, got the plain number 90; write 90s or 90ms'],
    ['{ established: 500ms }', 'established: expected whole seconds from 1s to 720h, got "500ms"'],
    ['{ estabished: 9s }', 'estabished: unknown key; did you mean "established"?'],
    [
      '{ replied: 9s }',
      'replied: tcp has no such state; it has syn_sent, syn_recv, established, fin_wait, close_wait, last_ack, time_wait, close, syn_sent2, retrans, unack',
    ],
  ])('%s is refused', (written, fault) => {
    const found = faults(PORTS, SERVERS, `timeouts: ${written}`).map((line) => line.replace(/^[\d:]+ /, ''));
    expect(found).toEqual([`services.web.timeouts.${fault}`]);
  });
});

test('what changes is said', () => {
  const changes = (before: readonly string[], after: readonly string[]) =>
    describeChanges(cluster(PORTS, SERVERS, ...before), cluster(PORTS, SERVERS, ...after));
  expect(changes([], ['scheduler: { name: mh, slots: 65537, sourcePort: false }'])).toEqual([
    'service web: scheduler mh -> mh 65537 slots by address (open connections stay, new ones may meet another server)',
  ]);
  expect(changes(['timeouts: { established: 90s }'], ['timeouts: { established: 2m, close: 3s }'])).toEqual([
    'service web: timeouts established 90s -> established 2m+close 3s (open connections go on with the kernel’s own timeouts)',
  ]);
  expect(changes(['persistence: 90s'], ['persistence: 2m'])).toEqual(['service web: persistence 90s -> 2m']);
  const byMark = cluster('fwmark: 7', SERVERS, 'health: none');
  expect(describeChanges(cluster(PORTS, SERVERS, 'health: none'), byMark)).toEqual([
    'service web: port 80 removed',
    'service web: protocol tcp -> none',
    'service web: fwmark none -> 7',
    'service web: scheduler mh -> mh by address (open connections stay, new ones may meet another server)',
  ]);
  expect(changes([], ['persistence: true'])).toEqual(['service web: persistence none -> 10m']);
});
