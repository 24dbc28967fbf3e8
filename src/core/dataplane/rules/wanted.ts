/**
 * Duty: what nftables should hold for a desired data plane.
 *
 * In: the model, the server ids, and what was found (for the entries of retired servers, which stay). Out: the tables, the
 * first joined from the parts of a file each (`parts.ts`).
 *
 *   sluice_v1        known: packets of translated connections but the first (`rules/known.ts`): who carries the connection
 *                    (`rules/ownership.ts`); packets and bytes by server id and direction
 *                    mid_life, for all others: answers that are another director's (`rules/hand-over.ts`); what belongs to no connection here,
 *                    while others can be asked (`rules/miss.ts`)
 *                    prerouting: VIP . protocol . port -> chain of the service -> slot of (client address, client port)
 *                    -> server id, kept as the connection's mark -> server address -> dnat
 *                    forward: who hears RST (`rules/refusal.ts`)
 *                    postrouting: source ports from own blocks (`rules/fullnat.ts`, `rules/egress.ts`)
 *   sluice_guard_v1  see `guard.ts`
 *   sluice_dr_v1     only where a service is routed directly: see `rules/direct-table.ts`
 *
 * Rules are few and never change with the servers; all that changes are elements, and those one by one. Every map and set is
 * declared by `typeof` and named: nft 1.0.6 crashes when it lists anything else that a newer nft has loaded. `th` in place
 * of tcp or udp, so that one map serves both. `numgen inc mod N` is merely the one way to name a key of type integer that
 * every nft can both load and list.
 *
 * Not here: comparing (`plan.ts`), the text of a transaction (`nft/text.ts`), routes to the VIPs.
 */
import type { DesiredDataplane } from '../../model/dataplane.ts';
import { DATA_TABLE, DR_TABLE, GUARD_TABLE } from '../names.ts';
import type { Found, FoundTable, Links, Wanted, WantedTable } from '../ruleset.ts';
import type { ServerIds } from '../server-ids.ts';
import { directTable, isDirect } from './direct-table.ts';
import { egressPart, PoolMaps } from './egress.ts';
import { BlockMaps, fullnatPart } from './fullnat.ts';
import { guardTable } from './guard.ts';
import { ForeignBlocks, handOverPart } from './hand-over.ts';
import { FLAGGED_PART, KNOWN_PART } from './known.ts';
import { missPart } from './miss.ts';
import { OWNERSHIP_PART } from './ownership.ts';
import { joinParts, type Part } from './parts.ts';
import { persistencePart, plainVerdict } from './persistence.ts';
import { refusalPart } from './refusal.ts';
import { givenIds, SlotMaps, serviceParts, servicesPart } from './service.ts';
import { timeoutsPart } from './timeout-policies.ts';
import { trafficPart } from './traffic.ts';

/** Maps that take long to compute, from one time to the next. */
export class RulesetMemory {
  readonly slotMaps = new SlotMaps();
  readonly blockMaps = new BlockMaps();
  readonly poolMaps = new PoolMaps();
  readonly foreignBlocks = new ForeignBlocks();
}

/** In the order in which their rules stand in the chains that they share. */
function* dataParts(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: FoundTable | undefined,
  memory: RulesetMemory,
  links: Links,
): Generator<void, readonly Part[]> {
  const given = givenIds(ids);
  const services = desired.services.filter((service) => !isDirect(service));
  return [
    KNOWN_PART,
    handOverPart(desired, links, memory.foreignBlocks),
    missPart(services),
    servicesPart(services),
    refusalPart(services, ids),
    OWNERSHIP_PART,
    trafficPart(found, given, plainVerdict(services)),
    FLAGGED_PART,
    persistencePart(services, ids),
    timeoutsPart(services),
    fullnatPart(desired, ids, memory.blockMaps),
    egressPart(desired, memory.poolMaps),
    ...(yield* serviceParts(services, ids, found, given, memory.slotMaps)),
  ];
}

/**
 * All tables. Yields after each service.
 *
 * @param ids must hold every server of every service (`assignServerIds`)
 * @param links matter to direct routing and to the hand-over only
 */
export function* wantedSteps(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: Found,
  memory: RulesetMemory,
  links: Links = new Map(),
): Generator<void, Wanted> {
  const tables = new Map<string, WantedTable>([
    [DATA_TABLE, joinParts(yield* dataParts(desired, ids, found.get(DATA_TABLE), memory, links))],
    [GUARD_TABLE, guardTable(desired)],
  ]);
  if (desired.services.some(isDirect)) {
    tables.set(DR_TABLE, yield* directTable(desired, ids, found.get(DR_TABLE), links, memory.slotMaps));
  }
  memory.slotMaps.settle();
  return tables;
}
