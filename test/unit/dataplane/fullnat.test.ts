/** FullNAT: the rules, the maps, and that prediction and fake agree. */
import { describe, expect, test } from 'vitest';
import { formatIpv4, ipv4 } from '../../../src/core/base/ipv4.ts';
import { flowPredictor, sourcePredictor } from '../../../src/core/hash/flow-prediction.ts';
import { lipOwners, ownBlocks } from '../../../src/core/hash/lips.ts';
import type { DesiredDataplane, DesiredService } from '../../../src/core/model/dataplane.ts';
import { FakeDataplane, FakeKernel } from '../../../src/drivers/dataplane/fake/fake.ts';
import { dataplane, service, THREE } from './model.ts';

const LOCAL = {
  directors: [
    { name: 'd1', local: [ipv4('10.3.0.1')] },
    { name: 'd2', local: [ipv4('10.3.0.2')] },
    { name: 'd3', local: [] },
  ],
  shared: [ipv4('10.8.0.1')],
};

const WEB = service('web', THREE, { fullnat: true });

function desired(more: Partial<DesiredDataplane> = {}, ...services: readonly DesiredService[]): DesiredDataplane {
  const all = services.length === 0 ? [WEB] : services;
  return { ...dataplane(...all), self: 'd1', members: ['d1', 'd2', 'd3'], local: LOCAL, ...more };
}

async function applied(wanted: DesiredDataplane, kernel = new FakeKernel()) {
  const driver = new FakeDataplane(kernel);
  const report = await driver.apply(wanted);
  const table = (name: string) => kernel.tables.get(name)!;
  const elements = (set: string) => table('sluice_v1').sets.get(set)?.elements ?? new Map<string, string>();
  const rules = (chain: string, name = 'sluice_v1') =>
    table(name)
      .chains.get(chain)
      ?.shapes.map((shape) => shape.trim()) ?? [];
  return { kernel, driver, report, elements, rules };
}

const CLIENT = ipv4('192.0.2.7');
const flow = (sport: number) => ({ protocol: 'tcp', source: CLIENT, sport, vip: WEB.vips[0]!, port: 80 }) as const;

describe('rules', () => {
  test('connections of FullNAT services get a port of an own block, or are dropped', async () => {
    const { elements, rules } = await applied(desired({}, WEB, service('plain', THREE, { ports: [81] })));
    const ours = 'ct status dnat ct mark and 0xffff @fullnat';
    const source = 'snat ip to jhash ip saddr . th sport mod 1009 seed 0x51c1ce0a map @blocks offset';
    expect(rules('postrouting')).toEqual([
      `${ours} meta l4proto tcp ${source}`,
      `${ours} meta l4proto udp ${source}`,
      `${ours} counter name fullnat_no_block drop`,
    ]);
    expect(elements('fullnat')).toEqual(new Map([...elements('servers_web').keys()].map((id) => [id, ''])));
    expect([...elements('lips').keys()]).toEqual(['10.3.0.1', '10.3.0.2', '10.8.0.1']);
    expect(elements('blocks').size).toBe(1009);
    expect(elements('blocks').get('0')).toMatch(/^10\.(3|8)\.0\.1 \. \d+-\d+$/);
  });

  test('the map has the own blocks and no others', async () => {
    const wanted = desired();
    const { elements } = await applied(wanted);
    const own = ownBlocks(wanted).map(({ address, block }) => `${formatIpv4(address)} ${1024 * (block + 1)}`);
    expect(own).toHaveLength(63 + 21);
    const used = [...elements('blocks').values()].map((data) => data.replace(/ \. (\d+)-\d+$/, ' $1'));
    expect(new Set(used)).toEqual(new Set(own));
  });

  test('a director that knows no port of its own drops', async () => {
    for (const more of [{ local: { ...LOCAL, shared: [] }, self: 'd3' }, { members: ['d2'] }]) {
      const { kernel, rules } = await applied(desired(more));
      expect(rules('postrouting')).toEqual([
        'ct status dnat ct mark and 0xffff @fullnat counter name fullnat_no_block drop',
      ]);
      expect(kernel.packet(flow(4000))).toBeUndefined();
    }
  });

  test('a director that dies brings its blocks to others, and nothing else is written', async () => {
    const { driver } = await applied(desired());
    const { operations } = await driver.apply(desired({ members: ['d1', 'd3'] }));
    expect(operations.map((line) => line.replace(/\d+ of/, 'N of'))).toEqual([
      ...expected(desired({ members: ['d1', 'd3'] })),
    ]);
    expect((await driver.apply(desired({ members: ['d1', 'd3'] }))).operations).toEqual([]);
  });

  /** More slots when d2's address falls to d1: then the rules change too, and with them the map is made anew. */
  function expected(wanted: DesiredDataplane): readonly string[] {
    const blocks = ownBlocks(wanted).length;
    const slots = blocks > 126 ? 4099 : 1009;
    const rules = ['postrouting: flush chain', 'blocks: delete map', 'blocks: add map', 'postrouting: write 3 rules'];
    return [
      ...(slots === 1009 ? [] : rules.map((line) => `sluice_v1 ${line}`)),
      `sluice_v1 blocks: write N of ${slots} elements`,
    ];
  }

  test('local addresses are never answered as long as there is a FullNAT service', async () => {
    const { driver, kernel, rules } = await applied(desired());
    expect(rules('input', 'sluice_guard_v1').slice(-2)).toEqual([
      'ip daddr @lips icmp type echo-request accept',
      'ip daddr @lips counter name lip_unknown drop',
    ]);
    await driver.apply(desired({}, service('web', THREE)));
    expect(rules('input', 'sluice_guard_v1')).toHaveLength(2);
    expect([...kernel.tables.get('sluice_v1')!.sets.keys()]).not.toContain('blocks');
  });
});

describe('prediction', () => {
  test('server, address and port are those of the fake', async () => {
    const wanted = desired();
    const { kernel } = await applied(wanted);
    const predict = flowPredictor(wanted, WEB);
    for (let sport = 32768; sport < 32868; sport++) {
      const { server, source } = predict(CLIENT, sport);
      expect(kernel.packet(flow(sport))).toBe(server?.address);
      expect(kernel.sourceOf(flow(sport))).toBe(`${formatIpv4(source!.address)}:${source!.port}`);
      expect(source!.port % 1024).toBe(sport % 1024);
    }
  });

  test('of another director’s flows, from the same owners', () => {
    const wanted = desired();
    const owners = lipOwners(wanted)!;
    const seenByD2 = flowPredictor({ ...wanted, self: 'd2' }, WEB);
    const byD1 = sourcePredictor(owners, 'd2');
    for (let sport = 40000; sport < 40050; sport++) expect(byD1(CLIENT, sport)).toEqual(seenByD2(CLIENT, sport).source);
  });

  test('without FullNAT, or without blocks, there is no source', () => {
    expect(flowPredictor(desired({}, service('web', THREE)), service('web', THREE))(CLIENT, 1).source).toBeUndefined();
    expect(flowPredictor(desired({ members: ['d2'] }), WEB)(CLIENT, 1).source).toBeUndefined();
    expect(sourcePredictor(new Map(), 'd1')(CLIENT, 1)).toBeUndefined();
  });
});
