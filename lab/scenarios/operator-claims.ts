import { type Claim, claimEqual } from '../report/result.ts';
import type { Lab } from '../runtimes/lab.ts';
import { OPERATORS_ROUTE } from '../runtimes/speaker.ts';

/**
 * Of each director with an FRR beside its agent, that the operator's part of its configuration is what it was before the agent, and that
 * the operator's own static route has not become known by the agent's doing.
 */
export async function operatorClaims(lab: Lab): Promise<Claim[]> {
  const claims: Claim[] = [];
  for (const { name } of lab.byRole('director')) {
    const hashes = await lab.frr(name)?.operator();
    if (hashes === undefined) continue;
    claims.push(claimEqual(`hash of the operator's lines in the FRR of ${name}`, hashes.after, hashes.before));
  }
  return claims.length === 0
    ? claims
    : [...claims, claimEqual("routers that know the operator's own route", await knowing(lab), 0)];
}

async function knowing(lab: Lab): Promise<number> {
  const shown = lab.byRole('router').map((router) => router.exec(['ip', 'route', 'show', OPERATORS_ROUTE]));
  return (await Promise.all(shown)).filter(({ stdout }) => stdout.trim() !== '').length;
}
