import type { Speaker } from '../../drivers/routing/port.ts';
import type { LifeFacts } from './last-life.ts';

/** What the next agent has to know to go on from here: adjacencies, what was announced, what the health checks have found. */
export function lifeFacts(speakers: readonly Speaker[], verdicts: LifeFacts['verdicts']): LifeFacts {
  const full = speakers.flatMap((speaker) => {
    const links = new Map(speaker.interfaces().map((link) => [link.name, link]));
    return speaker.neighbors().flatMap(({ interface: name, routerId, state }) => {
      if (state !== 'full') return [];
      const { designatedRouter = 0, backupDesignatedRouter = 0 } = links.get(name) ?? {};
      return [{ instance: speaker.instance, interface: name, routerId, designatedRouter, backupDesignatedRouter }];
    });
  });
  const announced = speakers.flatMap((speaker) =>
    speaker.announced().map(({ prefix }) => ({ instance: speaker.instance, prefix })),
  );
  return { full, announced, verdicts };
}
