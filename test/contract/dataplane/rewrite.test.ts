/** The reduced size of `npm run soak -- nft-rewrite`. */
import { expect, test } from 'vitest';
import { DEFAULT_SCHEDULER } from '../../../src/core/model/scheduler.ts';
import { rewriteUnderLoad } from './rewrite.ts';

test('slots are rewritten while connections come as fast as they can: none finds an empty slot, none fails', async () => {
  const rewrites = 10;
  const report = await rewriteUnderLoad(`rw${process.pid}`, {
    scheduler: DEFAULT_SCHEDULER,
    connections: 8000,
    rewrites,
    progress: () => undefined,
  });
  expect(report.connections).toBeGreaterThanOrEqual(8000);
  expect(report.counted).toBeGreaterThanOrEqual(report.connections);
  expect({ errors: report.errors, misses: report.misses }).toEqual({ errors: 0, misses: 0 });
  // A third of the slots goes elsewhere, and another third comes back.
  expect(report.written.length).toBeGreaterThanOrEqual(rewrites);
  for (const written of report.written.slice(1)) expect(written).toBeGreaterThan(2000);
});
