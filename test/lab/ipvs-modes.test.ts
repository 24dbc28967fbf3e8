/**
 * Some modes of the IPVS plane on Debian 12's kernel, with few connections: `npm run lab -- run ipvs-modes` plays all of them with
 * more. Plain NAT is in `ipvs-agent.test.ts`, marks and single packets are in `ipvs.test.ts`, of both planes' contract.
 */
import { expect, test } from 'vitest';
import { IPVS_MODES } from '../../lab/modes/ipvs/modes.ts';
import { modeClaims, playMode } from '../../lab/modes/play-modes.ts';

const SOME = ['dr', 'fullnat', 'tun', 'snat'];
const modes = IPVS_MODES.filter(({ name }) => SOME.includes(name));

test.each(modes.map((mode) => [mode.name, mode.claim, mode] as const))(
  '%s: %s',
  { timeout: 240_000 },
  async (_name, _claim, mode) => {
    const outcome = await playMode(mode, { progress: () => undefined, connections: 100 });
    expect(modeClaims([outcome]).filter(({ met }) => !met)).toEqual([]);
    expect(outcome.held).toBe(true);
  },
);
