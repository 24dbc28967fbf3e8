/** What directors say of themselves when a stream begins, and whether it is what the cluster file says. */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { SyncDirector, SyncSettings } from '../../model/sync.ts';
import { VERSIONS } from '../frames/codes.ts';
import type { Hello } from '../frames/hello.ts';

/** @param empty we hold nothing, and know of nothing that we should hold */
export function helloOf(settings: SyncSettings, bootEpoch: string, empty: boolean): Hello {
  const { cluster, self, configHash, tableDigest, services } = settings;
  return {
    kind: 'hello',
    versions: VERSIONS,
    empty,
    routerId: self.routerId,
    bootEpoch,
    configHash: configHash.slice(0, 16),
    tableDigest,
    name: self.name,
    cluster,
    services: services.map(({ service, digest }) => ({ service, digest })),
  };
}

/** Why a hello is not of the peer whose key has opened the stream; undefined = it is. */
export function strangerFault(
  cluster: string,
  peer: Pick<SyncDirector, 'name' | 'routerId'>,
  hello: Hello,
): string | undefined {
  if (hello.cluster !== cluster) return `of cluster ${hello.cluster}`;
  if (hello.name !== peer.name) return `says to be ${hello.name}, and is ${peer.name}`;
  if (hello.routerId === peer.routerId) return undefined;
  return `has router id ${formatIpv4(hello.routerId)}, the file says ${formatIpv4(peer.routerId)}`;
}
