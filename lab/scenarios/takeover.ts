import { modeClaims, modesTable, playModes, readEarlierModes } from '../modes/play-modes.ts';
import { PARTS } from '../takeover/parts.ts';
import type { Series } from './scenario.ts';

const CONNECTIONS = 500;
const FEW = 100;

/** What connection sync is for. */
export const takeover: Series = {
  name: 'takeover',
  claim:
    'When directors die, every established connection lives on over the others, whoever speaks on it, in NAT and in FullNAT.',
  async play({ progress, only, quick, earlier, onPart }) {
    const outcomes = await playModes(PARTS, {
      only,
      // Each fills the machine.
      parallel: 1,
      progress,
      connections: quick ? FEW : CONNECTIONS,
      earlier: earlier === undefined ? [] : readEarlierModes(earlier),
      onMode: (part) => onPart({ claims: modeClaims(part), samples: part }),
    });
    return { claims: modeClaims(outcomes), samples: outcomes, lines: modesTable(PARTS, outcomes) };
  },
};
