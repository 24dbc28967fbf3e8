/** What the cluster file asks of connection sync, with what the kernel calls this director's servers. */
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Cluster, Director, Service } from '../../core/model/cluster.ts';
import type { DesiredDataplane } from '../../core/model/dataplane.ts';
import type { Plane } from '../../core/model/plane.ts';
import type { MemberView, SyncDirector, SyncService, SyncSettings } from '../../core/model/sync.ts';
import { serviceHash } from '../../core/sync/records/record.ts';
import { hashTableDigest, serviceDigest } from '../../core/sync/service-digest.ts';
import type { LoadedCluster } from '../cluster-file.ts';
import type { DataplaneKeeper } from '../keepers/dataplane-keeper.ts';
import type { ServerKeeper } from '../keepers/server-keeper.ts';

/** What this director's kernel calls its servers. */
export interface ServerMarks {
  /** Servers whose connections are there, also of one that has left the file and drains. */
  readonly servers: Pick<ServerKeeper, 'desired'>;
  /** Undefined before the server was applied. */
  readonly dataplane: Pick<DataplaneKeeper, 'serverId'>;
}

/** nf_conntrack_tcp_timeout_established, …_udp_timeout_stream and …_sctp_timeout_established, in seconds, where nobody has changed them. */
const KERNEL_TIMEOUT = { tcp: 432_000, udp: 120, sctp: 210 } as const;

const digestsOfTables = new Map<Plane, string>();

/** It takes some milliseconds, and is the same for as long as the program is. */
function tableDigest(plane: Plane): string {
  const digest = digestsOfTables.get(plane) ?? hashTableDigest(plane);
  digestsOfTables.set(plane, digest);
  return digest;
}

/** A service is one value for as long as its file is in force, and settings are wished with every turn. */
const digests = new WeakMap<Service, { readonly cluster: Cluster; readonly digest: string }>();

function digestOf(service: Service, cluster: Cluster): string {
  const known = digests.get(service);
  if (known?.cluster === cluster) return known.digest;
  const digest = serviceDigest(service, cluster);
  digests.set(service, { cluster, digest });
  return digest;
}

/** How many other directors there are to copy connections from and to. */
export function syncPeers({ cluster }: LoadedCluster): number {
  return cluster.keys === undefined ? 0 : cluster.directors.length - 1;
}

/** `services`: those that the data plane holds, as `plane` has it. Undefined where nothing is synced. */
export function syncSettings(
  loaded: LoadedCluster,
  services: readonly Service[],
  plane: DesiredDataplane,
  marks: ServerMarks,
): SyncSettings | undefined {
  const { cluster, director, hash, syncKeys } = loaded;
  const self = syncDirector(director);
  if (self === undefined || syncKeys === undefined) return undefined;
  const others = cluster.directors.filter(({ name }) => name !== director.name);
  return {
    cluster: cluster.cluster,
    self,
    peers: others.flatMap((one) => syncDirector(one) ?? []),
    keys: syncKeys.map(({ id, secret, acceptOnly }) => ({ id, secret: secret.reveal(), acceptOnly })),
    configHash: hash,
    tableDigest: tableDigest(plane.plane ?? 'nftables'),
    syncTimeout: cluster.lifecycle.syncTimeout ?? 0,
    grace: cluster.lifecycle.grace,
    services: services
      .filter((service) => isTranslated(service, plane))
      .map((service) => syncService(cluster, service, marks)),
    plane,
    mappingLog: cluster.mappingLog,
  };
}

/** Only what conntrack translates is copied: beside IPVS that is the source, with FullNAT. */
function isTranslated({ forward }: Service, { plane }: DesiredDataplane): boolean {
  return forward === 'fullnat' || (forward === 'nat' && plane !== 'ipvs');
}

function syncDirector({ name, routerId, sync }: Director): SyncDirector | undefined {
  return sync && { name, routerId, endpoint: sync };
}

function syncService(cluster: Cluster, service: Service, marks: ServerMarks): SyncService {
  const { name, vips, ports, protocol, forward, sync = 'off', persistence } = service;
  const established = protocol === 'tcp' ? service.timeouts?.established : service.timeouts?.replied;
  const servers = new Set(marks.servers.desired(service).map(({ address }) => address));
  if (service.sorry !== undefined) servers.add(service.sorry);
  return {
    ...{ name, vips, ports, protocol, sync },
    service: serviceHash(name),
    digest: digestOf(service, cluster),
    fullnat: forward === 'fullnat',
    serverIds: [...servers].flatMap((server): [Ipv4, number][] => {
      const id = marks.dataplane.serverId(name, server);
      return id === undefined ? [] : [[server, id]];
    }),
    establishedTimeout: established ?? KERNEL_TIMEOUT[protocol],
    persistence: persistence === undefined ? undefined : persistence / 1000,
  };
}

/** The directors that live; as long as nothing is known of that, all of the file do. */
export function livingDirectors({ cluster, director }: LoadedCluster, view: MemberView | undefined): readonly string[] {
  const all = cluster.directors.map(({ name }) => name);
  if (cluster.keys === undefined || view === undefined) return all;
  const living = new Set(view.living.map(({ name }) => name));
  return all.filter((name) => name === director.name || living.has(name));
}
