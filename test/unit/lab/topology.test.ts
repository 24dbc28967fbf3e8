import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { projectRoot } from '../../../lab/project.ts';
import { parseTopology } from '../../../lab/runtimes/topology.ts';

const folder = join(projectRoot, 'lab/topologies');
const files = readdirSync(folder).filter((name) => name.endsWith('.clab.yml'));

function read(name: string) {
  return parseTopology(readFileSync(join(folder, name), 'utf8'), join(folder, name));
}

describe('the topologies of the tree', () => {
  test.each(files)('%s: links begin at eth1, and no end is used twice', (name) => {
    const ends = read(name).links.flat();
    const names = ends.map((end) => `${end.node}:${end.interface}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names.filter((end) => end.endsWith(':eth0'))).toEqual([]);
  });

  test.each(files)('%s: every bound file is in the tree', (name) => {
    for (const { source } of read(name).nodes.flatMap((node) => node.binds)) {
      expect(() => readFileSync(source)).not.toThrow();
    }
  });

  test('ecmp-3 has a spare director that is not started with the lab', () => {
    const topology = read('ecmp-3.clab.yml');
    const roles = topology.nodes.map((node) => node.role);
    const count = (role: string) => roles.filter((one) => one === role).length;
    expect([count('client'), count('router'), count('director'), count('server'), count('bridge')]).toEqual([
      1, 2, 4, 4, 1,
    ]);
    const idle = topology.nodes.filter((node) => node.labels['sluice.start'] === 'false');
    expect(idle.map((node) => node.name)).toEqual(['d4']);
  });
});

describe('settings merge as in containerlab', () => {
  const text = `
name: merge
topology:
  defaults: { kind: linux, sysctls: { a: 1, b: 1 }, exec: [one] }
  groups:
    g: { labels: { sluice.role: router, x: group }, sysctls: { b: 2 }, binds: ["f:/f", "g:/g:ro"], exec: [two] }
  nodes:
    n: { group: g, labels: { x: node }, binds: ["h:/f"], exec: [three] }
`;
  const [node] = parseTopology(text, '/there/merge.clab.yml').nodes;

  test('the nearer setting wins', () => {
    expect(node?.labels).toEqual({ 'sluice.role': 'router', x: 'node' });
    expect(node?.sysctls).toEqual({ a: '1', b: '2' });
  });

  test('exec lists are joined, the outermost first', () => {
    expect(node?.exec).toEqual(['one', 'two', 'three']);
  });

  test('binds are keyed by destination and relative to the file', () => {
    expect(node?.binds).toEqual([
      { source: '/there/h', destination: '/f', readOnly: false },
      { source: '/there/g', destination: '/g', readOnly: true },
    ]);
  });
});

test('every fault of a topology is reported at once', () => {
  const text = `
topology:
  nodes:
    a: { kind: nokia_srlinux, labels: { sluice.role: router } }
    b: { kind: linux }
  links:
    - endpoints: ["a:eth1", "c:eth1"]
    - endpoints: ["a:an-interface-name-too-long", "b:eth1"]
`;
  const message = (() => {
    try {
      parseTopology(text, 't.yml');
    } catch (cause) {
      return (cause as Error).message.split('\n');
    }
    return [];
  })();
  expect(message).toEqual([
    't.yml: node a: kind is nokia_srlinux; the lab builds linux and bridge',
    't.yml: node b: label sluice.role is ""; one of client, router, director, server, bridge',
    't.yml: link 0: no node called "c"',
    't.yml: link 1: "a:an-interface-name-too-long" needs an interface of 1 to 15 characters',
    't.yml: name: missing',
  ]);
});
