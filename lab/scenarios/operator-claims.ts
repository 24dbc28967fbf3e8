import { type Claim, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';

/** Of each director with an FRR beside its agent, that the operator's part of its configuration is what it was before the agent. */
export async function operatorClaims(lab: Lab): Promise<Claim[]> {
  const claims: Claim[] = [];
  for (const { name } of lab.byRole('director')) {
    const hashes = await lab.frr(name)?.operator();
    if (hashes === undefined) continue;
    claims.push(claimEqual(`hash of the operator's lines in the FRR of ${name}`, hashes.after, hashes.before));
  }
  return claims;
}
