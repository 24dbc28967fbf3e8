/** What nftables holds beside IPVS. */
import { expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { toEnd } from '../../../src/core/base/steps.ts';
import { IPVS_TABLES } from '../../../src/core/dataplane/ipvs/tables.ts';
import { elementLayout } from '../../../src/core/dataplane/nft/read-back.ts';
import { RulesetMemory } from '../../../src/core/dataplane/rules/wanted.ts';
import { type Found, type FoundSet, ruleText, type Wanted } from '../../../src/core/dataplane/ruleset.ts';
import { assignServerIds } from '../../../src/core/dataplane/server-ids.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { dataplane, service, THREE } from './model.ts';

const NONE: Found = new Map();

function tables(desired: DesiredDataplane, found = NONE): Wanted {
  const ids = assignServerIds(desired, found, new Map(), (tables) => IPVS_TABLES.recover(tables));
  return toEnd(IPVS_TABLES.steps(desired, ids, found, new RulesetMemory(), new Map()));
}

function rules(wanted: Wanted, table: string, chain: string): readonly string[] | undefined {
  return wanted.get(table)?.chains.get(chain)?.rules.map(ruleText);
}

const local = { directors: [{ name: 'd1', local: [ipv4('10.3.0.1')] }], shared: [] };
const fullnat: DesiredDataplane = {
  ...dataplane(service('web', THREE.slice(0, 1), { fullnat: true })),
  self: 'd1',
  members: ['d1'],
  local,
};

test('every set with elements is one that can be read back', () => {
  const looped = service('looped', [{ ...THREE[0]!, director: 'd2' }], { ports: [81], direct: { device: 'eth3' } });
  const marked = service('marked', THREE, { ports: [82], fwmark: 7 });
  const plain = dataplane(service('web', THREE), looped, marked);
  for (const desired of [fullnat, { ...plain, self: 'd1', macs: { d2: ['02:00:00:00:00:d2'] } }]) {
    const sets = [...tables(desired).values()].flatMap((table) => [...table.sets]);
    const unknown = sets.filter(([name, { elements }]) => elements.size > 0 && elementLayout(name) === undefined);
    expect(sets.length).toBeGreaterThan(5);
    expect(unknown.map(([name]) => name)).toEqual([]);
  }
});

test('the first packet gets its server’s id as it leaves, then the events, then its source', () => {
  const wanted = tables(fullnat);
  const of = (protocol: string) =>
    `meta l4proto ${protocol} ct mark and 0xffff == 0 ct mark set ct original ip daddr . meta l4proto . ct original proto-dst . ip daddr map @members`;
  const ours = 'ct original ip daddr @vips ct mark and 0xffff @fullnat';
  const source = (protocol: string) =>
    `${ours} meta l4proto ${protocol} snat ip to jhash ip saddr . th sport mod 63 seed 0x51c1ce01 map @blocks`;
  const lines = rules(wanted, 'sluice_v1', 'postrouting')!;
  expect(lines.slice(0, 3)).toEqual([of('tcp'), of('udp'), 'ct mark and 0xffff != 0 ct event set 0x14']);
  expect(lines.slice(3).map((line) => line.replace(/mod \d+ seed 0x\w+/, 'mod 63 seed 0x51c1ce01'))).toEqual([
    source('tcp'),
    source('udp'),
    `${ours} counter name fullnat_no_block drop`,
  ]);
  expect([...wanted.get('sluice_v1')!.sets.get('members')!.elements]).toEqual([
    ['203.0.113.10 . tcp . 80 . 10.2.0.21', '1'],
  ]);
});

test('what IPVS alone translates is not asked about: it goes on to the hash', () => {
  const nat = service('nat', THREE, { vips: [ipv4('203.0.113.11')], ports: [80, 443] });
  const marked = service('marked', THREE, { vips: [ipv4('203.0.113.12')], ports: [], fwmark: 7 });
  const wanted = tables({ ...fullnat, services: [...fullnat.services, nat, marked] });
  const lines = rules(wanted, 'sluice_v1', 'mid_life')!;
  const [byPort, byMark] = ['ip daddr . meta l4proto . th dport @by_hash accept', 'meta mark @marked_by_hash accept'];
  const asked = lines.findIndex((line) => line.includes('@second_chance'));
  for (const line of [byPort, byMark]) expect(lines.indexOf(line)).toBeLessThan(asked);
  const elements = (set: string) => [...wanted.get('sluice_v1')!.sets.get(set)!.elements.keys()];
  expect(elements('by_hash')).toEqual(['203.0.113.11 . tcp . 80', '203.0.113.11 . tcp . 443']);
  expect(elements('marked_by_hash')).toEqual(['7']);
  expect(rules(tables(fullnat), 'sluice_v1', 'mid_life')).not.toContain(byPort);
});

test('claims are made where all packets of a connection pass, and nothing chooses a server here', () => {
  const wanted = tables(dataplane(service('web', THREE)));
  expect(rules(wanted, 'sluice_v1', 'mid_life')?.[0]).toBe(
    'ct mark and 0xffff != 0 ct original ip daddr @vips goto known',
  );
  expect(rules(wanted, 'sluice_v1', 'prerouting')).toBeUndefined();
  expect([...wanted.keys()]).toEqual(['sluice_v1', 'sluice_guard_v1']);
});

test('the guard at input comes behind IPVS, and lets pass what it has translated', () => {
  const wanted = tables(dataplane(service('web', THREE)));
  const guard = wanted.get('sluice_guard_v1')!.chains;
  expect(guard.get('input')?.base?.priority).toBe(110);
  expect(rules(wanted, 'sluice_guard_v1', 'postrouting')?.slice(0, 2)).toEqual([
    'ct direction original ct original ip daddr @vips accept',
    'ct direction reply ip saddr @vips accept',
  ]);
  expect(rules(wanted, 'sluice_guard_v1', 'untranslated')?.at(-1)).toBe(
    'ct direction reply ct original ip daddr @vips ip saddr . meta l4proto . th sport @sources counter name server_untranslated drop',
  );
});

test('direct routing and tunnels are IPVS’s alone: no ids, no source of an answer to guard', () => {
  const tunnel = { type: 'ipip', checksum: 'none' } as const;
  const wanted = tables(dataplane(service('web', THREE, { tunnel })));
  expect(wanted.get('sluice_v1')!.sets.get('members')!.elements.size).toBe(0);
  expect(wanted.get('sluice_guard_v1')!.sets.get('sources')!.elements.size).toBe(0);
  expect(rules(wanted, 'sluice_guard_v1', 'transit')?.[0]).toBe('fib saddr type local return');
});

test('ids are found again in the map, those of servers that have left are kept', () => {
  const members: FoundSet = {
    kind: 'map',
    stamp: '',
    tallies: new Map(),
    elements: new Map([
      ['203.0.113.10 . tcp . 80 . 10.2.0.22', '7'],
      ['203.0.113.10 . tcp . 80 . 10.2.0.99', '2'],
    ]),
  };
  const found: Found = new Map([
    ['sluice_v1', { chains: new Map(), counters: new Map(), sets: new Map([['members', members]]) }],
  ]);
  const wanted = tables(dataplane(service('web', THREE.slice(0, 2))), found);
  expect([...wanted.get('sluice_v1')!.sets.get('members')!.elements].sort()).toEqual([
    ['203.0.113.10 . tcp . 80 . 10.2.0.21', '1'],
    ['203.0.113.10 . tcp . 80 . 10.2.0.22', '7'],
    ['203.0.113.10 . tcp . 80 . 10.2.0.99', '2'],
  ]);
});

test('of connections that other directors hold, more is told', () => {
  const wanted = tables(dataplane(service('web', THREE.slice(0, 1), { sync: 'all' })));
  expect(rules(wanted, 'sluice_v1', 'postrouting')?.at(-1)).toBe(
    'ct mark and 0xffff @told_everything ct event set 0xbd',
  );
});
