import type { Mode } from '../modes/mode.ts';
import { type ModeOutcome, modeClaims, modesTable, playModes } from '../modes/play-modes.ts';
import type { About, Series } from './scenario.ts';

export interface SeriesOfModes {
  readonly name: string;
  readonly claim: string;
  readonly modes: readonly Mode[];
  readonly connections: number;
  /** For a first look; as many, unless told. */
  readonly few?: number;
  /** Each fills the machine, or has delays measured: no two at the same time. */
  readonly alone?: boolean;
}

/** Of series all of whose directors are guests. */
const GUESTS: About = { speaker: 'ospf', because: 'its directors are guests, which have no FRR beside their agents' };

/** Modes, one after the other or side by side, as one series. */
export function seriesOfModes({
  name,
  claim,
  modes,
  connections,
  few = connections,
  alone = false,
}: SeriesOfModes): Series {
  return {
    name,
    claim,
    ...(modes.every(({ runtime }) => runtime === 'qemu') ? { about: GUESTS } : {}),
    async play({ progress, only, parallel, quick, who, kernel, earlier, onPart }) {
      const outcomes = await playModes(modes, {
        only,
        parallel: alone ? 1 : parallel,
        progress,
        who,
        ...(kernel === undefined ? {} : { kernel }),
        connections: quick ? few : connections,
        earlier: (earlier ?? []) as readonly ModeOutcome[],
        onMode: (part) => onPart({ claims: modeClaims(part), samples: part }),
      });
      return { claims: modeClaims(outcomes), samples: outcomes, lines: modesTable(modes, outcomes) };
    },
  };
}
