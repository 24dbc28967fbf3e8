/**
 * Tunnels to the other directors, where they share no segment: one VXLAN device, on which each of them is a next hop.
 *
 * In: what is wanted, and what a kernel was found to hold. Out: what to change, in order; nothing when all is there. The device
 * is ours by its name. The next hops have addresses that are good on this device and this host alone: what is sent to one
 * goes to the MAC of that director, which follows from the far end's address, and nothing is asked or learned.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { FoundNeighbour, Neighbour } from '../netlink/neighbour.ts';
import type { FoundVxlan, Mac, VxlanDevice } from '../netlink/vxlan.ts';

export const TUNNEL_DEVICE = 'sluice-vxlan';

/** Link-local (RFC 3927), away from the addresses that clouds use. */
const NEXT_HOPS: Ipv4 = 0xa9fed900;
export const TUNNEL_ADDRESS: Ipv4 = NEXT_HOPS + 1;
export const TUNNEL_PREFIX_LENGTH = 24;

/** Outer Ethernet header aside: IPv4, UDP, VXLAN, and the inner Ethernet header (RFC 7348 5). */
export const TUNNEL_OVERHEAD = 50;

export interface Tunnels {
  readonly id: number;
  readonly port: number;
  readonly mtu: number;
  /** This director's end. */
  readonly local: Ipv4;
  /** The other directors' ends, at most 253, as the cluster file's checks have seen to. */
  readonly peers: readonly Ipv4[];
}

export interface FoundTunnels {
  /** A device of our name; `foreign` when it is not a VXLAN device. */
  readonly device: FoundVxlan | 'foreign' | undefined;
  readonly addressed: boolean;
  readonly neighbours: readonly FoundNeighbour[];
}

export type TunnelOp =
  | { readonly kind: 'remove-device' }
  | { readonly kind: 'add-device'; readonly device: VxlanDevice }
  | { readonly kind: 'set-mtu'; readonly mtu: number }
  | { readonly kind: 'add-address' }
  | { readonly kind: 'remove-neighbour' | 'set-neighbour'; readonly neighbour: Neighbour };

/** The next hop, on the device, of the peer at this place of the list. */
export function nextHopOf(place: number): Ipv4 {
  return NEXT_HOPS + 2 + place;
}

/** Locally administered, and the address of the tunnel's end. */
function macOf(end: Ipv4): Mac {
  return [0x02, 0x73, end >>> 24, (end >>> 16) & 255, (end >>> 8) & 255, end & 255];
}

function neighboursOf({ peers }: Tunnels): readonly Neighbour[] {
  return peers.flatMap((peer, place): Neighbour[] => [
    { kind: 'forwarding', address: peer, mac: macOf(peer) },
    { kind: 'arp', address: nextHopOf(place), mac: macOf(peer) },
  ]);
}

function keyOf({ kind, address, mac }: Neighbour): string {
  return `${kind} ${address} ${mac.join()}`;
}

/** What cannot be changed of a device that is there. */
function sameDevice(found: FoundVxlan, wanted: VxlanDevice): boolean {
  const { id, port, local, mac, learning } = found;
  const isSame = id === wanted.id && port === wanted.port && local === wanted.local;
  return isSame && !learning && mac.join() === wanted.mac.join();
}

/** From `found` to `wanted`. A device of our name that is not ours is left alone: whoever performs this finds the name taken. */
export function planTunnels(wanted: Tunnels, found: FoundTunnels): readonly TunnelOp[] {
  const { id, port, mtu, local } = wanted;
  const device = { name: TUNNEL_DEVICE, mac: macOf(local), mtu, id, port, local };
  const present = found.device === 'foreign' ? undefined : found.device;
  const keep = present !== undefined && sameDevice(present, device);
  const operations: TunnelOp[] = [];
  if (present !== undefined && !keep) operations.push({ kind: 'remove-device' });
  if (!keep) operations.push({ kind: 'add-device', device });
  else if (present.mtu !== mtu || !present.enabled) operations.push({ kind: 'set-mtu', mtu });
  if (!keep || !found.addressed) operations.push({ kind: 'add-address' });
  return [...operations, ...planNeighbours(neighboursOf(wanted), keep ? found.neighbours : [])];
}

/** What has to go goes first: an entry for the same address would be replaced and then removed. */
function planNeighbours(wanted: readonly Neighbour[], found: readonly FoundNeighbour[]): TunnelOp[] {
  const there = new Set(found.filter(({ permanent }) => permanent).map(keyOf));
  const keys = new Set(wanted.map(keyOf));
  const strangers = found.filter((neighbour) => !keys.has(keyOf(neighbour)));
  return [
    ...strangers.map((neighbour): TunnelOp => ({ kind: 'remove-neighbour', neighbour })),
    ...wanted
      .filter((neighbour) => !there.has(keyOf(neighbour)))
      .map((neighbour): TunnelOp => ({ kind: 'set-neighbour', neighbour })),
  ];
}

/** One line, e.g. `sluice-vxlan: next hop 169.254.217.2 is 02:73:0a:04:00:02`. */
export function formatTunnelOp(op: TunnelOp): string {
  switch (op.kind) {
    case 'remove-device':
      return `${TUNNEL_DEVICE}: removed`;
    case 'add-device':
      return `${TUNNEL_DEVICE}: made, VXLAN ${op.device.id} port ${op.device.port} from ${formatIpv4(op.device.local)} MTU ${op.device.mtu}`;
    case 'set-mtu':
      return `${TUNNEL_DEVICE}: up, MTU ${op.mtu}`;
    case 'add-address':
      return `${TUNNEL_DEVICE}: address ${formatIpv4(TUNNEL_ADDRESS)}/${TUNNEL_PREFIX_LENGTH}`;
    default:
      return `${TUNNEL_DEVICE}: ${neighbourText(op.neighbour)}${op.kind === 'remove-neighbour' ? ' removed' : ''}`;
  }
}

function neighbourText({ kind, address, mac }: Neighbour): string {
  const hex = mac.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
  return kind === 'arp' ? `next hop ${formatIpv4(address)} is ${hex}` : `${hex} is at ${formatIpv4(address)}`;
}
