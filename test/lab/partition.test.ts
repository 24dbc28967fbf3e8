/** The mesh is cut for a quarter of a minute, with few connections: `npm run lab -- run partition` cuts it for a minute. */
import { expect, test } from 'vitest';
import { modeClaims, playMode } from '../../lab/modes/play-modes.ts';
import { SHORT_PARTITIONS } from '../../lab/takeover/partition-parts.ts';

test.each(SHORT_PARTITIONS.map((mode) => [mode.name, mode.claim, mode] as const))(
  '%s: %s',
  { timeout: 150_000 },
  async (_name, _claim, mode) => {
    const outcome = await playMode(mode, { progress: () => undefined, connections: 60 });
    expect(modeClaims([outcome]).filter(({ met }) => !met)).toEqual([]);
    expect(outcome.held).toBe(true);
  },
);
