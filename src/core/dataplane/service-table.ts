/**
 * The hash table of a service, computed alike on every director: the file's servers and weights make the table, health only
 * chooses who stands in for a server that takes no new connections.
 *
 * When no server is `up`, those that are merely `down` keep their slots: every verdict being wrong (a broken path of the
 * probes) is likelier than every server being dead, and a dead server's slots are no worse used so than left empty. Servers
 * that the operator drained are not brought back like that; when all are drained the slots are empty and new connections
 * are dropped.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import { tableDigest, withFallback } from '../hash/fallback.ts';
import { slotOf } from '../hash/jhash.ts';
import { DEFAULT_SLOTS, maglevTable, NO_SERVER } from '../hash/maglev.ts';
import type { DesiredServer, DesiredService } from '../model/dataplane.ts';

/** Seed and size of the hash over client address and port. All directors must agree on both, or flows that move break. */
export const FLOW_HASH = { seed: 0x51c1ce00, slots: DEFAULT_SLOTS } as const;

export interface ServiceTable {
  readonly servers: readonly DesiredServer[];
  /** By the file alone: slot to index into `servers`, or `NO_SERVER`. */
  readonly primary: Uint16Array;
  /** With the stand-ins of servers that take no new connections. */
  readonly slots: Uint16Array;
  /** Fingerprint of `primary`; equal on directors that agree. */
  readonly digest: string;
}

function liveServers(servers: readonly DesiredServer[]): readonly boolean[] {
  if (servers.some((server) => server.state === 'up')) return servers.map((server) => server.state === 'up');
  return servers.map((server) => server.state === 'down');
}

/** The table of a service. A server is known by its address alone, since its port is the one the client asked for. */
export function serviceTable(service: DesiredService): ServiceTable {
  const byAddress = new Map(service.servers.map((server) => [server.address, server]));
  const servers = [...byAddress.values()].filter((server) => server.weight >= 1);
  const keys = servers.map((server) => formatIpv4(server.address));
  const primary = maglevTable(
    servers.map((server, i) => ({ key: keys[i]!, weight: server.weight })),
    FLOW_HASH.slots,
  );
  return { servers, primary, slots: withFallback(primary, liveServers(servers)), digest: tableDigest(primary, keys) };
}

/** The server that a new flow gets on every director that holds this table; `undefined` when it would be dropped. */
export function predictServer(table: ServiceTable, source: Ipv4, sport: number): DesiredServer | undefined {
  const index = table.slots[slotOf(source, sport, FLOW_HASH.seed, FLOW_HASH.slots)]!;
  return index === NO_SERVER ? undefined : table.servers[index];
}
