/**
 * Two routers with one router id on one link: their Hellos and LSAs take turns in our neighbor table and database, and both
 * come and go for ever. Seen as soon as the second speaks, while the first still does.
 */
import { formatIpv4, type Ipv4 } from '../../base/ipv4.ts';
import { atLeast, type Neighbor } from '../neighbor/neighbor.ts';
import { drop, type Speaker } from '../speaker.ts';
import { noticeTrouble } from '../troubles.ts';
import { isPointToPoint, type OspfInterface } from './interface.ts';

/**
 * Whether a Hello must not be used, because its router id is another neighbor's: where neighbors go by their addresses (8.2).
 * A router that has moved to another address is taken for the second one only as long as the old one may still be speaking.
 */
export function isDuplicate(speaker: Speaker, iface: OspfInterface, routerId: Ipv4, source: Ipv4): boolean {
  if (isPointToPoint(iface)) return false;
  const other = [...iface.neighbors.values()].find((neighbor) => {
    return neighbor.routerId === routerId && neighbor.address !== source && atLeast(neighbor.state, 'init');
  });
  if (other === undefined || !hasJustSpoken(speaker, other)) return false;
  const detail = describe(routerId, source, other.address);
  drop(speaker, iface.name, source, 'duplicateRouterId', detail);
  noticeTrouble(speaker, iface, { address: source, routerId }, 'duplicateRouterId', detail);
  return true;
}

/**
 * On a point-to-point link a router id is one neighbor, from whatever address it speaks; but one that goes back to the
 * address that it has just left is two. To be called before the address is taken over from a Hello.
 */
export function noticeMove(speaker: Speaker, neighbor: Neighbor, source: Ipv4): void {
  const { interface: iface, address, formerAddress, routerId } = neighbor;
  if (source === address) return;
  neighbor.formerAddress = address;
  if (source !== formerAddress || !hasJustSpoken(speaker, neighbor)) return;
  noticeTrouble(
    speaker,
    iface,
    { address: source, routerId },
    'duplicateRouterId',
    describe(routerId, source, address),
  );
}

function describe(routerId: Ipv4, one: Ipv4, other: Ipv4): string {
  return `${formatIpv4(one)} and ${formatIpv4(other)} both have router id ${formatIpv4(routerId)}`;
}

/** Its last Hello is no older than one that is on time may be. */
function hasJustSpoken(speaker: Speaker, { helloAt, interface: iface }: Neighbor): boolean {
  return speaker.now - helloAt < iface.config.helloInterval * 1.5;
}
