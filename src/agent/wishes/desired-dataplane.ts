/** The cluster file and what has become of its servers, to what the data plane should hold. */
import type { Service } from '../../core/model/cluster.ts';
import type { DesiredDataplane, DesiredDirect, DesiredService } from '../../core/model/dataplane.ts';
import type { LoadedCluster } from '../cluster-file.ts';
import type { ServerKeeper } from '../keepers/server-keeper.ts';
import { desiredHandOver } from './hand-over.ts';
import { egressInterfaces, serversInterface, upstreamInterfaces } from './upstream-interfaces.ts';

/** `services`: those of the file and of files before it that have to be held now. `members`: the directors that have port blocks. */
export function desiredDataplane(
  loaded: LoadedCluster,
  services: readonly Service[],
  keeper: Pick<ServerKeeper, 'desired'>,
  members: readonly string[],
): DesiredDataplane {
  const { cluster, director } = loaded;
  return {
    services: services.map((service) => desiredService(loaded, service, keeper)),
    upstream: upstreamInterfaces(cluster, director),
    self: director.name,
    members,
    egress: { links: egressInterfaces(cluster, director), pools: cluster.snat },
    local: { directors: cluster.directors.map(({ name, local }) => ({ name, local })), shared: cluster.local.shared },
    handOver: desiredHandOver(loaded),
    macs: Object.fromEntries(cluster.directors.map(({ name, macs = [] }) => [name, macs])),
  };
}

export function desiredService(
  loaded: LoadedCluster,
  service: Service,
  keeper: Pick<ServerKeeper, 'desired'>,
): DesiredService {
  const { name, vips, ports, protocol, forward, fwmark, scheduler, persistence, timeouts, sorry, sync } = service;
  const { tunnel, onePacket, persistenceMask } = service;
  const servers = keeper.desired(service);
  const fullnat = forward === 'fullnat' || undefined;
  const direct = desiredDirect(loaded, service);
  return {
    name,
    vips,
    ports,
    protocol,
    servers,
    fwmark,
    direct,
    tunnel,
    onePacket,
    scheduler,
    persistence,
    persistenceMask,
    timeouts,
    fullnat,
    sorry,
    sync,
  };
}

function desiredDirect({ cluster, director }: LoadedCluster, { direct }: Service): DesiredDirect | undefined {
  return direct && { device: serversInterface(cluster, director, direct.via), sticky: direct.sticky };
}
