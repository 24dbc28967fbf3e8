import { playCell } from '../interop/cell-run.ts';
import { cellsOf, matrixClaims, matrixTable, playMatrix } from '../interop/matrix.ts';
import type { Series } from './scenario.ts';

/** Every router of the lab, every role on every kind of network, every authentication, every kind of area. */
export const ospfInterop: Series = {
  name: 'ospf-interop',
  claim: 'FRR and BIRD of Debian 12 and 13 become Full with us in every role, and each has the routes of the other.',
  about: { speaker: 'ospf', because: 'it is about the speaker that is built in, against every other router' },
  async play({ progress, only, parallel, earlier, onPart }) {
    const samples = await playMatrix({
      only,
      parallel,
      progress,
      earlier: cellsOf(earlier),
      play: playCell,
      onCell: (part) => onPart({ claims: matrixClaims(part), samples: part }),
    });
    return { claims: matrixClaims(samples), samples, lines: matrixTable(samples) };
  },
};
