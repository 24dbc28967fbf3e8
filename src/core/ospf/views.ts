/** The state as tables for the operator. */

import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Instant } from '../base/machine.ts';
import type { AuthenticationView, InterfaceView, LsaFilter, LsaView, NeighborView } from './events.ts';
import { hasDesignatedRouter, isUnnumbered, type OspfInterface } from './interface/interface.ts';
import { silentNeighbors } from './interface/non-broadcast.ts';
import { describeLsa } from './lsa/summary.ts';
import { atLeast, type Neighbor, newNeighbor } from './neighbor/neighbor.ts';
import { allNeighbors, type Speaker } from './speaker.ts';
import { presentTroubles } from './troubles.ts';

export function neighborViews(speaker: Speaker, now: Instant): NeighborView[] {
  const heard = [...allNeighbors(speaker)].map((neighbor) => neighborView(neighbor, now));
  const silent = [...speaker.interfaces.values()].flatMap((iface) => {
    if (iface.state === 'down' || iface.state === 'passive') return [];
    return silentNeighbors(iface).map(({ address, priority }) => {
      return neighborView({ ...newNeighbor(iface, 0, address, 0), priority }, now);
    });
  });
  return [...heard, ...silent];
}

function neighborView(neighbor: Neighbor, now: Instant): NeighborView {
  const troubles = presentTroubles(neighbor.interface, now, neighbor.address);
  return {
    interface: neighbor.interface.name,
    network: neighbor.interface.config.network,
    routerId: neighbor.routerId,
    address: neighbor.address,
    priority: neighbor.priority,
    state: neighbor.state,
    designatedRouter: neighbor.designatedRouter,
    backupDesignatedRouter: neighbor.backupDesignatedRouter,
    deadIn: Math.max(0, neighbor.inactiveAt - now),
    retransmissions: neighbor.retransmissions.size,
    requests: neighbor.requests.size,
    role: roleOf(neighbor),
    helpedFor: neighbor.helped === undefined ? undefined : Math.max(0, neighbor.helped.until - now),
    trouble: troubles.length === 0 ? undefined : troubles.map(({ detail }) => detail).join('; '),
  };
}

/** By our own election, in which it took part if it has been heard. */
function roleOf({ interface: iface, address, state }: Neighbor): NeighborView['role'] {
  if (!hasDesignatedRouter(iface) || !atLeast(state, 'twoWay')) return undefined;
  if (address === iface.designatedRouter) return 'dr';
  return address === iface.backupDesignatedRouter ? 'backup' : 'drOther';
}

export function interfaceViews(speaker: Speaker): InterfaceView[] {
  return [...speaker.interfaces.values()].map((iface) => ({
    name: iface.name,
    state: iface.state,
    network: iface.config.network,
    passive: iface.config.passive,
    unnumbered: isUnnumbered(iface),
    address: iface.state === 'down' ? undefined : iface.address,
    prefixLength: iface.prefixLength,
    mtu: iface.mtu,
    cost: iface.config.cost,
    designatedRouter: iface.designatedRouter,
    backupDesignatedRouter: iface.backupDesignatedRouter,
    neighbors: [...iface.neighbors.values()].filter(({ state }) => atLeast(state, 'init')).length,
    troubles: presentTroubles(iface, speaker.now).map((trouble) => sentence(trouble)),
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

function sentence({ address, detail }: { readonly address: Ipv4; readonly detail: string }): string {
  return `${formatIpv4(address)}: ${detail}`;
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
    rows.push({
      ...{ type, id, advertisingRouter, sequence, checksum, age, length, own, lsa },
      // Put into words only when it is read: of a large database nobody reads all at once.
      get summary() {
        return describeLsa(lsa);
      },
    });
  }
  return rows.sort((a, b) => a.type - b.type || a.id - b.id || a.advertisingRouter - b.advertisingRouter);
}
