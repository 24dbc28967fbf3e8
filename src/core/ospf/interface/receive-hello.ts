/** Hellos in (RFC 2328 10.5): who sent one, whether its settings are ours, what it says of us and of the DR and BDR. */
import { formatIpv4, type Ipv4, maskOf } from '../../base/ipv4.ts';
import { areaMismatch } from '../area.ts';
import type { TroubleReason } from '../events.ts';
import { neighborEvent } from '../neighbor/machine.ts';
import { atLeast, type Neighbor, newNeighbor } from '../neighbor/neighbor.ts';
import type { Hello, PacketHeader } from '../packet/packet.ts';
import { recallsDesignation } from '../restart/take-over.ts';
import { drop, type Speaker } from '../speaker.ts';
import { noticeTrouble } from '../troubles.ts';
import { isDuplicate, noticeMove } from './duplicates.ts';
import { MOST_NEIGHBORS, reply, wholeSeconds } from './hello.ts';
import { hasDesignatedRouter, hasSubnet, isPointToPoint, type OspfInterface } from './interface.ts';
import { interfaceEvent } from './machine.ts';
import { owesAnswer } from './non-broadcast.ts';
import { takeOpening } from './opening.ts';

/** The common checks of 8.2 have been made. */
export function receiveHello(
  speaker: Speaker,
  iface: OspfInterface,
  header: PacketHeader,
  hello: Hello,
  source: Ipv4,
): void {
  const { routerId } = header;
  const mismatch = findMismatch(speaker, iface, hello);
  if (mismatch !== undefined) {
    iface.strangerRefused = true;
    drop(speaker, iface.name, source, 'helloMismatch', mismatch.detail);
    noticeTrouble(speaker, iface, { address: source, routerId }, mismatch.reason, mismatch.detail);
    return;
  }
  if (isDuplicate(speaker, iface, routerId, source)) return;
  const known = findKnown(speaker, iface, routerId, source);
  if (known === undefined && iface.neighbors.size >= MOST_NEIGHBORS) {
    drop(speaker, iface.name, source, 'tooManyNeighbors', `${formatIpv4(routerId)} would be one too many`);
    return;
  }
  const neighbor = known ?? addNeighbor(speaker, iface, routerId, source);
  const unknown = !atLeast(neighbor.state, 'init');
  const before = { ...neighbor };
  neighbor.routerId = routerId;
  noticeMove(speaker, neighbor, source);
  neighbor.address = source;
  neighbor.helloAt = speaker.now;
  if (neighbor.helped === undefined) takeDesignation(neighbor, hello);
  neighborEvent(speaker, neighbor, 'helloReceived');

  const listsUs = hello.neighbors.includes(speaker.config.routerId);
  if (unknown || !listsUs || owesAnswer(iface, neighbor)) reply(speaker, iface, neighbor, unknown);
  neighborEvent(speaker, neighbor, listsUs ? 'twoWayReceived' : 'oneWay');
  if (listsUs && hasDesignatedRouter(iface)) noticeDesignation(speaker, iface, neighbor, before);
}

/**
 * The neighbor that a description comes from whose sender has said no Hello, if it answers ours (see opening.ts): our
 * description, or our Hello that listed it because we remember it, while it had lost us meanwhile.
 */
export function meetUnheard(
  speaker: Speaker,
  iface: OspfInterface,
  routerId: Ipv4,
  source: Ipv4,
): Neighbor | undefined {
  const sequence = takeOpening(iface);
  const remembered = iface.remembered.includes(routerId) && !iface.strangerRefused;
  if (sequence === undefined && !remembered) return undefined;
  const neighbor = addNeighbor(speaker, iface, routerId, source);
  // ExStart begins with the number after this one: with the description that the sender may be answering.
  if (sequence !== undefined) neighbor.exchange.sequence = (sequence - 1) >>> 0;
  neighbor.helloAt = speaker.now;
  neighborEvent(speaker, neighbor, 'helloReceived', 'dbDescription');
  reply(speaker, iface, neighbor, true);
  return neighbor;
}

