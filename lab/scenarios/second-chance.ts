import type { Mode } from '../modes/mode.ts';
import { MOVES, PREDICTIONS } from '../takeover/second-chance-parts.ts';
import { seriesOfModes } from './series-of-modes.ts';

const MOVED = 300;
const PREDICTED = 500;

/** Each with as many connections as its claim speaks of. */
function sized(modes: readonly Mode[], most: number): Mode[] {
  return modes.map((mode) => ({
    ...mode,
    play: (lab, context) => mode.play(lab, { ...context, connections: Math.min(most, context.connections) }),
  }));
}

/** Connections that no copy exists of. */
export const secondChance = seriesOfModes({
  name: 'second-chance',
  claim: 'A packet of a connection that a director has never seen is answered as if it had, though nothing is synced.',
  modes: [...sized(MOVES, MOVED), ...sized(PREDICTIONS, PREDICTED)],
  connections: PREDICTED,
  few: 100,
  alone: true,
});
