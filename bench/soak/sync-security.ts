/**
 * Who has no key, who stands between two directors, and a director gone mad, against one that listens: see
 * test/contract/mesh/attacks.ts. The victim is a process of its own, whose memory is looked at.
 */
import { type Claim, claimBetween, claimEqual } from '../../lab/report/result.ts';
import { type Attack, attack } from '../../test/contract/mesh/attacks.ts';
import type { SoakRun } from './soak.ts';

const SIZES = { strangers: 2000, altered: 1000, behind: 100, mutated: 100_000 };
const QUICK_SIZES = { strangers: 100, altered: 100, behind: 20, mutated: 5000 };

/** MiB: what buffers that are kept for reuse and a garbage collection more or less make. */
const GROWTH_LIMIT = 8;

export const run: SoakRun = async ({ quick, seed, progress }) => {
  const report = await attack(quick ? QUICK_SIZES : SIZES, seed, progress);
  const { attacks, mad, rss, alive } = report;
  const claims = [
    ...attacks.flatMap(claimsOf),
    claimEqual(`the victim lives, after ${mad.sent} mutated frames of a director that has the key`, alive, true),
    claimBetween(
      'mutated frames that are no frames, all refused as a whole',
      mad.undecodable,
      mad.sent / 4,
      mad.sent,
      '',
    ),
    claimBetween(
      'memory of the victim, end against a fifth of the mutated frames',
      rss.at(-1)! - rss[2]!,
      Number.NEGATIVE_INFINITY,
      GROWTH_LIMIT,
      'MiB',
    ),
    claimBetween('memory of the victim at the end', rss.at(-1)!, 0, 128, 'MiB'),
  ];
  return { claims, samples: report };
};

function claimsOf({ name, connections, frames, opened, records, applied }: Attack): Claim[] {
  const of = `${name}, of ${connections} connections with ${frames} frames`;
  return [
    claimEqual(`streams accepted: ${of}`, opened, 0),
    claimEqual(`records accepted: ${of}`, records, 0),
    claimEqual(`connections for the kernel: ${of}`, applied, 0),
  ];
}
