/** Directors that are real servers of direct routing, too: how IPVS knows such a service, and the rules beside it. */
import { expect, test } from 'vitest';
import { wishedServices } from '../../../src/core/dataplane/ipvs/desired.ts';
import { loopMark } from '../../../src/core/dataplane/ipvs/looped.ts';
import { IPVS_TABLES } from '../../../src/core/dataplane/ipvs/tables.ts';
import { DATA_TABLE, GUARD_TABLE } from '../../../src/core/dataplane/names.ts';
import { RulesetMemory } from '../../../src/core/dataplane/rules/wanted.ts';
import type { DesiredDataplane } from '../../../src/core/model/dataplane.ts';
import { dataplane, service } from './model.ts';

const MACS = { d1: ['02:00:00:00:00:d1'], d2: ['02:00:00:00:00:d2', '02:00:00:00:01:d2'] };

/** `self`: the director that has it; `web` has one server on each of d1 and d2, `api` none. */
function desired(self: string): DesiredDataplane {
  const looped = service('web', [
    { name: 'a', address: '10.2.0.11', director: 'd1' },
    { name: 'b', address: '10.2.0.12', director: 'd2' },
  ]);
  const plain = service('api', [{ name: 'c', address: '10.2.0.13' }], { ports: [8080] });
  const direct = { device: 'in0' };
  return { ...dataplane({ ...looped, ports: [80, 443], direct }, { ...plain, direct }), self, macs: MACS };
}

function tables(of: DesiredDataplane) {
  const steps = IPVS_TABLES.steps(of, new Map(), new Map(), new RulesetMemory(), new Map());
  let step = steps.next();
  while (step.done !== true) step = steps.next();
  const data = step.value.get(DATA_TABLE)!;
  const guard = step.value.get(GUARD_TABLE)!;
  const elements = (table: typeof data, name: string) => [...(table.sets.get(name)?.elements ?? [])];
  return { data, guard, elements };
}

const MARK = loopMark({ name: 'web' });
const SENT_ON = 0x5d000000;

test('the service is known by a mark of its name, the others by their VIPs and ports', () => {
  expect(wishedServices(desired('d1')).map(({ key }) => key)).toEqual([
    { fwmark: MARK, family: 'ipv4' },
    { protocol: 6, address: 0xcb00710a, port: 8080 },
  ]);
  expect(MARK >>> 24).toBe(0x5c);
});

test('packets for its ports get the mark, unless a fellow director has sent them on', () => {
  const { data, elements } = tables(desired('d1'));
  expect(data.chains.get('mid_life')?.rules[0]).toBe('jump from_clients');
  expect(data.chains.get('from_clients')?.rules).toEqual([
    `ether saddr @fellows ip daddr @vips meta mark set ${SENT_ON} return`,
    'ether saddr @fellows return',
    'meta mark set ip daddr . meta l4proto . th dport map @looped',
  ]);
  expect(elements(data, 'fellows').map(([mac]) => mac)).toEqual(MACS.d2);
  expect(elements(data, 'looped')).toEqual([
    ['203.0.113.10 . tcp . 80', String(MARK)],
    ['203.0.113.10 . tcp . 443', String(MARK)],
  ]);
});

test('what a fellow has sent on, and IPVS would send on by what it remembers, has its route looked up anew', () => {
  const { data } = tables(desired('d1'));
  expect(data.chains.get('turned_in')).toEqual({
    base: { type: 'route', hook: 'output', priority: -150 },
    rules: [`meta mark ${SENT_ON} meta mark set 0`],
  });
});

test('a director that is a server lets its own programs answer, another one does not', () => {
  const { guard, elements } = tables(desired('d2'));
  expect(guard.chains.get('input')?.rules[0]).toBe('ip daddr . meta l4proto . th dport @own accept');
  expect(elements(guard, 'own').map(([element]) => element)).toEqual([
    '203.0.113.10 . tcp . 80',
    '203.0.113.10 . tcp . 443',
  ]);
  const third = tables(desired('d3'));
  expect(third.guard.chains.get('input')?.rules[0]).not.toContain('@own');
  expect(third.data.chains.has('from_clients')).toBe(true);
});

test('where no server is a director there is nothing of this', () => {
  const { services, ...rest } = desired('d1');
  const without = { ...rest, services: services.filter(({ name }) => name === 'api') };
  const { data, guard } = tables(without);
  expect(['from_clients', 'turned_in'].filter((name) => data.chains.has(name))).toEqual([]);
  expect([data.sets.has('looped'), guard.sets.has('own')]).toEqual([false, false]);
});
