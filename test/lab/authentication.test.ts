/** Authentication beside FRR and BIRD: Full under every algorithm that the router has. */
import { expect, test } from 'vitest';
import { playCell } from '../../lab/interop/cell-run.ts';
import { type Auth, type Cell, cellName, type RouterKind } from '../../lab/interop/cells.ts';

const ALGORITHMS: readonly (readonly [RouterKind, readonly Auth[]])[] = [
  ['frr-8', ['simple', 'md5']],
  ['bird-2.0', ['simple', 'md5', 'hmac-sha-1', 'hmac-sha-256', 'hmac-sha-384', 'hmac-sha-512']],
  ['frr-10', ['hmac-sha-256']],
];

const CELLS = ALGORITHMS.flatMap(([router, auths]) =>
  auths.map((auth): Cell => ({ router, role: 'p2p', auth, area: 'normal' })),
);

// Several at a time: most of a cell's time is the router's own waiting.
test.concurrent.each(CELLS.map((cell) => [cellName(cell), cell] as const))('%s', async (_, cell) => {
  expect((await playCell(cell)).fault).toBeUndefined();
});
