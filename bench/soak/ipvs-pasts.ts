/**
 * Directors that came to the same file by different ways, on both kernels: all of 10,000 flows go to the same servers, those that
 * are computed in user space. See test/contract/hash/pasts.ts.
 */
import { type Claim, claimEqual } from '../../lab/report/result.ts';
import { startGuest } from '../../lab/runtimes/guest.ts';
import { KERNELS } from '../../lab/runtimes/lab.ts';
import { choicesOf } from '../../test/contract/hash/pasts.ts';
import type { SoakRun } from './soak.ts';

const FLOWS = 10_000;
const QUICK_FLOWS = 1000;

export const run: SoakRun = async ({ quick, progress }) => {
  const flows = quick ? QUICK_FLOWS : FLOWS;
  const claims: Claim[] = [];
  for (const kernel of KERNELS) {
    const guest = await startGuest({ name: 'pasts', kernel, memory: 768 });
    try {
      const { kernels, computed } = await choicesOf(guest, flows, (line) => progress(`Linux ${kernel}: ${line}`));
      for (const [past, lines] of Object.entries(kernels)) {
        const same = lines.filter((line, at) => line === computed[at]).length;
        const name = `Linux ${kernel}, past "${past}": flows of ${flows} that the kernel gives to the computed server`;
        claims.push(claimEqual(name, lines.length === flows ? same : lines.length, flows));
      }
    } finally {
      await guest.down();
    }
  }
  return { claims, samples: { flows } };
};
