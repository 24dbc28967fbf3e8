/** The rules by connection marks as nft gets them. What they do to packets and events is in test/contract/dataplane. */
import { expect, test } from 'vitest';
import { toEnd } from '../../../src/core/base/steps.ts';
import { SERVER_ID_EXPRESSION, TAKE_OVER } from '../../../src/core/dataplane/mark.ts';
import { missPart } from '../../../src/core/dataplane/rules/miss.ts';
import { OWNERSHIP_PART, TELL_OF_LIFE, tellOfLife } from '../../../src/core/dataplane/rules/ownership.ts';
import { RulesetMemory, wantedSteps } from '../../../src/core/dataplane/rules/wanted.ts';
import { assignServerIds } from '../../../src/core/dataplane/server-ids.ts';
import type { DesiredService } from '../../../src/core/model/dataplane.ts';
import { dataplane, service, THREE } from './model.ts';

test('who carries a connection, and what is told of it', () => {
  expect(TELL_OF_LIFE).toBe('ct event set 0x14');
  const claim =
    'ct mark and 0x80000000 == 0x80000000 ct direction original ct mark set ct mark and 0x3fffffff or 0x40000000';
  expect(OWNERSHIP_PART.rules).toEqual({
    known: ['tcp flags & (fin | rst) != 0 goto ending'],
    ending: [
      'ct mark and 0xc0000000 != 0 jump ending_elsewhere',
      'ct event set 0xb4 ct mark set ct mark or 0x20000000',
    ],
    flagged: ['ct mark and 0xe0000000 != 0 ct event set 0x94', claim],
  });
  expect(OWNERSHIP_PART.chains?.get('ending_elsewhere')).toEqual([
    'ct direction reply ct status & assured == 0 tcp flags & rst == rst drop',
    'ct event set 0x94',
    claim,
  ]);
});

test('of a connection that is synced more is told', () => {
  const tcp = (['established', 'off', undefined] as const).map((sync) => tellOfLife({ sync, protocol: 'tcp' }));
  expect(new Set(tcp)).toEqual(new Set([TELL_OF_LIFE]));
  expect(tellOfLife({ sync: 'off', protocol: 'udp' })).toBe(TELL_OF_LIFE);
  expect(tellOfLife({ sync: 'established', protocol: 'udp' })).toBe('ct event set 0x1c');
  expect(tellOfLife({ sync: 'all', protocol: 'tcp' })).toBe('ct event set 0xbd');
});

/** What a statement `ct mark set ct mark and A or B` makes of a mark. */
function marked(mark: number, statement: string): number {
  const [, and, or] = /and (0x[0-9a-f]+) or (0x[0-9a-f]+)/.exec(statement) ?? [];
  return ((mark & Number(and)) | Number(or)) >>> 0;
}

test('taking a replica over leaves its server and that it is closing as they are', () => {
  expect(SERVER_ID_EXPRESSION).toBe('ct mark and 0xffff');
  expect(marked(0x80000007, TAKE_OVER)).toBe(0x40000007);
  expect(marked(0xa000ffff, TAKE_OVER)).toBe(0x6000ffff);
});

/** The rules that packets of known connections meet, for some services. */
function knownRules(...services: readonly DesiredService[]) {
  const ids = assignServerIds(dataplane(...services), new Map(), new Map());
  const tables = toEnd(wantedSteps(dataplane(...services), ids, new Map(), new RulesetMemory()));
  return tables.get('sluice_v1')?.chains.get('known')?.rules;
}

test('a packet of a known connection without FIN, RST or flag is counted, and nothing else; its client is remembered', () => {
  const web = service('web', THREE);
  const rules = (verdict: string) => [
    'tcp flags & (fin | rst) != 0 goto ending',
    `ct direction original ct mark @traffic_in ${verdict}`,
    'ct direction reply ct mark @traffic_out accept',
    'goto flagged',
  ];
  expect(knownRules(web)).toEqual(rules('accept'));
  expect(knownRules(web, service('shop', THREE, { persistence: 90_000 }))).toEqual(rules('goto refresh'));
});

test('second chance: no SYN, one look at the state, then only while an element lives; limits before what is told', () => {
  const { rules, chains, sets } = missPart([service('web', THREE.slice(0, 2))]);
  expect(rules).toEqual({
    mid_life: [
      'tcp flags & (syn | ack | rst) == syn accept',
      'ct state invalid,new meta l4proto @second_chance jump miss',
    ],
  });
  expect(chains?.get('miss')).toEqual([
    'iifname "sluice-miss" counter name returned_unknown drop',
    'ip daddr @lips ip saddr @real_servers limit rate 20000/second burst 2000 packets log group 7217 queue-threshold 1 counter name asked',
    'ip daddr @lips drop',
    'ip daddr @vips meta l4proto tcp goto miss_vip',
  ]);
  expect(chains?.get('miss_vip')).toEqual([
    'update @miss_sources { jhash ip saddr mod 4096 limit rate over 1000/second burst 1000 packets } drop',
    'limit rate over 2000/second burst 2000 packets drop',
    'update @miss_asked { ip saddr . th sport limit rate over 10/second burst 16 packets } drop',
    'log group 7217 queue-threshold 1 counter name asked drop',
  ]);
  const elements = [...(sets ?? [])].map(([name, set]) => [name, [...set.elements.keys()]]);
  expect(elements).toEqual([
    ['second_chance', []],
    ['miss_sources', []],
    ['miss_asked', []],
    ['vips', ['203.0.113.10']],
    ['real_servers', ['10.2.0.21', '10.2.0.22']],
  ]);
});
