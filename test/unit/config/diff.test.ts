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
    'routing outside: interface up0: cost 20 -> 30 (no adjacency changes)',
    'vip 203.0.113.10: require any -> all',
    'service web: health http /healthz 204 www.example.org port 8080 every 3s timeout 500ms rise 1 fall 4 -> http /healthz 204 www.example.org port 8080 every 3s timeout 500ms rise 1 fall 5',
    'service web: port 8443 added',
    'service web: server r2: weight 2 -> 3',
    'service web: server r3 added (address 10.2.0.23, weight 1)',
    'service resolver added (protocol udp, forward nat, scheduler mh, drain 1m, whenServerDown reset, min 1, metric 15, lsa external E2 tag 65001, whenDown withdraw, health none)',
  ]);
});

test('changes of the routing say what becomes of adjacencies', () => {
  const after = cluster(
    ['d1: { routerId: 10.255.0.1, interfaces: { up0: ens3', 'd1: { routerId: 10.255.0.7, interfaces: { up0: ens9'],
    ['area: 0.0.0.0', 'area: 0.0.0.1'],
    ['network: point-to-point, cost: 20, hello: 2s, dead: 8s, priority: 1, mtuIgnore: true', 'network: broadcast'],
    ['up1: { network: broadcast }', 'up1: { network: broadcast, cost: 7, priority: 3 }'],
  );
  expect(describeChanges(cluster(), after)).toEqual([
    'director d1: routerId 10.255.0.1 -> 10.255.0.7 (every adjacency of this director starts over)',
    'director d1: interface up0: device ens3 -> ens9 (its adjacencies end, and begin anew on the other device)',
    'routing outside: area 0.0.0.0 -> 0.0.0.1 (every adjacency of this instance starts over)',
    'routing outside: interface up0: network point-to-point -> broadcast (its adjacencies start over)',
    'routing outside: interface up0: cost 20 -> 10 (no adjacency changes)',
    'routing outside: interface up0: priority 1 -> 0 (the next election counts it)',
    'routing outside: interface up0: mtuIgnore true -> false (counts from the next database exchange on)',
    'routing outside: interface up0: hello 2s -> 1s (its adjacencies last if the far end follows within the dead interval)',
    'routing outside: interface up0: dead 8s -> 4s (its adjacencies last if the far end follows within the dead interval)',
    'routing outside: interface up1: cost 10 -> 7 (no adjacency changes)',
    'routing outside: interface up1: priority 0 -> 3 (the next election counts it)',
  ]);
  const nbma = '{ network: nbma, neighbors: [10.0.0.1, { address: 10.0.0.2, priority: 0 }] }';
  expect(describeChanges(cluster(), cluster(['{ network: broadcast }', nbma]))).toEqual([
    'routing outside: interface up1: network broadcast -> nbma (its adjacencies start over)',
    'routing outside: interface up1: neighbors none -> 10.0.0.1+10.0.0.2 (priority 0) (new ones are greeted, those who speak already stay)',
    'routing outside: interface up1: poll none -> 20s (no adjacency changes)',
  ]);
  const passive = cluster(['{ network: broadcast }', '{ network: broadcast, passive: true }']);
  expect(describeChanges(cluster(), passive)).toEqual([
    'routing outside: interface up1: passive none -> true (its adjacencies end)',
  ]);
  const up1 = '        up1: { network: broadcast }\n';
  expect(describeChanges(cluster(), cluster([up1, '']))).toEqual([
    'routing outside: interface up1 removed (adjacencies on other interfaces stay)',
  ]);
  expect(describeChanges(cluster([up1, '']), cluster())).toEqual([
    'routing outside: interface up1 added (network broadcast, cost 10, priority 0, mtuIgnore false, hello 1s, dead 4s) (adjacencies on other interfaces stay)',
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
