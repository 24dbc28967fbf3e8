/** The table of direct routing: what is in it, how it is read back, what becomes of it when interfaces come and go. */
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { toEnd } from '../../../src/core/base/steps.ts';
import { decodeChain } from '../../../src/core/dataplane/nft/messages.ts';
import { elementLayout, elementSteps } from '../../../src/core/dataplane/nft/read-back.ts';
import { RulesetMemory, wantedSteps } from '../../../src/core/dataplane/rules/wanted.ts';
import { assignServerIds } from '../../../src/core/dataplane/server-ids.ts';
import type { DesiredDirect, DesiredService } from '../../../src/core/model/dataplane.ts';
import { Converger } from '../../../src/drivers/dataplane/converge.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { atOnce } from '../../../src/drivers/dataplane/slices.ts';
import { service, THREE, withState } from './model.ts';

const LINKS = new Map([
  ['front', 2],
  ['back', 3],
]);

function direct(more: Partial<DesiredService> = {}, way: Partial<DesiredDirect> = {}): DesiredService {
  return service('web', THREE, { direct: { device: 'back', ...way }, ...more });
}

const plane = (...services: readonly DesiredService[]) => ({ services, upstream: ['front'] });

function wanted(one: DesiredService, links = LINKS) {
  const desired = plane(one);
  const ids = assignServerIds(desired, new Map(), new Map());
  return toEnd(wantedSteps(desired, ids, new Map(), new RulesetMemory(), links));
}

function rules(one: DesiredService, chain = 'service_web'): readonly unknown[] | undefined {
  return wanted(one).get('sluice_dr_v1')?.chains.get(chain)?.rules;
}

const HASH = 'jhash ip saddr . th sport mod 4099 seed 0x51c1ce00 map @slots_web';
const ON = 'fwd ip to meta mark map @servers_web device meta mark map @links';
const COUNT = 'counter name new_web meta mark @new_connections';
const LOST = 'counter name miss_web drop';

describe('the rules', () => {
  test('by the hash alone', () => {
    const tcp = `tcp flags & (syn | ack) == syn ${COUNT}`;
    expect(rules(direct())).toEqual(['meta mark set 0', `meta mark set ${HASH}`, tcp, ON, LOST]);
    expect(rules(direct({ protocol: 'udp' }))).toEqual(['meta mark set 0', `meta mark set ${HASH}`, ON, LOST]);
  });

  test('sticky: a SYN forgets what was, any other packet looks there first and writes down what it found', () => {
    expect(rules(direct({}, { sticky: 300_000 }))).toEqual([
      'meta mark set 0',
      'tcp flags & (syn | ack) != syn meta mark set ip saddr . th sport map @flows_web',
      'meta mark @down_web meta mark set 0',
      `meta mark 0 meta mark set ${HASH}`,
      'tcp flags & (syn | ack) != syn meta mark != 0 update @flows_web { ip saddr . th sport timeout 300s : meta mark }',
      'tcp flags & (syn | ack) == syn delete @flows_web { ip saddr . th sport : meta mark }',
      `tcp flags & (syn | ack) == syn ${COUNT}`,
      ON,
      LOST,
    ]);
    expect(rules(direct({ protocol: 'udp' }, { sticky: 300_000 }))).toEqual([
      'meta mark set 0',
      'meta mark set ip saddr . th sport map @flows_web',
      'meta mark @down_web meta mark set 0',
      `meta mark 0 meta mark set ${HASH} ${COUNT}`,
      'meta mark != 0 update @flows_web { ip saddr . th sport timeout 300s : meta mark }',
      ON,
      LOST,
    ]);
  });

  test('an ICMP error goes by the client that it quotes, hashed as the client’s own packets are', () => {
    const quoted = 'jhash @th,192,32 . @th,240,16 mod 4099 seed 0x51c1ce00 map @slots_web';
    expect(rules(direct(), 'errors_web')).toEqual(['meta mark set 0', `meta mark set ${quoted}`, ON]);
    const byAddress = direct({ scheduler: { name: 'mh', slots: 65537, sourcePort: false } });
    expect(rules(byAddress, 'errors_web')?.[1]).toContain('jhash @th,192,32 mod 65537');
  });

  test('what comes in for somebody else, because a switch floods it, is not taken', () => {
    const ingress = rules(direct(), 'ingress_front');
    expect(ingress).toHaveLength(2);
    for (const rule of ingress ?? []) expect(rule).toMatch(/^meta pkttype host .* vmap @(services|errors)$/);
  });

  test('nothing of it stands in the other tables but the VIP and the servers', () => {
    const tables = wanted(direct());
    expect([...(tables.get('sluice_v1')?.sets.get('services')?.elements ?? [])]).toEqual([]);
    expect(tables.get('sluice_v1')?.chains.has('service_web')).toBe(false);
    expect([...(tables.get('sluice_guard_v1')?.sets.get('sources')?.elements ?? [])]).toEqual([]);
    expect(tables.get('sluice_guard_v1')?.sets.get('vips')?.elements.size).toBe(1);
    expect(wanted(service('web', THREE)).has('sluice_dr_v1')).toBe(false);
  });

  test('servers that are down are not stuck to, unless all are; nor those whose connections are to end', () => {
    const down = (...names: readonly string[]) => {
      const list = names.reduce((servers, name) => withState(servers, name, 'down'), THREE);
      return left(service('web', list));
    };
    const left = (one: DesiredService) => {
      const sticky = { ...one, direct: { device: 'back', sticky: 60_000 } };
      return [...(wanted(sticky).get('sluice_dr_v1')?.sets.get('down_web')?.elements.keys() ?? [])];
    };
    expect(down('r2')).toEqual(['2']);
    expect(down('r1', 'r2', 'r3')).toEqual([]);
    const { servers, ...web } = service('web', withState(THREE, 'r3', 'drained'));
    expect(left({ ...web, servers })).toEqual([]);
    expect(left({ ...web, servers: servers.map((one) => ({ ...one, ended: one.name === 'r3' })) })).toEqual(['3']);
  });
});

