import { MODES } from '../modes/modes.ts';
import { modeClaims, modesTable, playModes, readEarlierModes } from '../modes/play-modes.ts';
import type { Series } from './scenario.ts';

const CONNECTIONS = 400;

/** Every way in which the nftables plane forwards, in a network of the kind that it is for. */
export const nftModes: Series = {
  name: 'nft-modes',
  claim:
    'Every mode of the nftables plane serves all connections, each server by its weight, and no packet of theirs is dropped.',
  async play({ progress, only, parallel, earlier, onPart }) {
    const outcomes = await playModes(MODES, {
      only,
      parallel,
      progress,
      connections: CONNECTIONS,
      earlier: earlier === undefined ? [] : readEarlierModes(earlier),
      onMode: (part) => onPart({ claims: modeClaims(part), samples: part }),
    });
    return { claims: modeClaims(outcomes), samples: outcomes, lines: modesTable(MODES, outcomes) };
  },
};
