/**
 * What a real server needs for direct routing: packets reach it with a VIP as their destination, and it answers the client
 * itself, past the directors.
 *
 *   VIPs on lo      else the packets are not for it. A service that listens on a wildcard address over UDP answers from the
 *                   address of the way out, and the client takes it for a stranger: it has to be bound to the VIP.
 *   arp_ignore=1    ARP requests for a VIP are not answered: on a network shared with the routers they would send traffic
 *                   past the directors
 *   arp_announce=2  own ARP requests do not name a VIP as the sender, from which others would learn it
 *   rp_filter=2     a client's packet comes in by the interface to the directors, and its answer may leave by another one
 *
 * Not here: the default route, which must not lead through a director. A director holds the VIP itself, and drops what comes
 * to it from that address.
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';

export interface DirectServerInput {
  /** The server's interface on the network that it shares with the directors. */
  readonly interface: string;
  readonly vips: readonly Ipv4[];
}

/**
 * Commands of sysctl and iproute2, to be run in order, as often as one likes.
 *
 * @throws RangeError when the name of the interface is malformed
 */
export function directServerCommands({ interface: name, vips }: DirectServerInput): readonly (readonly string[])[] {
  if (!/^[^\s"/]{1,15}$/.test(name)) throw new RangeError(`not an interface name: ${name}`);
  return [
    // The kernel takes the higher value of `all` and the interface for each of these.
    ['sysctl', '-q', '-w', 'net/ipv4/conf/all/arp_ignore=1'],
    ['sysctl', '-q', '-w', 'net/ipv4/conf/all/arp_announce=2'],
    ['sysctl', '-q', '-w', `net/ipv4/conf/${name}/rp_filter=2`],
    ...vips.map((vip) => ['ip', 'address', 'replace', `${formatIpv4(vip)}/32`, 'dev', 'lo']),
  ];
}
