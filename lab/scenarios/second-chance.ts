import type { Mode } from '../modes/mode.ts';
import { modeClaims, modesTable, playModes, readEarlierModes } from '../modes/play-modes.ts';
import { MOVES, PREDICTIONS } from '../takeover/second-chance-parts.ts';
import type { Series } from './scenario.ts';

const MOVED = 300;
const PREDICTED = 500;
/** Of either, for a first look. */
const FEW = 100;

/** Each with as many connections as its claim speaks of. */
const PARTS: readonly Mode[] = [...sized(MOVES, MOVED), ...sized(PREDICTIONS, PREDICTED)];

function sized(modes: readonly Mode[], most: number): Mode[] {
  return modes.map((mode) => ({
    ...mode,
    play: (lab, context) => mode.play(lab, { ...context, connections: Math.min(most, context.connections) }),
  }));
}

/** Connections that no copy exists of. */
export const secondChance: Series = {
  name: 'second-chance',
  claim: 'A packet of a connection that a director has never seen is answered as if it had, though nothing is synced.',
  async play({ progress, only, quick, earlier, onPart }) {
    const outcomes = await playModes(PARTS, {
      only,
      // Delays are measured.
      parallel: 1,
      progress,
      connections: quick ? FEW : Number.POSITIVE_INFINITY,
      earlier: earlier === undefined ? [] : readEarlierModes(earlier),
      onMode: (part) => onPart({ claims: modeClaims(part), samples: part }),
    });
    return { claims: modeClaims(outcomes), samples: outcomes, lines: modesTable(PARTS, outcomes) };
  },
};