/** Not of a neighbor that restarts: what it was on the link it remains meanwhile (RFC 3623 3). */
function takeDesignation(neighbor: Neighbor, hello: Hello): void {
  neighbor.priority = hello.priority;
  neighbor.designatedRouter = hello.designatedRouter;
  neighbor.backupDesignatedRouter = hello.backupDesignatedRouter;
}

/** 10.5, second half: what a Hello says about DR and BDR. */
function noticeDesignation(speaker: Speaker, iface: OspfInterface, neighbor: Neighbor, before: Neighbor): void {
  if (recallsDesignation(speaker, iface, neighbor)) {
    interfaceEvent(speaker, iface, 'backupSeen');
    return;
  }
  const isDr = neighbor.designatedRouter === neighbor.address;
  const isBackup = neighbor.backupDesignatedRouter === neighbor.address;
  if (iface.state === 'waiting' && (isBackup || (isDr && neighbor.backupDesignatedRouter === 0))) {
    interfaceEvent(speaker, iface, 'backupSeen');
    return;
  }
  const wasDr = before.designatedRouter === before.address;
  const wasBackup = before.backupDesignatedRouter === before.address;
  if (isDr !== wasDr || isBackup !== wasBackup || neighbor.priority !== before.priority) iface.neighborChange = true;
}

interface Mismatch {
  readonly reason: TroubleReason;
  readonly detail: string;
}

/** The first setting that does not match ours; undefined when the Hello is acceptable. */
function findMismatch(speaker: Speaker, iface: OspfInterface, hello: Hello): Mismatch | undefined {
  const { config } = iface;
  const mask = maskOf(iface.prefixLength);
  if (hasSubnet(iface) && hello.networkMask !== mask) {
    return { reason: 'mask', detail: `network mask ${formatIpv4(hello.networkMask)}, ours is ${formatIpv4(mask)}` };
  }
  const interval = wholeSeconds(config.helloInterval);
  const dead = Math.max(1, wholeSeconds(config.deadInterval));
  // A field of 0 means several Hellos per second, which goes with a dead interval of 1 s; then only that has to agree.
  const subSecond = dead === 1 && (hello.helloInterval === 0 || interval === 0);
  if (hello.helloInterval !== interval && !subSecond) {
    return { reason: 'helloInterval', detail: `hello interval ${hello.helloInterval} s, ours is ${interval} s` };
  }
  if (hello.deadInterval !== dead) {
    return { reason: 'deadInterval', detail: `dead interval ${hello.deadInterval} s, ours is ${dead} s` };
  }
  const detail = areaMismatch(hello.options, speaker.config.areaType);
  return detail === undefined ? undefined : { reason: 'areaType', detail };
}

/** On every kind of link a router that changed its id at the same address is a new neighbor, and the old one is gone. */
function findKnown(speaker: Speaker, iface: OspfInterface, routerId: Ipv4, source: Ipv4): Neighbor | undefined {
  if (isPointToPoint(iface)) {
    const known = iface.neighbors.get(routerId);
    if (known !== undefined) return known;
  }
  const sameAddress = [...iface.neighbors.values()].find((neighbor) => neighbor.address === source);
  if (sameAddress === undefined || sameAddress.routerId === routerId) return sameAddress;
  // Of the file's list, and not heard before.
  if (sameAddress.routerId === 0) return sameAddress;
  neighborEvent(speaker, sameAddress, 'killNeighbor');
  return undefined;
}

function addNeighbor(speaker: Speaker, iface: OspfInterface, routerId: Ipv4, source: Ipv4): Neighbor {
  const neighbor = newNeighbor(iface, routerId, source, speaker.prng.u32());
  iface.neighbors.set(isPointToPoint(iface) ? routerId : source, neighbor);
  iface.helloOutdated = true;
  return neighbor;
}
