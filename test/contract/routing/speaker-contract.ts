/** What every speaker does, the fake included. The agent is built on exactly this. */
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { AnnouncedPrefix } from '../../../src/core/ospf/events.ts';
import type { Speaker, SpeakerEvent } from '../../../src/drivers/routing/port.ts';
import { interfaceConfig } from '../../sim/network.ts';

export interface SpeakerWorld {
  /** Not started, with one interface: `interfaceConfig('eth1')`. */
  readonly speaker: Speaker;
  /** Lets this much of the world's time pass. */
  pass(ms: number): Promise<void>;
  /** As what a speaker announces a prefix that it cannot announce as wished. */
  shown?(wished: AnnouncedPrefix): AnnouncedPrefix;
}

/** Longer than any pacing of the announcements. */
const PACE = 2500;

function vip(address: string, metric: number): AnnouncedPrefix {
  return { prefix: { address: ipv4(address), length: 32 }, metric, lsa: { kind: 'stub' } };
}

async function started(world: SpeakerWorld): Promise<{ speaker: Speaker; news: SpeakerEvent[] }> {
  const news: SpeakerEvent[] = [];
  world.speaker.onEvent((event) => news.push(event));
  await world.speaker.start();
  await world.pass(PACE);
  news.length = 0;
  return { speaker: world.speaker, news };
}

/** What is to be seen of these prefixes. */
function seen({ shown = (wished) => wished }: SpeakerWorld, ...wished: AnnouncedPrefix[]): AnnouncedPrefix[] {
  return wished.map((one) => shown(one));
}

function announcements(news: readonly SpeakerEvent[]): readonly (readonly AnnouncedPrefix[])[] {
  return news.flatMap((event) => (event.kind === 'announced' ? [event.prefixes] : []));
}

export function speakerContract(name: string, build: () => SpeakerWorld): void {
  describe(`speaker contract: ${name}`, () => {
    test('what is set is announced, said so by an event, and shown', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      speaker.set([vip('203.0.113.10', 10)]);
      await world.pass(PACE);
      expect(announcements(news).at(-1)).toEqual(seen(world, vip('203.0.113.10', 10)));
      expect(speaker.announced()).toEqual(seen(world, vip('203.0.113.10', 10)));
    });

    test('set is the whole truth: what it no longer names is withdrawn', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      speaker.set([vip('203.0.113.10', 10), vip('203.0.113.11', 20)]);
      await world.pass(PACE);
      speaker.set([vip('203.0.113.11', 60_020)]);
      await world.pass(PACE);
      expect(announcements(news).at(-1)).toEqual(seen(world, vip('203.0.113.11', 60_020)));
      speaker.set([]);
      await world.pass(PACE);
      expect(announcements(news).at(-1)).toEqual([]);
      expect(speaker.announced()).toEqual([]);
    });

    test('a prefix may have an LSA of its own, beside others, and change its form', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      const stub = vip('203.0.113.10', 10);
      const alone = { ...vip('203.0.113.11', 20), lsa: { kind: 'external', metricType: 2, tag: 7 } } as const;
      speaker.set([stub, alone]);
      await world.pass(PACE);
      expect(announcements(news).at(-1)).toEqual(seen(world, stub, alone));
      speaker.set([{ ...alone, lsa: { kind: 'stub' } }]);
      await world.pass(PACE);
      expect(speaker.announced()).toEqual(seen(world, vip('203.0.113.11', 20)));
    });

    test('setting the same again announces nothing again', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      speaker.set([vip('203.0.113.10', 10)]);
      await world.pass(PACE);
      const said = announcements(news).length;
      speaker.set([vip('203.0.113.10', 10)]);
      await world.pass(PACE);
      expect(announcements(news)).toHaveLength(said);
    });

    test('changes that come fast end in the last one', async () => {
      const world = build();
      const { speaker } = await started(world);
      for (let metric = 1; metric <= 20; metric += 1) speaker.set([vip('203.0.113.10', metric)]);
      await world.pass(PACE);
      expect(speaker.announced()).toEqual(seen(world, vip('203.0.113.10', 20)));
    });

    test('what was set before the start is announced after it', async () => {
      const world = build();
      world.speaker.set([vip('203.0.113.10', 10)]);
      await started(world);
      expect(world.speaker.announced()).toEqual(seen(world, vip('203.0.113.10', 10)));
    });

    test('a listener may set anew from within an event', async () => {
      const world = build();
      const { speaker } = await started(world);
      speaker.onEvent((event) => {
        if (event.kind === 'announced' && event.prefixes.length === 1) speaker.set([]);
      });
      speaker.set([vip('203.0.113.10', 10)]);
      await world.pass(2 * PACE);
      expect(speaker.announced()).toEqual([]);
    });

    test('configure is the whole truth about interfaces: they come, change and go', async () => {
      const { speaker } = await started(build());
      const shown = () => speaker.interfaces().map(({ name, cost }) => `${name} ${cost}`);
      expect(shown()).toEqual(['eth1 10']);
      speaker.configure([interfaceConfig('eth1'), interfaceConfig('eth2', { cost: 7 })]);
      expect(shown()).toEqual(['eth1 10', 'eth2 7']);
      speaker.configure([interfaceConfig('eth1'), interfaceConfig('eth2', { cost: 8 })]);
      expect(shown()).toEqual(['eth1 10', 'eth2 8']);
      speaker.configure([interfaceConfig('eth2', { cost: 8 })]);
      expect(shown()).toEqual(['eth2 8']);
    });

    test('configuring the same again says nothing', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      speaker.configure([interfaceConfig('eth1')]);
      await world.pass(PACE);
      expect(news).toEqual([]);
    });

    test('what is announced stays announced whatever becomes of the interfaces', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      speaker.set([vip('203.0.113.10', 10)]);
      await world.pass(PACE);
      news.length = 0;
      speaker.configure([interfaceConfig('eth1', { cost: 20 }), interfaceConfig('eth2')]);
      await world.pass(PACE);
      speaker.configure([interfaceConfig('eth2')]);
      await world.pass(PACE);
      expect(speaker.announced()).toEqual(seen(world, vip('203.0.113.10', 10)));
      for (const prefixes of announcements(news)) expect(prefixes).toEqual(seen(world, vip('203.0.113.10', 10)));
    });

    test('stop withdraws everything, says so, and ends', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      speaker.set([vip('203.0.113.10', 10)]);
      await world.pass(PACE);
      const stopped = speaker.stop();
      await world.pass(10_000);
      await stopped;
      expect(announcements(news).at(-1)).toEqual([]);
      const said = news.length;
      await world.pass(60_000);
      expect(news).toHaveLength(said);
    });
  });
}
