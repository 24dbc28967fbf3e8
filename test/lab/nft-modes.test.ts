/** The modes of the nftables plane with few connections: `npm run lab -- run nft-modes` opens more. */
import { expect, test } from 'vitest';
import { MODES } from '../../lab/modes/modes.ts';
import { modeClaims, playMode } from '../../lab/modes/play-modes.ts';

test.each(MODES.map((mode) => [mode.name, mode.claim, mode] as const))(
  '%s: %s',
  { timeout: 120_000 },
  async (_name, _claim, mode) => {
    const outcome = await playMode(mode, { progress: () => undefined, connections: 100 });
    expect(modeClaims([outcome]).filter(({ met }) => !met)).toEqual([]);
    expect(outcome.held).toBe(true);
  },
);
