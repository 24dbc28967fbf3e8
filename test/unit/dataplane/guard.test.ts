/** The guard table as nft gets it. What its rules do to packets is in test/contract/dataplane. */
import { expect, test } from 'vitest';
import { guardTable } from '../../../src/core/dataplane/rules/guard.ts';
import type { WantedTable } from '../../../src/core/dataplane/ruleset.ts';
import { dataplane, service, THREE } from './model.ts';

const elements = (table: WantedTable, set: string) => [...(table.sets.get(set)?.elements.keys() ?? [])];

test('what passes between upstream interfaces: for a VIP, translated, a real server on one arm; all else is counted', () => {
  const { chains } = guardTable(dataplane(service('web', THREE)));
  expect(chains.get('postrouting')).toEqual({
    base: { type: 'filter', hook: 'postrouting', priority: 110 },
    rules: ['ct status dnat accept', 'iif != 0 jump untranslated', 'iifname @upstream oifname @upstream jump transit'],
  });
  expect(chains.get('transit')).toEqual({
    base: undefined,
    rules: [
      'ip protocol igmp return',
      'ct status snat return',
      'ip daddr @vips return',
      'iifname . oifname @one_arm ip saddr @real_servers return',
      'iifname . oifname @one_arm ip daddr @real_servers return',
      'counter name transit drop',
    ],
  });
});

test('what a server sends from a service port is of no connection, or begins one: asked of what no one translates back', () => {
  const source = 'ct original ip saddr . meta l4proto . ct original proto-src @sources';
  const drop = 'counter name server_untranslated drop';
  const { chains } = guardTable(dataplane(service('web', THREE)));
  expect(chains.get('untranslated')).toEqual({
    base: undefined,
    rules: [
      `ct state invalid ip saddr . meta l4proto . th sport @sources ${drop}`,
      `ct direction original meta l4proto tcp ${source} ${drop}`,
      `ct direction original meta l4proto udp ${source} ${drop}`,
    ],
  });
});

test('servers of a service by mark: nothing of theirs begins in the middle, also when it is translated', () => {
  const { chains } = guardTable(dataplane(service('web', THREE, { ports: [], fwmark: 7 })));
  expect(chains.get('postrouting')?.rules.at(0)).toBe(
    'ct state new iif != 0 ct original ip saddr @marked_servers tcp flags & (syn | ack) != syn counter name server_untranslated drop',
  );
  expect(chains.get('untranslated')?.rules.at(-1)).toBe(
    'ct state invalid ip saddr @marked_servers counter name server_untranslated drop',
  );
});

test('the interfaces and the servers are elements, so that the rules never change', () => {
  const table = guardTable({ ...dataplane(service('web', THREE.slice(0, 2))), upstream: ['eth1', 'bond0.100'] });
  expect(elements(table, 'upstream')).toEqual(['"eth1"', '"bond0.100"']);
  expect(elements(table, 'one_arm')).toEqual(['"eth1" . "eth1"', '"bond0.100" . "bond0.100"']);
  expect(elements(table, 'real_servers')).toEqual(['10.2.0.21', '10.2.0.22']);
  const without = guardTable({ ...dataplane(), upstream: [] });
  expect(without.chains).toEqual(table.chains);
  expect(elements(without, 'upstream')).toEqual([]);
});
