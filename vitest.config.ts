import { defineConfig } from 'vitest/config';

/**
 * `pure` needs no root and no clock; `lab` builds namespaces and needs root. One lab file at a time: two cores, which `npm test`
 * (lab/setup/test.mjs) deals out where tests only wait. `nft` is all that touches nftables once more, with another version of nft
 * than the host's.
 */
export default defineConfig({
  test: {
    // A file that has not changed is not translated again.
    experimental: { fsModuleCache: true },
    projects: [
      {
        test: {
          name: 'pure',
          // Pure code has no state to leak: one context for all files, since loading the core anew per file costs more than the tests.
          pool: 'forks',
          maxWorkers: 2,
          isolate: false,
          // Much is made and thrown away at once: with the 16 MB that Node sets aside, a tenth of the time goes into collecting it.
          execArgv: ['--max-semi-space-size=64'],
          // A claim about speed is made in the test itself; on a busy machine a test that is merely slow must not fail.
          testTimeout: 30_000,
          include: [
            'test/unit/**/*.test.ts',
            'test/sim/**/*.test.ts',
            'test/arch/**/*.test.ts',
            'test/golden/**/*.test.ts',
          ],
        },
      },
      {
        test: {
          name: 'lab',
          include: ['test/contract/**/*.test.ts', 'test/lab/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: {
          name: 'nft',
          include: ['test/contract/dataplane/**/*.test.ts'],
          // No nft at all, and both versions in any pass.
          exclude: [
            'test/contract/dataplane/*fake.test.ts',
            'test/contract/dataplane/nft-versions.test.ts',
            // In guests, which have an nft of their own.
            'test/contract/dataplane/ipvs*.test.ts',
          ],
          setupFiles: ['test/contract/dataplane/other-nft.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
    ],
  },
});
