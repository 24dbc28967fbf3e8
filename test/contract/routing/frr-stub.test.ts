/** The speaker `frr` with stub links, over real FRRs, 8.4 and 10.3. After every test the operator's configuration is as it was before. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AnnouncedPrefix } from '../../../src/core/ospf/events.ts';
import { FRR_ROOTS, FrrWorld, passing, until, vip } from './frr-world.ts';
import { speakerContract } from './speaker-contract.ts';

/** A director of the template, and a router that takes two instances of an LSA within a second. */
const OSPF = ' max-metric router-lsa administrative\n timers lsa min-arrival 0\n';

const VIP = vip('203.0.113.10', 10);

describe.each(FRR_ROOTS)('%s', (root) => {
  let world: FrrWorld;
  let operators: readonly string[];

  beforeAll(async () => {
    world = await FrrWorld.begin(root, OSPF);
    operators = world.foreign();
  });
  afterEach(() => expect(world.foreign()).toEqual(operators));
  afterAll(() => world?.end());

  /** The stub links to hosts in the director's router-LSA, as the router has it: address -> metric. */
  function heard(): Readonly<Record<string, number>> {
    const { routerLinkStates } = JSON.parse(world.r.vtysh('show ip ospf database router 10.255.0.1 json'));
    const [lsa] = Object.values<{ routerLinks: Record<string, Link> }[]>(routerLinkStates.areas).flat();
    const hosts = Object.values(lsa?.routerLinks ?? {}).filter(({ networkMask }) => networkMask === '255.255.255.255');
    return Object.fromEntries(hosts.map(({ networkAddress, tos0Metric }) => [networkAddress, tos0Metric]));
  }

  const stub = (settings: Parameters<FrrWorld['speak']>[0] = {}) => world.speak({ ...settings, announce: 'stub' });

  async function announcing(settings: Parameters<FrrWorld['speak']>[0] = {}) {
    const speaking = stub(settings);
    speaking.speaker.set([VIP]);
    await speaking.speaker.start();
    await until('the router to hear', () => heard()['203.0.113.10'] === 10);
    await until('the speaker to know', () => speaking.speaker.announced().length === 1);
    return speaking;
  }

  speakerContract(`${root}, stub links`, () => ({
    speaker: stub().speaker,
    // A change that follows another is one of the same LSA, which on a busy machine takes longer.
    pass: (ms) => passing(ms, 5000),
    shown: (wished) => wished,
  }));

  test('each has a metric of its own, which a drain raises; a form of its own stays one', async () => {
    const { speaker, faults } = await announcing();
    const alone: AnnouncedPrefix = {
      ...vip('203.0.113.12', 20),
      lsa: { kind: 'external', metricType: 2, tag: 7 },
    };
    const drained = vip('203.0.113.10', 60_010);
    speaker.set([drained, vip('203.0.113.11', 10), alone]);
    await until('both stub links', () => Object.keys(heard()).length === 2);
    await until('the metric', () => heard()['203.0.113.10'] === 60_010);
    const read = () => speaker.announced().map(({ metric }) => metric);
    await until('all to be read back', () => read().join() === '60010,10,20');
    expect([heard(), speaker.announced()]).toEqual([
      { '203.0.113.10': 60_010, '203.0.113.11': 10 },
      [drained, vip('203.0.113.11', 10), alone],
    ]);
    expect([...world.sequences().keys()]).toEqual(['203.0.113.12']);
    const before = performance.now();
    speaker.set([]);
    await until('them to go', () => Object.keys(heard()).length === 0);
    process.stdout.write(`${root}: two stub links withdrawn in ${Math.round(performance.now() - before)} ms\n`);
    await until('that to be known', () => speaker.announced().length === 0);
    expect(faults()).toEqual([]);
  });

  test.each([
    ['a deleted address', ['interface sluice-vips', 'no ip address 203.0.113.10/32']],
    ['another cost', ['interface sluice-vips', 'ip ospf cost 99 203.0.113.10']],
    ['no OSPF on the interface', ['interface sluice-vips', 'no ip ospf area 0.0.0.0']],
  ])('%s: found, told and mended', async (_what, lines) => {
    const { faults } = await announcing();
    world.d.vtysh('configure terminal', ...lines);
    await until('the repair', () => faults().some((text) => text.includes('is mended by')));
    await until('the VIP as before', () => heard()['203.0.113.10'] === 10);
    expect(faults()).toHaveLength(1);
  });

  test('a deleted device is made again, with what FRR had on it', async () => {
    const { speaker } = await announcing();
    world.d.ip('link del sluice-vips');
    await until('the VIP to be gone', () => heard()['203.0.113.10'] === undefined);
    await until('it to be back', () => heard()['203.0.113.10'] === 10);
    await until('that to be known', () => speaker.announced().length === 1);
  });

  test('FRR killed and started anew: the VIP is back without a hand', async () => {
    const { speaker } = await announcing({ deadline: 1000 });
    await world.d.kill();
    await until('the silence to be noticed', () => speaker.unknown() !== undefined);
    const began = performance.now();
    await world.d.start();
    await until('the VIP to be known', () => speaker.unknown() === undefined && speaker.announced().length === 1);
    await until('the router to have it', () => heard()['203.0.113.10'] === 10);
    await world.full();
    process.stdout.write(`${root}: stub link back ${Math.round(performance.now() - began)} ms after the start\n`);
  });

  test('what an earlier agent left is taken up as it is, and an end leaves neither lines nor a device', async () => {
    const before = await announcing();
    await before.speaker.handOver();
    const lines = world.d.vtysh('show running-config');
    const { speaker, faults } = stub({ keepInherited: 3000 });
    await speaker.start();
    await until('a look at it', () => speaker.takeOver() !== undefined);
    speaker.set([VIP]);
    await until('it to be announced', () => speaker.announced().length === 1);
    expect([world.d.vtysh('show running-config'), faults()]).toEqual([lines, []]);
    await speaker.stop();
    await until('it to be gone', () => heard()['203.0.113.10'] === undefined);
    expect(world.d.vtysh('show running-config')).not.toContain('sluice');
    expect(world.d.ip('link')).not.toContain('sluice');
  });
});

interface Link {
  readonly networkAddress: string;
  readonly networkMask: string;
  readonly tos0Metric: number;
}
