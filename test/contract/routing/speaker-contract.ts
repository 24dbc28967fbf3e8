/** What every speaker does, the fake included. The agent is built on exactly this. */
import { describe, expect, test } from 'vitest';
import { ipv4 } from '../../../src/core/base/ipv4.ts';
import type { AnnouncedPrefix } from '../../../src/core/ospf/events.ts';
import type { Speaker, SpeakerEvent } from '../../../src/drivers/routing/port.ts';

export interface SpeakerWorld {
  readonly speaker: Speaker;
  /** Lets this much of the world's time pass. */
  pass(ms: number): Promise<void>;
}

/** Longer than any pacing of the announcements. */
const PACE = 2500;

function vip(address: string, metric: number): AnnouncedPrefix {
  return { prefix: { address: ipv4(address), length: 32 }, metric };
}

async function started(world: SpeakerWorld): Promise<{ speaker: Speaker; news: SpeakerEvent[] }> {
  const news: SpeakerEvent[] = [];
  world.speaker.onEvent((event) => news.push(event));
  await world.speaker.start();
  await world.pass(PACE);
  news.length = 0;
  return { speaker: world.speaker, news };
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
      expect(announcements(news).at(-1)).toEqual([vip('203.0.113.10', 10)]);
      expect(speaker.announced()).toEqual([vip('203.0.113.10', 10)]);
    });

    test('set is the whole truth: what it no longer names is withdrawn', async () => {
      const world = build();
      const { speaker, news } = await started(world);
      speaker.set([vip('203.0.113.10', 10), vip('203.0.113.11', 20)]);
      await world.pass(PACE);
      speaker.set([vip('203.0.113.11', 60_020)]);
      await world.pass(PACE);
      expect(announcements(news).at(-1)).toEqual([vip('203.0.113.11', 60_020)]);
      speaker.set([]);
      await world.pass(PACE);
      expect(announcements(news).at(-1)).toEqual([]);
      expect(speaker.announced()).toEqual([]);
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
      expect(speaker.announced()).toEqual([vip('203.0.113.10', 20)]);
    });

    test('what was set before the start is announced after it', async () => {
      const world = build();
      world.speaker.set([vip('203.0.113.10', 10)]);
      await started(world);
      expect(world.speaker.announced()).toEqual([vip('203.0.113.10', 10)]);
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
