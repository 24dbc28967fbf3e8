/** The interop matrix, every pair of its values: `npm run lab -- run ospf-interop` plays the whole product. */
import { expect, test } from 'vitest';
import { playCell } from '../../lab/interop/cell-run.ts';
import { cellName, possibleCells } from '../../lab/interop/cells.ts';
import { pairwise } from '../../lab/interop/pairwise.ts';

// Several at a time: most of a cell's time is the router's own waiting.
test.concurrent.each(pairwise(possibleCells()).map((cell) => [cellName(cell), cell] as const))(
  '%s',
  async (_, cell) => {
    expect((await playCell(cell)).fault).toBeUndefined();
  },
);
