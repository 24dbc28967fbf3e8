import { playCell } from '../interop/cell-run.ts';
import { matrixClaims, matrixTable, playMatrix, readEarlier } from '../interop/matrix.ts';
import type { Series } from './scenario.ts';

/** Every router of the lab, every role on every kind of network, every authentication, every kind of area. */
export const ospfInterop: Series = {
  name: 'ospf-interop',
  claim: 'FRR and BIRD of Debian 12 and 13 become Full with us in every role, and each has the routes of the other.',
  async play({ progress, only, parallel, earlier, onPart }) {
    const samples = await playMatrix({
      only,
      parallel,
      progress,
      earlier: earlier === undefined ? [] : readEarlier(earlier),
      play: playCell,
      onCell: (part) => onPart({ claims: matrixClaims(part), samples: part }),
    });
    return { claims: matrixClaims(samples), samples, lines: matrixTable(samples) };
  },
};
