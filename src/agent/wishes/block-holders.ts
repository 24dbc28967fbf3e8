import { LAST_RESORT } from '../../core/announce/policy.ts';
import type { Ipv4 } from '../../core/base/ipv4.ts';
import type { Director } from '../../core/model/cluster.ts';
import type { MemberView } from '../../core/model/sync.ts';
import type { Speaker } from '../../drivers/routing/port.ts';
import type { LoadedCluster } from '../cluster-file.ts';
import { livingDirectors } from './sync.ts';

/**
 * The directors that have their port blocks: those that live, and of those that are dead, for all that the mesh knows, the ones
 * that routers still lead to.
 *
 * Answers to a director's local address go where it is announced. While it is, its successor would ask from that address in vain,
 * and if only the mesh between the two is cut, or an agent is started again while its kernel forwards, the owner goes on giving
 * these ports away itself. Answers to shared addresses come anywhere, and are handed over to whoever has the port: there a director
 * that does not answer the others is passed over at once.
 */
export function blockHolders(
  loaded: LoadedCluster,
  view: MemberView | undefined,
  speakers: readonly Speaker[],
): readonly string[] {
  const living = livingDirectors(loaded, view);
  const { directors, services, local } = loaded.cluster;
  if (local.shared.length > 0) return living;
  const vips = services.flatMap((service) => service.vips);
  return directors.flatMap((one) => (living.includes(one.name) || isAnnounced(one, vips, speakers) ? [one.name] : []));
}

/** Is it reachable, and announces an address of its own or a VIP as one that serves? */
function isAnnounced({ routerId, local }: Director, vips: readonly Ipv4[], speakers: readonly Speaker[]): boolean {
  const announces = (address: Ipv4) =>
    speakers.some((speaker) => speaker.otherAnnouncers(address, LAST_RESORT).includes(routerId));
  return local.some(announces) || vips.some(announces);
}
