import { expect, test } from 'vitest';
import { describeChanges } from '../../../src/core/config/diff.ts';
import { parseCluster } from '../../../src/core/config/parse.ts';
import { directorView } from '../../../src/core/config/resolve.ts';
import type { Cluster } from '../../../src/core/model/cluster.ts';
import { EDGE } from './files.ts';

function cluster(...replacements: [from: string, to: string][]): Cluster {
  const text = replacements.reduce((file, [from, to]) => {
    expect(file).toContain(from);
    return file.replace(from, to);
  }, EDGE);
  const parsed = parseCluster(text);
  if ('faults' in parsed) throw new Error(JSON.stringify(parsed.faults));
  return parsed.cluster;
}

test('the same file changes nothing', () => {
  expect(describeChanges(cluster(), cluster())).toEqual([]);
});

test('layout and comments change nothing', () => {
  expect(describeChanges(cluster(), cluster(['r1: 10.2.0.21', 'r1: { address: 10.2.0.21 } # rack 4']))).toEqual([]);
});

test('each change is one line', () => {
  const after = cluster(
    ['holdUp: 5s', 'holdUp: 1m'],
    ['cost: 20', 'cost: 30'],
    ['require: any', 'require: all'],
    ['[80, 443]', '[80, 8443]'],
    ['weight: 2 }', 'weight: 3 }\n      r3: 10.2.0.23'],
    ['fall: 4', 'fall: 5'],
    ['dns:\n', 'resolver:\n'],
  );
  expect(describeChanges(cluster(), after)).toEqual([
    'service web: port 443 removed',
    'service dns removed',
    'lifecycle: holdUp 5s -> 1m',
    'routing outside: interface up0: cost 20 -> 30',
    'vip 203.0.113.10: require any -> all',
    'service web: health http /healthz 204 www.example.org port 8080 every 3s timeout 500ms rise 1 fall 4 -> http /healthz 204 www.example.org port 8080 every 3s timeout 500ms rise 1 fall 5',
    'service web: port 8443 added',
    'service web: server r2: weight 2 -> 3',
    'service web: server r3 added (address 10.2.0.23, weight 1)',
    'service resolver added (protocol udp, forward nat, scheduler mh, min 1, metric 15, whenDown withdraw, health none)',
  ]);
});

test('a director sees the interface names of its own host', () => {
  const result = directorView(cluster(), 'd2');
  expect('view' in result && result.view.routing.instances[0]!.interfaces.map((i) => i.interface)).toEqual([
    'eth1',
    'eth2',
  ]);
});

test('an unknown director is told which ones there are', () => {
  expect(directorView(cluster(), 'd7')).toEqual({
    fault: 'cluster edge-1 has no director "d7"; its directors are d1, d2',
  });
});
