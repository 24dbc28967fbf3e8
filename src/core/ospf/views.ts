/** The state as tables for the operator. */
import type { Instant } from '../base/machine.ts';
import type { AuthenticationView, InterfaceView, LsaFilter, LsaView, NeighborView } from './events.ts';
import type { OspfInterface } from './interface/interface.ts';
import { describeLsa } from './lsa/summary.ts';
import { allNeighbors, type Speaker } from './speaker.ts';

export function neighborViews(speaker: Speaker, now: Instant): NeighborView[] {
  return [...allNeighbors(speaker)].map((neighbor) => ({
    interface: neighbor.interface.name,
    routerId: neighbor.routerId,
    address: neighbor.address,
    priority: neighbor.priority,
    state: neighbor.state,
    designatedRouter: neighbor.designatedRouter,
    backupDesignatedRouter: neighbor.backupDesignatedRouter,
    deadIn: Math.max(0, neighbor.inactiveAt - now),
    retransmissions: neighbor.retransmissions.size,
    requests: neighbor.requests.size,
  }));
}

export function interfaceViews(speaker: Speaker): InterfaceView[] {
  return [...speaker.interfaces.values()].map((iface) => ({
    name: iface.name,
    state: iface.state,
    network: iface.config.network,
    address: iface.state === 'down' ? undefined : iface.address,
    prefixLength: iface.prefixLength,
    mtu: iface.mtu,
    cost: iface.config.cost,
    designatedRouter: iface.designatedRouter,
    backupDesignatedRouter: iface.backupDesignatedRouter,
    neighbors: iface.neighbors.size,
    authentication: authenticationView(iface),
  }));
}

function authenticationView({ config, keys }: OspfInterface): AuthenticationView {
  const settings = config.authentication;
  if (settings === undefined) {
    return { algorithm: 'none', keyId: undefined, accepts: [], standing: 'valid', migrate: false };
  }
  return {
    algorithm: keys?.send?.algorithm ?? settings.algorithm,
    keyId: keys?.send?.id,
    accepts: (keys?.accept ?? []).map(({ id }) => id),
    standing: keys?.standing ?? 'valid',
    migrate: settings.migrate,
  };
}

/** Sorted by type, then id, then advertising router. */
export function lsdbViews(speaker: Speaker, now: Instant, filter: LsaFilter = {}): LsaView[] {
  const rows: LsaView[] = [];
  for (const entry of speaker.lsdb.entries()) {
    const { type, id, advertisingRouter, sequence, checksum, length } = entry.lsa.header;
    const own = advertisingRouter === speaker.config.routerId;
    if (filter.types !== undefined && !filter.types.has(type)) continue;
    if (filter.advertisingRouter !== undefined && filter.advertisingRouter !== advertisingRouter) continue;
    if (filter.own === true && !own) continue;
    const age = speaker.lsdb.ageOf(entry, now);
    const { lsa } = entry;
    rows.push({ type, id, advertisingRouter, sequence, checksum, age, length, own, summary: describeLsa(lsa), lsa });
  }
  return rows.sort((a, b) => a.type - b.type || a.id - b.id || a.advertisingRouter - b.advertisingRouter);
}
