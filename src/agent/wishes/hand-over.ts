/** The hand-over of the cluster file, as this director takes part in it: its data plane's share, and its tunnels. */
import { formatIpv4, type Ipv4 } from '../../core/base/ipv4.ts';
import type { Cluster, Director } from '../../core/model/cluster.ts';
import type { DesiredHandOver } from '../../core/model/dataplane.ts';
import { nextHopOf, TUNNEL_DEVICE, TUNNEL_OVERHEAD, type Tunnels } from '../../core/tunnels/tunnels.ts';
import type { LinkState } from '../../io/links.ts';

interface Member {
  readonly cluster: Cluster;
  readonly director: Director;
}

type Links = ReadonlyMap<string, Pick<LinkState, 'mtu' | 'addresses'>>;

/** Without a link that has our end's address: as small as most paths are wide. */
const USUAL_MTU = 1500;

/** The others, in the order of the file; the cluster file's checks have seen to it that all have an address. */
function peersOf({ cluster, director }: Member): readonly { readonly name: string; readonly end: Ipv4 }[] {
  const others = cluster.directors.filter(({ name }) => name !== director.name);
  return others.flatMap(({ name, handOver }) => (handOver === undefined ? [] : [{ name, end: handOver }]));
}

/** Undefined where nothing is handed over. */
export function desiredHandOver(member: Member): DesiredHandOver | undefined {
  const { handOver } = member.cluster.local;
  if (handOver === undefined) return undefined;
  const isTunnel = handOver.kind === 'vxlan';
  const device = isTunnel ? TUNNEL_DEVICE : member.director.interfaces[handOver.alias];
  if (device === undefined) return undefined;
  const peers = peersOf(member).map(({ name, end }, place) => [name, isTunnel ? nextHopOf(place) : end] as const);
  return { device, peers: Object.fromEntries(peers), tunnelPort: isTunnel ? handOver.port : undefined };
}

/** Undefined where there are none. The MTU leaves room for what the tunnels add, on the link that has our end's address. */
export function wantedTunnels(member: Member, links: Links): Tunnels | undefined {
  const { handOver } = member.cluster.local;
  const local = member.director.handOver;
  if (handOver?.kind !== 'vxlan' || local === undefined) return undefined;
  const { id, port, mtu = (linkWith(local, links)?.mtu ?? USUAL_MTU) - TUNNEL_OVERHEAD } = handOver;
  return { id, port, mtu, local, peers: peersOf(member).map(({ end }) => end) };
}

/** Why nobody can hand over to this director, if so. */
export function handOverFault({ cluster, director }: Member, links: Links): string | undefined {
  const { handOver } = cluster.local;
  const local = director.handOver;
  if (handOver === undefined || local === undefined) return undefined;
  const address = formatIpv4(local);
  if (handOver.kind === 'vxlan') {
    return linkWith(local, links) === undefined ? `no interface has ${address}, the end of our tunnels` : undefined;
  }
  const device = director.interfaces[handOver.alias]!;
  const link = links.get(device);
  if (link === undefined) return `there is no interface ${device} to hand over by`;
  return link.addresses.some((one) => one.address === local) ? undefined : `${device} has no address ${address}`;
}

function linkWith(address: Ipv4, links: Links) {
  return [...links.values()].find(({ addresses }) => addresses.some((one) => one.address === address));
}
