/** The speaker `frr` over real FRRs, 8.4 and 10.3. After every test the operator's configuration is as it was before. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { AnnouncedPrefix } from '../../../src/core/ospf/events.ts';
import { FRR_ROOTS, FrrWorld, passing, until, vip } from './frr-world.ts';
import { speakerContract } from './speaker-contract.ts';

/** FRR has no stub links with a metric of their own: type 5 with a comparable metric stands for them. */
function shown(wished: AnnouncedPrefix): AnnouncedPrefix {
  return wished.lsa.kind === 'stub' ? { ...wished, lsa: { kind: 'external', metricType: 1, tag: 0 } } : wished;
}

describe.each(FRR_ROOTS)('%s', (root) => {
  let world: FrrWorld;
  let operators: readonly string[];

  beforeAll(async () => {
    world = await FrrWorld.begin(root);
    operators = world.foreign();
  });
  afterEach(() => expect(world.foreign()).toEqual(operators));
  afterAll(() => world?.end());

  /** What the router has of a VIP, its metric. */
  function heard(address: string): number | undefined {
    const { asExternalLinkStates: rows } = JSON.parse(world.r.vtysh('show ip ospf database external json'));
    const row = rows.find(
      (one: { linkStateId: string; lsaAge: number }) => one.linkStateId === address && one.lsaAge < 3600,
    );
    return row?.metric;
  }

  speakerContract(root, () => ({ speaker: world.speak().speaker, pass: passing, shown }));

  /** With a VIP that the router has heard of. */
  async function announcing(settings: Parameters<FrrWorld['speak']>[0] = {}) {
    const speaking = world.speak(settings);
    speaking.speaker.set([vip('203.0.113.10', 10)]);
    await speaking.speaker.start();
    await until('the router to hear', () => heard('203.0.113.10') === 10);
    await until('the speaker to know', () => speaking.speaker.announced().length === 1);
    return speaking;
  }

  const mended = (faults: readonly string[]) => faults.filter((text) => text.includes('is mended by'));

  test('neighbors, interfaces and the database look like those of the built-in speaker', async () => {
    const { speaker, news } = await announcing();
    expect(speaker.neighbors()).toMatchObject([
      { interface: 'eth1', state: 'full', network: 'point-to-point', trouble: undefined },
    ]);
    expect(speaker.interfaces()).toMatchObject([{ name: 'eth1', state: 'pointToPoint', cost: 10, troubles: [] }]);
    const lines = speaker.lsdb({ own: true }).flatMap(({ summary }) => summary);
    expect(lines).toContain('203.0.113.10/32 E1 metric 10 tag 1392508929');
    expect(news).toContainEqual(expect.objectContaining({ kind: 'neighbor', interface: 'eth1', to: 'full' }));
    expect(news).toContainEqual({ kind: 'hello', interface: 'eth1' });
  });

  test('who else announces a VIP is known, and from which metric on it does not count', async () => {
    const { speaker } = await announcing();
    expect(speaker.otherAnnouncers(vip('203.0.113.10', 0).prefix.address, 60_000)).toEqual([]);
    const lines = [
      'ip route 203.0.113.10/32 Null0',
      'route-map SELF permit 1',
      'set metric 500',
      'exit',
      'router ospf',
    ];
    world.r.vtysh('configure terminal', ...lines, 'redistribute static route-map SELF');
    await until(
      'the other to be seen',
      () => speaker.otherAnnouncers(vip('203.0.113.10', 0).prefix.address, 501).length > 0,
    );
    expect(speaker.otherAnnouncers(vip('203.0.113.10', 0).prefix.address, 500)).toEqual([]);
    world.r.vtysh('configure terminal', 'no ip route 203.0.113.10/32 Null0', 'router ospf', 'no redistribute static');
    await until(
      'it to be gone',
      () => speaker.otherAnnouncers(vip('203.0.113.10', 0).prefix.address, 501).length === 0,
    );
  });

  test.each([
    ['an edited route-map', ['route-map SLUICE-outside permit 1', 'set metric 99']],
    ['a deleted route-map', ['no route-map SLUICE-outside']],
    ['a deleted route', ['no ip route 203.0.113.10/32 Null0 tag 1392508929']],
    ['redistribution that was ended', ['router ospf', 'no redistribute static']],
  ])('%s is found, told and mended', async (_what, lines) => {
    const { faults } = await announcing();
    world.d.vtysh('configure terminal', ...lines);
    await until('the repair', () => mended(faults()).length > 0);
    // FRR itself looks at route-maps again five seconds after a change: until then nothing more may be told.
    await new Promise((resolve) => void setTimeout(resolve, 6000));
    expect(mended(faults())).toHaveLength(1);
    // An LSA that was flushed comes again after MinLSInterval, five seconds, at the earliest.
    await until('the VIP to be heard again', () => heard('203.0.113.10') === 10);
  });

  test('FRR killed and started anew: the VIP is back without a hand, and the story is told', async () => {
    const { speaker, faults } = await announcing({ deadline: 1000 });
    // Until the configuration was read again, nobody can say what of it is missing.
    await passing(1500);
    const watch = world.watchRoute('203.0.113.10');
    await world.d.kill();
    await until('the silence to be noticed', () => speaker.unknown() !== undefined);
    expect(speaker.unknown()).toMatch(/^(ospfd|FRR) is not running since 20\d\d-.*Z$/);
    const began = performance.now();
    await world.d.start();
    await until('the VIP to be back', () => speaker.unknown() === undefined && speaker.announced().length === 1);
    await until('the router to have it for good', () => watch.presentFor() > 8000, 60_000).finally(watch.end);
    const { absent, back } = watch.end();
    const after = Math.max(0, back - began);
    process.stdout.write(
      `${root}: missing for ${absent} ms in all, for good ${Math.round(after)} ms after the start\n`,
    );
    expect(speaker.unknown()).toBeUndefined();
    const told = [
      /is not running: /,
      /^FRR's configuration is not as it was left/,
      /^FRR answers again after [\d.]+ s/,
    ];
    // On a busy machine it may be silent for a second once more, which is told as well.
    const places = told.map((story) => faults().findIndex((text) => story.test(text)));
    expect(places[0]).toBe(0);
    expect(places).toEqual(places.toSorted((a, b) => a - b));
  });

  test('an ospfd killed alone, whose route-map others still show: it announces the VIP as before, and nothing else', async () => {
    const { speaker, faults } = await announcing({ deadline: 1000 });
    await passing(1500);
    await world.d.kill(['ospfd']);
    await until('the silence to be noticed', () => speaker.unknown() !== undefined);
    await world.d.start(['ospfd']);
    await until('the repair', () => mended(faults()).length > 0);
    await until('the VIP to be back', () => speaker.unknown() === undefined && speaker.announced().length === 1);
    await world.full();
    await until('the router to hear', () => heard('203.0.113.10') === 10);
    expect([...world.sequences().keys()]).toEqual(['203.0.113.10']);
  });

  test('an ospfd that hangs costs one vtysh its deadline at a time, and is named', async () => {
    const { speaker, faults } = await announcing({ deadline: 1000 });
    world.d.signal('SIGSTOP', ['ospfd']);
    try {
      await until('the silence to be noticed', () => speaker.unknown() !== undefined);
      expect(speaker.unknown()).toMatch(/^ospfd does not answer since /);
      speaker.set([vip('203.0.113.10', 10), vip('203.0.113.11', 10)]);
      // For two of its deadlines, since calls must not pile up in all that time.
      for (let look = 0; look < 20; look += 1) {
        expect(world.vtyshProcesses()).toBeLessThanOrEqual(1);
        await new Promise((resolve) => void setTimeout(resolve, 100));
      }
      expect(speaker.announced()).toEqual([shown(vip('203.0.113.10', 10))]);
      expect(speaker.interfaces()[0]?.troubles[0]).toBe(speaker.unknown());
    } finally {
      world.d.signal('SIGCONT', ['ospfd']);
    }
    await until('what was asked meanwhile', () => speaker.announced().length === 2);
    expect(speaker.unknown()).toBeUndefined();
    expect(faults().filter((text) => text.includes('does not answer'))).toHaveLength(2);
    await world.full();
  });

  test('what an earlier agent left is taken up: its LSA is not touched', async () => {
    const before = await announcing();
    const sequence = () => world.sequences().get('203.0.113.10');
    const first = sequence();
    await before.speaker.handOver();
    const { speaker, news } = world.speak({ keepInherited: 3000 });
    await speaker.start();
    await until('a look at it', () => speaker.takeOver() !== undefined);
    expect(speaker.takeOver()).toMatchObject({ waitingFor: ['1 prefixes to be announced again'] });
    speaker.set([vip('203.0.113.10', 10)]);
    await until('it to be announced', () => speaker.announced().length === 1);
    expect([sequence(), speaker.takeOver()]).toEqual([first, undefined]);
    expect(news.filter(({ kind }) => kind === 'fault')).toEqual([]);
  });

  test('what an earlier agent left and nobody wishes goes when its time is over', async () => {
    const before = await announcing();
    await before.speaker.handOver();
    const { speaker } = world.speak({ keepInherited: 2000 });
    await speaker.start();
    await until('a look at it', () => speaker.takeOver() !== undefined);
    expect(heard('203.0.113.10')).toBe(10);
    await until('it to go', () => heard('203.0.113.10') === undefined);
  });

  test('static routes that the operator redistributes already are in the way: told, and nothing is touched', async () => {
    world.speak().speaker.stop();
    world.d.vtysh('configure terminal', 'router ospf', 'redistribute static metric 5');
    try {
      const { speaker, faults } = world.speak();
      speaker.set([vip('203.0.113.10', 10)]);
      await speaker.start();
      await until('the problem to be told', () => faults().length > 0);
      expect(faults()).toEqual([
        '"router ospf" has "redistribute static metric 5" already, and takes no second one; announce those routes otherwise',
      ]);
      await speaker.stop();
    } finally {
      world.d.vtysh('configure terminal', 'router ospf', 'no redistribute static');
    }
  });

  test('500 VIPs; one that changes touches no other LSA and no adjacency', async () => {
    const { speaker, news } = world.speak();
    const many = Array.from({ length: 500 }, (_, n) => vip(`203.0.${112 + (n >> 8)}.${n & 255}`, 10));
    await speaker.start();
    await until('a first look', () => speaker.neighbors().length > 0);
    const began = performance.now();
    speaker.set(many);
    await until('all of them', () => speaker.announced().length === many.length, 60_000);
    const all = performance.now() - began;
    await until('the router to have them', () => world.sequences().size === many.length);
    // What of the many still comes again must not count as come of the change.
    await passing(2500);
    const before = world.sequences();
    news.length = 0;
    const changed = performance.now();
    speaker.set([vip('203.0.112.0', 60_010), ...many.slice(1)]);
    await until('the change', () => speaker.announced().some(({ metric }) => metric === 60_010));
    const one = performance.now() - changed;
    process.stdout.write(`${root}: 500 VIPs in ${Math.round(all)} ms, a change of one in ${Math.round(one)} ms\n`);
    expect(one).toBeLessThan(1000);
    await until('the router to hear of it', () => heard('203.0.112.0') === 60_010);
    const after = world.sequences();
    expect([...after].filter(([id, sequence]) => before.get(id) !== sequence).map(([id]) => id)).toEqual([
      '203.0.112.0',
    ]);
    expect(news.filter(({ kind }) => kind !== 'announced')).toEqual([]);
    await speaker.stop();
    expect(speaker.announced()).toEqual([]);
  });
});
