/**
 * Duty: what nftables should hold for a desired data plane, NAT mode (the server's address replaces the VIP, the port stays).
 *
 * In: the model, the server ids, and what was found (for the entries of retired servers, which stay). Out: two tables, the
 * first joined from the parts of a file each (`parts.ts`).
 *
 *   sluice_v1        prerouting: VIP . protocol . port -> chain of the service -> slot of (client address, client port)
 *                    -> server id, kept as the connection's mark -> server address -> dnat
 *                    forward: packets and bytes by server id and direction
 *   sluice_guard_v1  see `guard.ts`
 *
 * Rules are few and never change with the servers; all that changes are elements, and those one by one. Every map and set is
 * declared by `typeof` and named: nft 1.0.6 crashes when it lists anything else that a newer nft has loaded. `th` in place
 * of tcp or udp, so that one map serves both. `numgen inc mod N` is merely the one way to name a key of type integer that
 * every nft can both load and list.
 *
 * Not here: comparing (`plan.ts`), the text of a transaction (`nft-text.ts`), routes to the VIPs.
 */
import type { DesiredDataplane } from '../model/dataplane.ts';
import { guardTable } from './guard.ts';
import { DATA_TABLE, GUARD_TABLE } from './names.ts';
import { joinParts, type Part } from './parts.ts';
import type { Found, FoundTable, Wanted } from './ruleset.ts';
import type { ServerIds } from './server-ids.ts';
import { type SlotMaps, serviceParts, servicesPart } from './service-rules.ts';
import { trafficPart } from './traffic-rules.ts';

/** In the order in which their rules stand in the chains that they share. */
function* dataParts(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: FoundTable | undefined,
  slotMaps: SlotMaps,
): Generator<void, readonly Part[]> {
  const given = new Set([...ids.values()].flatMap((byAddress) => [...byAddress.values()].map(String)));
  return [
    servicesPart(desired.services),
    trafficPart(found, given),
    ...(yield* serviceParts(desired.services, ids, found, given, slotMaps)),
  ];
}

/** Both tables. `ids` must hold every server of every service (`assignServerIds`). Yields after each service. */
export function* wantedSteps(
  desired: DesiredDataplane,
  ids: ServerIds,
  found: Found,
  slotMaps: SlotMaps,
): Generator<void, Wanted> {
  return new Map([
    [DATA_TABLE, joinParts(yield* dataParts(desired, ids, found.get(DATA_TABLE), slotMaps))],
    [GUARD_TABLE, guardTable(desired)],
  ]);
}