describe('read back', () => {
  test('a chain of an interface', () => {
    const payload =
      '0500000211000100736c756963655f64725f76310000000011000300696e67726573735f65746831000000000c0002000000000000000002' +
      '30000400080001000000000008000200000000001000040009000100657468310000000009000300657468310000000008000500000000010b' +
      '00070066696c746572000008000a00000000010800060000000000';
    expect(decodeChain(Buffer.from(payload, 'hex'))).toEqual({
      table: 'sluice_dr_v1',
      name: 'ingress_eth1',
      base: { type: 'filter', hook: 'ingress', device: 'eth1', priority: 0 },
    });
  });

  test('services of packets within packets', () => {
    const payload =
      '0500000211000100736c756963655f64725f7631000000000b0002006572726f7273000074000300380001001400010010000100cb00710a' +
      '1100000000350000200002001c00020008000100fffffffc0f0002006572726f72735f7765620000380001001400010010000100cb00710a06' +
      '00000000500000200002001c00020008000100fffffffc0f0002006572726f72735f7765620000';
    const layout = elementLayout('errors');
    if (layout === undefined) throw new Error('errors has no layout');
    const { elements } = toEnd(elementSteps([Buffer.from(payload, 'hex')], layout));
    const web = direct({ vips: [ipv4('203.0.113.10')] });
    expect(elements.get('3405803786 . 17 . 53')).toBe('goto errors_web');
    expect(wanted(web).get('sluice_dr_v1')?.sets.get('errors')?.elements).toEqual(
      new Map([['3405803786 . 6 . 80', elements.get('3405803786 . 6 . 80')]]),
    );
  });

  test('server ids are found again', async () => {
    const kernel = new FakeKernel();
    await new Converger(kernel, atOnce).apply(plane(service('dns', THREE, { protocol: 'udp' }), direct()));
    const { tables } = await kernel.read();
    const ids = assignServerIds(plane(direct(), service('new', THREE.slice(0, 1))), tables, new Map());
    expect([...(ids.get('web')?.values() ?? [])]).toEqual([4, 5, 6]);
    expect([...(ids.get('new')?.values() ?? [])]).toEqual([7]);
  });
});

describe('interfaces', () => {
  const begun = async () => {
    const kernel = new FakeKernel();
    const converger = new Converger(kernel, atOnce);
    await converger.apply(plane(direct()));
    return { kernel, apply: () => converger.apply(plane(direct())) };
  };

  test('a chain that went with its interface comes back with it', async () => {
    const { kernel, apply } = await begun();
    kernel.unplug('front');
    kernel.plug('front', 7);
    expect(await apply()).toEqual({
      programmed: ['web'],
      operations: ['sluice_dr_v1 ingress_front: add chain', 'sluice_dr_v1 ingress_front: write 2 rules'],
      drift: true,
    });
    expect((await apply()).operations).toEqual([]);
  });

  test('while the interface towards the servers is gone its services are not programmed; it comes back with another index', async () => {
    const { kernel, apply } = await begun();
    kernel.unplug('back');
    expect(await apply()).toEqual({
      programmed: [],
      operations: ['sluice_dr_v1 links: remove 3 elements (1, 2, 3)'],
      drift: false,
    });
    kernel.plug('back', 9);
    expect(await apply()).toEqual({
      programmed: ['web'],
      operations: ['sluice_dr_v1 links: write 3 of 3 elements (1 : 9, 2 : 9, 3 : 9)'],
      drift: false,
    });
  });

  test('an interface that was never there has no chain, and its absence is no fault', async () => {
    const converger = new Converger(new FakeKernel(), atOnce);
    const desired = { services: [direct()], upstream: ['front', 'absent'] };
    expect((await converger.apply(desired)).programmed).toEqual(['web']);
    expect((await converger.apply(desired)).operations).toEqual([]);
  });
});
