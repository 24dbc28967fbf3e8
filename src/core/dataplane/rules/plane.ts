/** What two data planes do differently with tables: which tables they want, and what is read from them. */
import type { DesiredDataplane, DesiredService } from '../../model/dataplane.ts';
import { type CountingSets, countingSets } from '../counters.ts';
import type { Found, Links, Wanted, WantedTable } from '../ruleset.ts';
import { idsByService, type RecoveredIds, type ServerIds } from '../server-ids.ts';
import { isDirect } from './direct-table.ts';
import { guardTable } from './guard.ts';
import { type RulesetMemory, wantedSteps } from './wanted.ts';

export interface PlaneTables {
  /** @param ids must hold every server of every service */
  steps(
    desired: DesiredDataplane,
    ids: ServerIds,
    found: Found,
    memory: RulesetMemory,
    links: Links,
  ): Generator<void, Wanted>;
  guard(desired: DesiredDataplane): WantedTable;
  recover(found: Found): RecoveredIds;
  counting(desired: DesiredDataplane): CountingSets;
  /** The interface without which a service is not there. */
  linkOf(service: DesiredService): string | undefined;
}

export const NFTABLES_TABLES: PlaneTables = {
  steps: wantedSteps,
  guard: guardTable,
  recover: idsByService,
  counting: countingSets,
  linkOf: (service) => (isDirect(service) ? (service.direct.device ?? '') : undefined),
};
