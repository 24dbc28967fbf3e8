import { describe, expect, test } from 'vitest';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import type { Cluster } from '../../../src/core/model/cluster.ts';
import { LEAST } from './files.ts';

function withService(settings: string, servers = '{ r1: 10.2.0.21, r2: { address: 10.2.0.22, limit: 50 } }'): string {
  const service = `services:\n  web: { vip: 203.0.113.10, ports: 80, servers: ${servers}, ${settings} }\n`;
  return `${LEAST.replace(/services:.*\n/, service)}dataplane: nftables\n`;
}

function faults(text: string): string[] {
  const parsed = parseCluster(text);
  return 'faults' in parsed ? parsed.faults.map(({ path, message, hint }) => `${path}: ${message}; ${hint}`) : [];
}

function cluster(text: string): Cluster {
  const parsed = parseCluster(text);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.cluster;
}

describe('servers that leave, come back, are full or all gone', () => {
  test('without a word: 60 s to end, at once with all slots, connections of a dead server are ended, no sorry server', () => {
    const [service] = cluster(LEAST).services;
    expect(service?.changes).toEqual({ drain: 60_000, slowStart: 0, whenDown: 'reset' });
    expect(service?.sorry).toBeUndefined();
    expect(service?.announce.whenDown).toBe('withdraw');
  });

  test('with a sorry server the VIP stays as a last resort; another word is heard', () => {
    expect(cluster(withService('sorry: 10.2.0.99')).services[0]?.announce.whenDown).toBe('metric');
    const kept = withService('sorry: 10.2.0.99, announce: { whenDown: keep }');
    expect(cluster(kept).services[0]?.announce.whenDown).toBe('keep');
  });

  test('direct routing keeps no connections: those of a dead server are left to themselves', () => {
    const direct = LEAST.replace('up0: eth1', 'up0: eth1, in0: eth2')
      .replace('ports: 80,', 'ports: 80, forward: dr, via: in0,')
      .replace('up0: {}', 'up0: {}, in0: {}');
    expect(cluster(direct).services[0]?.changes.whenDown).toBe('keep');
  });

  test.each([
    [
      'sorry: 10.2.0.22',
      ['services.web.sorry: 10.2.0.22 is server r2 of the same service; it answers when none of the servers is up'],
    ],
    ['sorry: 203.0.113.10', ['services.web.sorry: 203.0.113.10 is the VIP of service web; undefined']],
    [
      'sorry: 10.2.0.99, announce: { whenDown: withdraw }',
      [
        'services.web.announce.whenDown: the sorry server would never be seen: a VIP without servers is withdrawn; use metric, or keep, or take sorry out',
      ],
    ],
    [
      'slowStart: 30s, scheduler: rr',
      ['services.web.slowStart: rr has no slow start: a server takes its turns or it does not; use mh'],
    ],
    ['drain: 60', ['services.web.drain: expected a duration with a unit, got the plain number 60; write 60s or 60ms']],
    ['drain: 25h', ['services.web.drain: "25h" is out of range; from 0ms to 24h']],
    ['whenServerDown: drop', ['services.web.whenServerDown: expected reset or keep, got "drop"; undefined']],
  ])('refused: %s', (settings, expected) => {
    expect(faults(withService(settings))).toEqual(expected);
  });

  test('what direct routing cannot have is said', () => {
    const told = faults(withService('forward: dr, whenServerDown: reset'));
    expect(told).toContain(
      'services.web.whenServerDown: not with forward: dr, where no connections are kept; connections of a server that is down are left to themselves',
    );
    expect(told).toContain(
      'services.web.servers.r2.limit: not with forward: dr, where no connections are kept; connections that are not kept cannot be counted',
    );
  });

  test('a limit is a number of connections', () => {
    expect(faults(withService('drain: 1s', '{ r1: { address: 10.2.0.21, limit: 0 } }'))).toEqual([
      'services.web.servers.r1.limit: expected a number of connections, a whole number from 1 to 10000000, got 0; undefined',
    ]);
  });

  test('every change is told', () => {
    const before = cluster(withService('drain: 0s'));
    const after = cluster(
      withService(
        'drain: 5m, slowStart: 30s, whenServerDown: keep, sorry: 10.2.0.99',
        '{ r1: { address: 10.2.0.21, limit: 9 }, r2: 10.2.0.22 }',
      ),
    );
    expect(describeChanges(before, after)).toEqual([
      'service web: sorry none -> 10.2.0.99',
      'service web: drain 0ms -> 5m',
      'service web: slowStart none -> 30s',
      'service web: whenServerDown reset -> keep',
      'service web: whenDown withdraw -> metric',
      'service web: server r1: limit none -> 9 (open connections stay, and are not counted)',
      'service web: server r2: limit 50 -> none (open connections stay, and are not counted)',
    ]);
  });
});
