/**
 * Server ids: the numbers that stand in hash slots and connection marks in place of a real server.
 *
 * A server is a service and an address. It keeps its id for as long as anybody knows it: this process, or the maps found in
 * the kernel at start (that is how ids, and with them the meaning of the marks of live connections, survive the agent).
 *
 * A server that leaves the file keeps its id too ("retired"): its entry stays in the maps, no slot points to it, the
 * connections it still has go on being counted, and no other server can be mistaken for it. Retired ids are given out again
 * only when all others are used up. A new server gets the lowest id that appears in no map.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { allServers } from '../hash/service-table.ts';
import type { DesiredDataplane, DesiredService } from '../model/dataplane.ts';
import { FIRST_SERVER_ID, LAST_SERVER_ID } from './mark.ts';
import { DATA_TABLE, DR_TABLE, isServersMap, serviceNames, TRAFFIC_IN_SET, TRAFFIC_OUT_SET } from './names.ts';
import type { Found, FoundTable } from './ruleset.ts';

/** Service name to address to id. */
export type ServerIds = ReadonlyMap<string, ReadonlyMap<Ipv4, number>>;

function idsInUse(tables: readonly FoundTable[]): Set<number> {
  const used = new Set<number>();
  for (const [name, set] of tables.flatMap(({ sets }) => [...sets])) {
    if (!isServersMap(name) && name !== TRAFFIC_IN_SET && name !== TRAFFIC_OUT_SET) continue;
    for (const key of set.elements.keys()) used.add(Number(key));
  }
  return used;
}

/** The lowest id that the maps of a service hold for an address. */
function recoverId(tables: readonly FoundTable[], service: string, address: Ipv4): number | undefined {
  const text = formatIpv4(address);
  const { servers } = serviceNames(service);
  let lowest: number | undefined;
  for (const [key, data] of tables.flatMap(({ sets }) => [...(sets.get(servers)?.elements ?? [])])) {
    const id = Number(key);
    if (data === text && (lowest === undefined || id < lowest)) lowest = id;
  }
  return lowest;
}

/** What tables say of the ids that were given out. */
export interface RecoveredIds {
  readonly used: ReadonlySet<number>;
  /** `undefined` when they hold none for it. */
  of(service: DesiredService, address: Ipv4): number | undefined;
}

/** How the nftables plane keeps them: in a map of ids and addresses for each service. */
export function idsByService(found: Found): RecoveredIds {
  const tables = [DATA_TABLE, DR_TABLE].flatMap((name) => found.get(name) ?? []);
  return { used: idsInUse(tables), of: ({ name }, address) => recoverId(tables, name, address) };
}

function* unusedIds(used: ReadonlySet<number>, assigned: ReadonlySet<number>): Generator<number, undefined> {
  for (let id = FIRST_SERVER_ID; id <= LAST_SERVER_ID; id++) if (!used.has(id) && !assigned.has(id)) yield id;
  for (let id = FIRST_SERVER_ID; id <= LAST_SERVER_ID; id++) if (used.has(id) && !assigned.has(id)) yield id;
  return undefined;
}

/**
 * An id for every server of every service.
 *
 * @param remembered what this process last used; goes before what is found, so that ids survive somebody's flush
 * @throws RangeError when there are more servers than ids (65,534)
 */
export function assignServerIds(
  desired: DesiredDataplane,
  found: Found,
  remembered: ServerIds,
  recover: (found: Found) => RecoveredIds = idsByService,
): ServerIds {
  const recovered = recover(found);
  const used = new Set(recovered.used);
  for (const byAddress of remembered.values()) for (const id of byAddress.values()) used.add(id);

  const ids = new Map<string, Map<Ipv4, number>>();
  const assigned = new Set<number>();
  const newcomers: { readonly byAddress: Map<Ipv4, number>; readonly address: Ipv4 }[] = [];
  for (const service of desired.services) {
    const byAddress = new Map<Ipv4, number>();
    ids.set(service.name, byAddress);
    for (const { address } of allServers(service)) {
      const id = remembered.get(service.name)?.get(address) ?? recovered.of(service, address);
      if (id === undefined || assigned.has(id)) newcomers.push({ byAddress, address });
      else {
        byAddress.set(address, id);
        assigned.add(id);
      }
    }
  }
  const free = unusedIds(used, new Set(assigned));
  for (const { byAddress, address } of newcomers) {
    if (byAddress.has(address)) continue;
    const next = free.next();
    if (next.done) throw new RangeError(`more than ${LAST_SERVER_ID} real servers`);
    byAddress.set(address, next.value);
  }
  return ids;
}
