/** Hosts for `sluice realserver`: of which nothing is known, and on which nothing runs. */
import type { ServerHost } from '../../../src/api/realserver.ts';

export const NO_HOST: ServerHost = {
  answers: async () => {
    const nothing = { addresses: [], routes: [], rules: [], neighbors: [], fou: [] };
    return { ...nothing, tables: new Map(), sysctls: new Map() };
  },
  run: async () => 'nothing runs here',
};
