import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { ForeignBlocks, handOverPart } from '../../../src/core/dataplane/rules/hand-over.ts';
import { lipOwners } from '../../../src/core/hash/lips.ts';
import { portsOf } from '../../../src/core/hash/port-blocks.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { dataplane, service, THREE } from './model.ts';

const NAMES = ['d1', 'd2', 'd3'] as const;
const SHARED = ipv4('10.8.0.1');
const LINKS = new Map([
  ['y0', 7],
  ['eth1', 2],
]);

const OF_CLUSTER: Partial<DesiredDataplane> = {
  self: 'd1',
  members: NAMES,
  local: { directors: NAMES.map((name, i) => ({ name, local: [ipv4('10.3.0.1') + i] })), shared: [SHARED] },
  handOver: { device: 'y0', peers: { d2: ipv4('10.4.0.2'), d3: ipv4('10.4.0.3') } },
};

const DESIRED: DesiredDataplane = { ...dataplane(service('web', THREE, { fullnat: true })), ...OF_CLUSTER };

const part = (desired: DesiredDataplane, links = LINKS) => handOverPart(desired, links, new ForeignBlocks());

/** Where the map sends a port of the shared address; undefined = nowhere. */
function wayOf(elements: ReadonlyMap<string, string>, port: number): string | undefined {
  const found = [...elements].filter(([key]) => {
    const [, low, high] = /^10\.8\.0\.1 \. (\d+)-(\d+)$/.exec(key) ?? [];
    return Number(low) <= port && port <= Number(high);
  });
  expect(found.length).toBeLessThanOrEqual(1);
  return found[0]?.[1];
}

describe('hand-over', () => {
  test('the rules', () => {
    const { rules, chains, counters } = part(DESIRED);
    expect(rules).toEqual({ mid_life: ['ct state invalid,new iifname != "y0" jump hand_over'] });
    expect(chains!.get('hand_over')).toEqual([
      'ip daddr @lips ip saddr @real_servers meta l4proto { tcp, udp } dup to ip daddr . th dport map @hand_over device 7 counter name handed_over drop',
      'ip daddr @lips icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,64,8 0x45 dup to ip daddr . @th,224,16 map @hand_over_numbers device 7 counter name handed_over drop',
    ]);
    expect(counters).toEqual(['handed_over']);
  });

  test('for pools: anybody’s answers, and echoes', () => {
    const from = { address: ipv4('10.2.0.0'), length: 24 };
    const egress = { links: ['eth1'], pools: [{ name: 'out', from, pool: [ipv4('198.51.100.20')] }] };
    const { chains, sets } = part({ ...dataplane(service('web', THREE)), ...OF_CLUSTER, egress });
    expect(chains!.get('hand_over')).toEqual([
      'ip daddr @pools meta l4proto { tcp, udp } dup to ip daddr . th dport map @hand_over device 7 counter name handed_over drop',
      'ip daddr @pools icmp type { destination-unreachable, time-exceeded, parameter-problem } @th,64,8 0x45 dup to ip daddr . @th,224,16 map @hand_over_numbers device 7 counter name handed_over drop',
      'ip daddr @pools icmp type echo-reply dup to ip daddr . @th,32,16 map @hand_over_numbers device 7 counter name handed_over drop',
    ]);
    expect([...sets!.get('pools')!.elements.keys()]).toEqual(['198.51.100.20']);
    const addresses = [...sets!.get('hand_over')!.elements.keys()].map((key) => key.split(' ')[0]);
    expect(new Set(addresses)).toEqual(new Set(['10.8.0.1', '198.51.100.20']));
  });

  test('over tunnels these are not tracked', () => {
    const { rules } = part({ ...DESIRED, handOver: { ...DESIRED.handOver!, tunnelPort: 4789 } });
    expect(rules?.untracked_in).toEqual(['udp dport 4789 notrack']);
    expect(rules?.untracked_out).toEqual(['udp dport 4789 notrack']);
  });

  test('every port goes to its owner, own ports and those of no block nowhere; adjacent blocks of one owner are one range', () => {
    const owners = lipOwners(DESIRED)!.get(SHARED)!;
    const { elements } = part(DESIRED).sets!.get('hand_over')!;
    const addresses: Readonly<Record<string, string>> = { d2: '10.4.0.2', d3: '10.4.0.3' };
    for (const [block, owner] of owners.entries()) {
      const { low, high } = portsOf(block);
      expect([wayOf(elements, low), wayOf(elements, high)]).toEqual([addresses[owner], addresses[owner]]);
    }
    expect(wayOf(elements, 1023)).toBeUndefined();
    const changes = owners.filter((owner, block) => owner !== 'd1' && owner !== owners[block - 1]);
    expect(elements.size).toBe(changes.length);
    expect(part(DESIRED).sets!.get('hand_over_numbers')!.elements).toEqual(elements);
  });

  test('addresses of one director are not handed over', () => {
    const { elements } = part(DESIRED).sets!.get('hand_over')!;
    expect([...elements.keys()].filter((key) => !key.startsWith('10.8.0.1 . '))).toEqual([]);
  });

  test('what is anew is computed when those who live have changed, and else not', () => {
    const blocks = new ForeignBlocks();
    const before = blocks.of(DESIRED);
    expect(blocks.of({ ...DESIRED })).toBe(before);
    const after = blocks.of({ ...DESIRED, members: ['d1', 'd2'] });
    expect(new Set(after.values())).toEqual(new Set(['10.4.0.2']));
  });

  test.each<[string, DesiredDataplane, ReadonlyMap<string, number>]>([
    ['without a hand-over', { ...DESIRED, handOver: undefined }, LINKS],
    ['without a FullNAT service or a pool', { ...DESIRED, services: [service('web', THREE)] }, LINKS],
    ['while the interface is not there', DESIRED, new Map([['eth1', 2]])],
  ])('%s: nothing', (_what, desired, links) => {
    expect(part(desired, new Map(links))).toEqual({});
  });

  test('as long as it is not known who lives, nothing goes anywhere', () => {
    expect(part({ ...DESIRED, members: ['d2', 'd3'] }).sets!.get('hand_over')!.elements.size).toBe(0);
  });
});
