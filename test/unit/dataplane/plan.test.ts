import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import { toEnd } from '../../../src/core/base/steps.ts';
import { describe as describeOperation, transactionSteps } from '../../../src/core/dataplane/nft/text.ts';
import { type Operation, planSteps } from '../../../src/core/dataplane/plan.ts';
import { RulesetMemory, wantedSteps } from '../../../src/core/dataplane/rules/wanted.ts';
import { assignServerIds } from '../../../src/core/dataplane/server-ids.ts';
import type { DesiredDataplane, ServerState } from '../../../src/core/model/dataplane.ts';
import { FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { THOROUGH } from '../../sizes.ts';
import { dataplane, service, THREE, withState } from './model.ts';

async function planFor(desired: DesiredDataplane, kernel: FakeKernel): Promise<readonly Operation[]> {
  const { tables } = await kernel.read();
  const ids = assignServerIds(desired, tables, new Map());
  return toEnd(planSteps(toEnd(wantedSteps(desired, ids, tables, new RulesetMemory())), tables));
}

async function converge(desired: DesiredDataplane, kernel: FakeKernel): Promise<readonly Operation[]> {
  const operations = await planFor(desired, kernel);
  await kernel.write(operations);
  return operations;
}

describe('plan', () => {
  test('an empty kernel gets everything, in an order that nft accepts', async () => {
    const operations = await converge(dataplane(service('web', THREE.slice(0, 2))), new FakeKernel());
    expect(operations.map(describeOperation)).toEqual([
      'sluice_v1: add table',
      'sluice_v1 asked: add counter',
      'sluice_v1 returned_unknown: add counter',
      'sluice_v1 new_web: add counter',
      'sluice_v1 miss_web: add counter',
      'sluice_v1 second_chance: add set',
      'sluice_v1 miss_sources: add set',
      'sluice_v1 miss_asked: add set',
      'sluice_v1 vips: add set',
      'sluice_v1 real_servers: add set',
      'sluice_v1 services: add map',
      'sluice_v1 ended: add set',
      'sluice_v1 traffic_in: add set',
      'sluice_v1 traffic_out: add set',
      'sluice_v1 lips: add set',
      'sluice_v1 slots_web: add map',
      'sluice_v1 servers_web: add map',
      'sluice_v1 mid_life: add chain',
      'sluice_v1 known: add chain',
      'sluice_v1 ending: add chain',
      'sluice_v1 flagged: add chain',
      'sluice_v1 prerouting: add chain',
      'sluice_v1 miss: add chain',
      'sluice_v1 miss_vip: add chain',
      'sluice_v1 ending_elsewhere: add chain',
      'sluice_v1 service_web: add chain',
      'sluice_v1 mid_life: write 3 rules',
      'sluice_v1 known: write 4 rules',
      'sluice_v1 ending: write 4 rules',
      'sluice_v1 flagged: write 4 rules',
      'sluice_v1 prerouting: write 1 rules',
      'sluice_v1 miss: write 4 rules',
      'sluice_v1 miss_vip: write 4 rules',
      'sluice_v1 ending_elsewhere: write 3 rules',
      'sluice_v1 service_web: write 5 rules',
      'sluice_v1 vips: write 1 of 1 elements (203.0.113.10)',
      'sluice_v1 real_servers: write 2 of 2 elements (10.2.0.21, 10.2.0.22)',
      'sluice_v1 services: write 1 of 1 elements (203.0.113.10 . tcp . 80 : goto service_web)',
      'sluice_v1 traffic_in: write 2 of 2 elements (1, 2)',
      'sluice_v1 traffic_out: write 2 of 2 elements (1, 2)',
      'sluice_v1 slots_web: write 4099 of 4099 elements',
      'sluice_v1 servers_web: write 2 of 2 elements (1 : 10.2.0.21, 2 : 10.2.0.22)',
      'sluice_guard_v1: add table',
      'sluice_guard_v1 vip_unknown: add counter',
      'sluice_guard_v1 server_untranslated: add counter',
      'sluice_guard_v1 transit: add counter',
      'sluice_guard_v1 vips: add set',
      'sluice_guard_v1 sources: add set',
      'sluice_guard_v1 upstream: add set',
      'sluice_guard_v1 one_arm: add set',
      'sluice_guard_v1 real_servers: add set',
      'sluice_guard_v1 input: add chain',
      'sluice_guard_v1 untranslated: add chain',
      'sluice_guard_v1 transit: add chain',
      'sluice_guard_v1 postrouting: add chain',
      'sluice_guard_v1 input: write 2 rules',
      'sluice_guard_v1 untranslated: write 3 rules',
      'sluice_guard_v1 transit: write 6 rules',
      'sluice_guard_v1 postrouting: write 3 rules',
      'sluice_guard_v1 vips: write 1 of 1 elements (203.0.113.10)',
      'sluice_guard_v1 sources: write 2 of 2 elements (10.2.0.21 . tcp . 80, 10.2.0.22 . tcp . 80)',
      'sluice_guard_v1 upstream: write 2 of 2 elements ("eth1", "eth2")',
      'sluice_guard_v1 one_arm: write 2 of 2 elements ("eth1" . "eth1", "eth2" . "eth2")',
      'sluice_guard_v1 real_servers: write 2 of 2 elements (10.2.0.21, 10.2.0.22)',
    ]);
  });

  test('a map that was declared in another way is made anew, between the rules that go and those that come', async () => {
    const kernel = new FakeKernel();
    const desired = dataplane(service('web', THREE.slice(0, 2)));
    await converge(desired, kernel);
    const sets = kernel.tables.get('sluice_v1')!.sets;
    sets.set('servers_web', { ...sets.get('servers_web')!, stamp: 'sluice 00000000' });
    const operations = await converge(desired, kernel);
    expect(operations.map(describeOperation)).toEqual([
      'sluice_v1 service_web: flush chain',
      'sluice_v1 servers_web: delete map',
      'sluice_v1 servers_web: add map',
      'sluice_v1 service_web: write 5 rules',
      'sluice_v1 servers_web: write 2 of 2 elements (1 : 10.2.0.21, 2 : 10.2.0.22)',
    ]);
    expect(await planFor(desired, kernel)).toEqual([]);
  });

  test('a map whose data are ports is made anew with the rules by it, and with no others', async () => {
    const kernel = new FakeKernel();
    const local = { directors: [{ name: 'd1', local: [ipv4('10.3.0.1')] }], shared: [] };
    const desired = {
      ...dataplane(service('web', THREE.slice(0, 2), { fullnat: true })),
      self: 'd1',
      members: ['d1'],
      local,
    };
    await converge(desired, kernel);
    const table = kernel.tables.get('sluice_v1')!;
    const rewritten = async (chain: string) => {
      table.chains.set(chain, { ...table.chains.get(chain)!, stamps: [], shapes: [] });
      return (await converge(desired, kernel)).map(describeOperation);
    };
    expect(await rewritten('known')).toEqual(['sluice_v1 known: write 4 rules']);
    expect(await rewritten('postrouting')).toEqual([
      'sluice_v1 postrouting: flush chain',
      'sluice_v1 blocks: delete map',
      'sluice_v1 blocks: add map',
      'sluice_v1 postrouting: write 3 rules',
      'sluice_v1 blocks: write 1009 of 1009 elements',
    ]);
    expect(await planFor(desired, kernel)).toEqual([]);
  });

  test('the transaction of a small change is the change and nothing else', async () => {
    const kernel = new FakeKernel();
    await converge(dataplane(service('web', THREE)), kernel);
    const operations = await converge(dataplane(service('web', THREE, { ports: [80, 443] })), kernel);
    expect(toEnd(transactionSteps(operations)).join('')).toBe(
      [
        'add element ip sluice_v1 services { 203.0.113.10 . tcp . 443 : goto service_web }',
        'add element ip sluice_guard_v1 sources { 10.2.0.21 . tcp . 443, 10.2.0.22 . tcp . 443, 10.2.0.23 . tcp . 443 }',
        '',
      ].join('\n'),
    );
  });

  test('the rules of a service, as nft gets them', async () => {
    const operations = await planFor(dataplane(service('web', THREE)), new FakeKernel());
    const rules = operations.filter((operation) => operation.kind === 'set-rules' && operation.name === 'service_web');
    const text = toEnd(transactionSteps(rules))
      .join('')
      .replace(/ comment "sluice [0-9a-f]{8}"/g, '');
    expect(text).toBe(
      [
        'flush chain ip sluice_v1 service_web',
        'add rule ip sluice_v1 service_web counter name new_web',
        'add rule ip sluice_v1 service_web ct event set 0x14',
        'add rule ip sluice_v1 service_web ct mark set jhash ip saddr . th sport mod 4099 seed 0x51c1ce00 map @slots_web',
        'add rule ip sluice_v1 service_web dnat to ct mark and 0xffff map @servers_web',
        'add rule ip sluice_v1 service_web counter name miss_web',
        '',
      ].join('\n'),
    );
  });

  test('a server that goes down changes its own slots only, and nothing else', async () => {
    const kernel = new FakeKernel();
    await converge(dataplane(service('web', THREE)), kernel);
    const before = new Map(kernel.tables.get('sluice_v1')?.sets.get('slots_web')?.elements);
    const owned = [...before].filter(([, id]) => id === '2').map(([slot]) => slot);
    const operations = await converge(dataplane(service('web', withState(THREE, 'r2', 'down'))), kernel);
    expect(operations).toHaveLength(1);
    const [change] = operations;
    if (change?.kind !== 'elements') throw new Error('expected a change of elements');
    expect(new Set(change.remove)).toEqual(new Set(owned));
    expect(new Set(change.add.keys())).toEqual(new Set(owned));
    expect([...change.add.values()]).not.toContain('2');
  });

  test('when every server is down the slots stay with the file; when all are drained they are empty', async () => {
    const kernel = new FakeKernel();
    const all = (state: ServerState) => THREE.map((server) => ({ ...server, state }));
    await converge(dataplane(service('web', THREE)), kernel);
    expect(await converge(dataplane(service('web', all('down'))), kernel)).toEqual([]);
    await converge(dataplane(service('web', all('drained'))), kernel);
    expect(kernel.tables.get('sluice_v1')?.sets.get('slots_web')?.elements.size).toBe(0);
  });

  test('a service that leaves takes its objects with it, after what refers to them', async () => {
    const kernel = new FakeKernel();
    await converge(dataplane(service('web', THREE), service('dns', THREE, { protocol: 'udp', ports: [53] })), kernel);
    const operations = await converge(dataplane(service('web', THREE)), kernel);
    expect(operations.map(describeOperation)).toEqual([
      'sluice_v1 services: remove 1 elements (203.0.113.10 . udp . 53)',
      'sluice_v1 service_dns: flush chain',
      'sluice_v1 slots_dns: delete map',
      'sluice_v1 servers_dns: delete map',
      'sluice_v1 service_dns: delete chain',
      'sluice_v1 new_dns: delete counter',
      'sluice_v1 miss_dns: delete counter',
      'sluice_guard_v1 sources: remove 3 elements (10.2.0.21 . udp . 53, 10.2.0.22 . udp . 53, 10.2.0.23 . udp . 53)',
    ]);
  });

  test('a rule that somebody added is removed by writing the chain again', async () => {
    const kernel = new FakeKernel();
    const desired = dataplane(service('web', THREE));
    await converge(desired, kernel);
    const table = kernel.tables.get('sluice_v1');
    const chain = table?.chains.get('known');
    if (table === undefined || chain === undefined) throw new Error('no chain to tamper with');
    table.chains.set('known', { ...chain, stamps: [...chain.stamps, ''], shapes: [...chain.shapes, 'drop'] });
    expect((await planFor(desired, kernel)).map(describeOperation)).toEqual(['sluice_v1 known: write 4 rules']);
  });

  const anyServer = fc.record({
    name: fc.constantFrom('a', 'b', 'c', 'd'),
    last: fc.integer({ min: 1, max: 6 }),
    weight: fc.integer({ min: 0, max: 3 }),
    state: fc.constantFrom<ServerState>('up', 'down', 'drained'),
  });
  const anyService = fc.record({
    vips: fc.uniqueArray(fc.constantFrom('203.0.113.10', '203.0.113.11'), { minLength: 1 }),
    ports: fc.uniqueArray(fc.constantFrom(80, 443, 8080), { minLength: 1 }),
    protocol: fc.constantFrom<'tcp' | 'udp'>('tcp', 'udp'),
    servers: fc.array(anyServer, { maxLength: 4 }),
  });
  const anyDataplane = fc.dictionary(fc.constantFrom('web', 'dns', 'a_b', 'x.y'), anyService, { maxKeys: 3 });

  test('from any data plane to any other: one plan gets there, the second is empty', async () => {
    await fc.assert(
      fc.asyncProperty(anyDataplane, anyDataplane, async (first, second) => {
        const kernel = new FakeKernel();
        for (const spec of [first, second]) {
          const desired = dataplane(
            ...Object.entries(spec).map(([name, s]) =>
              service(
                name,
                s.servers.map((server) => ({ ...server, address: `10.2.0.${server.last}` })),
                { vips: s.vips.map(ipv4), ports: s.ports, protocol: s.protocol },
              ),
            ),
          );
          await converge(desired, kernel);
          expect(await planFor(desired, kernel)).toEqual([]);
        }
      }),
      { numRuns: THOROUGH ? 200 : 12, seed: 7 },
    );
  });
});

test('what a service with persistence adds, and what takes it away again', async () => {
  const kernel = new FakeKernel();
  const plain = dataplane(service('web', THREE.slice(0, 2)));
  const sticky = dataplane(service('web', withState(THREE.slice(0, 2), 'r2', 'drained'), { persistence: 90_000 }));
  await converge(plain, kernel);
  const written = toEnd(transactionSteps(await converge(sticky, kernel))).join('');
  const stamps = / comment "sluice \w+"/g;
  const lines = written.replaceAll(stamps, '').split('\n');
  // Others have rules in the chains of known packets, too.
  const others = /slots_web \{|sluice_v1 (known|ending|flagged)(?!.*@refresh)/;
  expect(lines.filter((line) => !others.test(line))).toEqual([
    'add counter ip sluice_v1 full_web',
    'add set ip sluice_v1 takers { typeof ct mark; size 512;; }',
    'add map ip sluice_v1 refresh { typeof ct mark : verdict; size 512;; }',
    'add map ip sluice_v1 clients_web { typeof ip saddr : ct mark; size 65536; flags dynamic,timeout;; }',
    'add chain ip sluice_v1 refresh',
    'add chain ip sluice_v1 refresh_web',
    'add rule ip sluice_v1 ending ct direction original ct mark and 0xffff vmap @refresh',
    'add rule ip sluice_v1 flagged ct direction original ct mark and 0xffff vmap @refresh',
    'flush chain ip sluice_v1 refresh',
    'add rule ip sluice_v1 refresh ct mark vmap @refresh',
    'flush chain ip sluice_v1 refresh_web',
    'add rule ip sluice_v1 refresh_web ct state established update @clients_web { ip saddr timeout 90s : ct mark and 0xffff }',
    'flush chain ip sluice_v1 service_web',
    'add rule ip sluice_v1 service_web counter name new_web',
    'add rule ip sluice_v1 service_web ct event set 0x14',
    'add rule ip sluice_v1 service_web ct mark set ip saddr map @clients_web',
    'add rule ip sluice_v1 service_web ct mark and 0xffff != @takers delete @clients_web { ip saddr : ct mark } ct mark set 0',
    'add rule ip sluice_v1 service_web ct mark and 0xffff == 0 ct mark set jhash ip saddr . th sport mod 4099 seed 0x51c1ce00 map @slots_web',
    'add rule ip sluice_v1 service_web ct mark and 0xffff != 0 add @clients_web { ip saddr timeout 10s : ct mark and 0xffff } dnat to ct mark and 0xffff map @servers_web',
    'add rule ip sluice_v1 service_web ct mark and 0xffff != 0 counter name full_web dnat to ct mark and 0xffff map @servers_web',
    'add rule ip sluice_v1 service_web counter name miss_web',
    'add element ip sluice_v1 takers { 1 }',
    'add element ip sluice_v1 refresh { 1 : jump refresh_web }',
    '',
  ]);
  await converge(plain, kernel);
  const { tables } = await kernel.read();
  const left = [...tables.get('sluice_v1')!.sets.keys(), ...tables.get('sluice_v1')!.chains.keys()];
  expect(left.filter((name) => /takers|refresh|clients/.test(name))).toEqual([]);
});

test('timeouts come before the rules that name them, and go after', async () => {
  const kernel = new FakeKernel();
  const timed = dataplane(service('web', THREE.slice(0, 2), { timeouts: { established: 90, close: 3 } }));
  await converge(dataplane(service('web', THREE.slice(0, 2))), kernel);
  const stamps = / comment "sluice \w+"/g;
  const text = toEnd(transactionSteps(await converge(timed, kernel)))
    .join('')
    .replaceAll(stamps, '');
  const [first, ...rules] = text.split('\n');
  const name = /timeouts_tcp_\w{8}/.exec(first!)?.[0];
  expect(first).toBe(
    `add ct timeout ip sluice_v1 ${name} { protocol tcp; l3proto ip; policy = { established : 90, close : 3 }; }`,
  );
  expect(rules).toContain(`add rule ip sluice_v1 service_web ct timeout set "${name}"`);
  expect((await converge(dataplane(service('web', THREE.slice(0, 2))), kernel)).at(-1)).toMatchObject({
    kind: 'delete-timeout',
    name,
  });
});
