/** The modes of the IPVS plane on Debian 12's kernel, with few connections: `npm run lab -- run ipvs-modes` opens more. */
import { expect, test } from 'vitest';
import { IPVS_MODES } from '../../lab/modes/ipvs/modes.ts';
import { modeClaims, playMode } from '../../lab/modes/play-modes.ts';

test.each(IPVS_MODES.map((mode) => [mode.name, mode.claim, mode] as const))(
  '%s: %s',
  { timeout: 240_000 },
  async (_name, _claim, mode) => {
    const outcome = await playMode(mode, { progress: () => undefined, connections: 100 });
    expect(modeClaims([outcome]).filter(({ met }) => !met)).toEqual([]);
    expect(outcome.held).toBe(true);
  },
);
