/**
 * Networks on which multicast reaches nobody (RFC 2328 9.5.1): NBMA, and point-to-multipoint with a list of neighbors.
 * Hellos go to each neighbor alone. Who is on the list and has not answered is greeted for a dead interval as often as a
 * neighbor (state Attempt), then every poll interval.
 *
 * One departure from 9.5.1: a router that may not become DR greets those of its list that may, as long as it knows of no
 * DR. By the letter it waits to be greeted, which takes the poll interval of somebody else.
 */
import type { Ipv4 } from '../../base/ipv4.ts';
import type { StaticNeighbor } from '../events.ts';
import { neighborEvent } from '../neighbor/machine.ts';
import { type Neighbor, newNeighbor } from '../neighbor/neighbor.ts';
import type { Speaker } from '../speaker.ts';
import { sendHelloTo } from './hello.ts';
import { greetsByMulticast, isDesignated, type OspfInterface } from './interface.ts';

const pollTimer = (iface: OspfInterface) => `poll ${iface.name}`;

/**
 * Event Start (10.2) for those of the list who are to be greeted and are not known yet; then polling. On becoming DR or
 * Backup (`ineligible`) it concerns those who may not become it: the others have been greeted all along (9.4 (6)).
 */
export function seekNeighbors(speaker: Speaker, iface: OspfInterface, ineligible = false): void {
  speaker.timers.clear(pollTimer(iface));
  if (greetsByMulticast(iface)) return;
  for (const sought of missing(iface)) {
    if (ineligible && sought.priority > 0) continue;
    const neighbor = newNeighbor(iface, 0, sought.address, speaker.prng.u32());
    neighbor.priority = sought.priority;
    iface.neighbors.set(sought.address, neighbor);
    neighborEvent(speaker, neighbor, 'start');
  }
  schedulePoll(speaker, iface);
}

export function stopSeeking(speaker: Speaker, iface: OspfInterface): void {
  speaker.timers.clear(pollTimer(iface));
}

/** To whom the Hellos of this interval go. */
export function greeted(iface: OspfInterface): Neighbor[] {
  return [...iface.neighbors.values()].filter((neighbor) => isGreeted(iface, neighbor));
}

/**
 * Whether a Hello has to be answered although it says nothing new: a router that may not become DR greets the DRs only, so
 * that the others, who want to know whether it hears them, must be told in this way.
 */
export function owesAnswer(iface: OspfInterface, { priority, address }: Neighbor): boolean {
  if (iface.config.network !== 'nbma' || iface.config.priority > 0 || priority === 0) return false;
  return address !== iface.designatedRouter && address !== iface.backupDesignatedRouter;
}

/** On the list and not in the neighbor table: state Down. */
export function silentNeighbors(iface: OspfInterface): StaticNeighbor[] {
  if (greetsByMulticast(iface)) return [];
  // The same file may serve all routers of a network: a list that has us in it does not mean us.
  return iface.config.neighbors.filter(({ address }) => address !== iface.address && !iface.neighbors.has(address));
}

function schedulePoll(speaker: Speaker, iface: OspfInterface): void {
  speaker.timers.set(pollTimer(iface), speaker.now + iface.config.pollInterval, () => {
    for (const { address } of missing(iface)) sendHelloTo(speaker, iface, address);
    schedulePoll(speaker, iface);
  });
}

function missing(iface: OspfInterface): StaticNeighbor[] {
  return silentNeighbors(iface).filter((sought) => isGreeted(iface, sought));
}

/** 9.5.1, first two paragraphs; on point-to-multipoint networks everybody (9.5). */
function isGreeted(iface: OspfInterface, { address, priority }: { address: Ipv4; priority: number }): boolean {
  if (iface.config.network !== 'nbma' || isDesignated(iface)) return true;
  if (iface.config.priority > 0 || iface.designatedRouter === 0) return priority > 0;
  return address === iface.designatedRouter || address === iface.backupDesignatedRouter;
}
