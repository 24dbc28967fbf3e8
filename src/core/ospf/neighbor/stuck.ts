/** Why a database exchange does not get on, as far as it can be told from our end. */
import { formatIpv4 } from '../../base/ipv4.ts';
import type { Speaker } from '../speaker.ts';
import { noticeTrouble } from '../troubles.ts';
import type { Neighbor } from './neighbor.ts';

/** The same description this often without an answer that leads on is no coincidence; with MTUs that differ, less is none. */
const TOO_OFTEN = 4;
const TOO_OFTEN_WITH_CAUSE = 2;

/**
 * To be called when a description has to be sent again. Where it is the neighbor that does not accept our MTU, we hear
 * nothing of it: the same description goes back and forth.
 */
export function noticeStuck(speaker: Speaker, neighbor: Neighbor): void {
  const { exchange, interface: iface, mtu, address } = neighbor;
  if (mtu !== 0 && mtu !== iface.mtu) {
    if (exchange.tries < TOO_OFTEN_WITH_CAUSE) return;
    noticeTrouble(speaker, iface, neighbor, 'mtu', describeMtus(neighbor));
  } else if (exchange.tries >= TOO_OFTEN) {
    const detail = `no answer to ${exchange.tries} database descriptions; do packets of ${iface.mtu} bytes, and unicast, reach ${formatIpv4(address)}?`;
    noticeTrouble(speaker, iface, neighbor, 'noAnswer', detail);
  }
}

/**
 * Both values and who refuses whom. RFC 2328 10.6 refuses an MTU that is larger than one's own, and so do we and FRR; BIRD
 * refuses any other than its own, unless one of the two is 0.
 */
export function describeMtus({ mtu, interface: iface }: Neighbor): string {
  const values = `its MTU is ${mtu}, ours is ${iface.mtu}`;
  const cure = 'set both alike, or mtuIgnore here and its like there';
  if (mtu <= iface.mtu) return `${values}: it refuses ours (FRR a larger one, BIRD any other than its own); ${cure}`;
  if (iface.config.mtuIgnore) return `${values}: it refuses ours (BIRD any other than its own); ${cure}`;
  return `${values}: we refuse a larger one (RFC 2328 10.6), and BIRD any other than its own; ${cure}`;
}
