/**
 * Hellos out and in (RFC 2328 9.5, 10.5).
 *
 * Beyond the RFC, all for coming up in milliseconds: the first Hello leaves when the interface comes up, more follow
 * closely until a neighbor is heard (the far end may come up a little later than ours), a Hello that does not list us is
 * answered at once, and on point-to-point links the first Hellos are followed by a description (opening.ts). On a LAN whose
 * designated router can only be somebody else, there is nothing to begin before that router's own Hello: we listen for it
 * and answer. Should it have us in Full from a life that we know nothing of, it keeps us there: a Hello of ours that lists
 * nobody would have ended that, and left us waiting for the router's next one.
 */
import { formatIpv4, type Ipv4, maskOf } from '../../base/ipv4.ts';
import type { Instant, Millis } from '../../base/machine.ts';
import { areaMismatch, helloOptions } from '../area.ts';
import { ALL_SPF_ROUTERS } from '../codes.ts';
import type { TroubleReason } from '../events.ts';
import { neighborEvent } from '../neighbor/machine.ts';
import { atLeast, type Neighbor, newNeighbor } from '../neighbor/neighbor.ts';
import type { Hello, PacketHeader } from '../packet/packet.ts';
import { askForGrace, recallsDesignation } from '../restart/take-over.ts';
import { drop, type Speaker, sendPacket } from '../speaker.ts';
import { noticeTrouble } from '../troubles.ts';
import { isDuplicate, noticeMove } from './duplicates.ts';
import {
  greetsByMulticast,
  hasDesignatedRouter,
  hasSubnet,
  isPointToPoint,
  isUnnumbered,
  type OspfInterface,
} from './interface.ts';
import { interfaceEvent } from './machine.ts';
import { greeted, owesAnswer } from './non-broadcast.ts';
import { scheduleOpening, stopOpening, takeOpening } from './opening.ts';

/** After interface-up, as long as nobody has been heard. */
const BURST: readonly Millis[] = [20, 60, 140, 300, 620];

/** How much later than at its time a Hello may come. */
const LATENESS: Millis = 100;

/** Answers at once, but not twice within this time with nothing new to say. */
const REPLY_SPACING: Millis = 20;

/** Neighbors on one interface: a Hello that lists them all still fits a packet of 1,500 bytes. */
export const MOST_NEIGHBORS = 256;

const helloTimer = (iface: OspfInterface) => `hello ${iface.name}`;
const replyTimer = (iface: OspfInterface) => `hello reply ${iface.name}`;

export function startHellos(speaker: Speaker, iface: OspfInterface): void {
  iface.upAt = speaker.now;
  iface.strangerRefused = false;
  if (!listensFirst(iface)) tick(speaker, iface);
  else {
    const until = speaker.now + iface.config.helloInterval + LATENESS;
    speaker.timers.set(helloTimer(iface), until, () => tick(speaker, iface));
  }
}

/** Who is remembered is listed in our first Hello, and need not be heard before it. */
function listensFirst(iface: OspfInterface): boolean {
  const { network, priority } = iface.config;
  return network === 'broadcast' && priority === 0 && iface.remembered.length === 0;
}

export function stopHellos(speaker: Speaker, iface: OspfInterface): void {
  stopOpening(speaker, iface);
  speaker.timers.clear(helloTimer(iface));
  speaker.timers.clear(replyTimer(iface));
}

/** What our Hellos say, or how often, has changed: the next one leaves as soon as this event is over. */
export function hastenHello(speaker: Speaker, iface: OspfInterface): void {
  if (iface.state !== 'down' && iface.state !== 'passive')
    speaker.timers.set(helloTimer(iface), speaker.now, () => tick(speaker, iface));
}

function tick(speaker: Speaker, iface: OspfInterface): void {
  askForGrace(speaker, iface);
  sendHello(speaker, iface);
  if (speaker.now <= iface.upAt + BURST.at(-1)!) scheduleOpening(speaker, iface);
  speaker.timers.set(helloTimer(iface), nextHelloAt(iface, speaker.now), () => tick(speaker, iface));
}

function nextHelloAt(iface: OspfInterface, now: Instant): Instant {
  const regular = now + iface.config.helloInterval;
  if (heard(iface).length > 0) return regular;
  const burst = BURST.find((offset) => iface.upAt + offset > now);
  return burst === undefined ? regular : Math.min(regular, iface.upAt + burst);
}

/** Sends one Hello now; `goodbye` lists nobody, which makes every neighbor see 1-WayReceived. */
export function sendHello(speaker: Speaker, iface: OspfInterface, goodbye = false): void {
  if (iface.state === 'passive') return;
  iface.lastHelloAt = speaker.now;
  iface.helloOutdated = false;
  speaker.timers.clear(replyTimer(iface));
  if (greetsByMulticast(iface)) sendHelloTo(speaker, iface, ALL_SPF_ROUTERS, goodbye);
  else for (const { address } of goodbye ? heard(iface) : greeted(iface)) sendHelloTo(speaker, iface, address, goodbye);
}

/** One Hello to one address, a group's or a neighbor's. */
export function sendHelloTo(speaker: Speaker, iface: OspfInterface, destination: Ipv4, goodbye = false): void {
  const { config } = iface;
  const known = iface.neighbors.get(destination);
  if (known !== undefined) known.greetedAt = speaker.now;
  sendPacket(speaker, iface, destination, {
    kind: 'hello',
    // 9.5: an unnumbered link has no mask.
    networkMask: isUnnumbered(iface) ? 0 : maskOf(iface.prefixLength),
    helloInterval: wholeSeconds(config.helloInterval),
    options: helloOptions(speaker.config.areaType),
    priority: config.priority,
    deadInterval: Math.max(1, wholeSeconds(config.deadInterval)),
    designatedRouter: iface.designatedRouter,
    backupDesignatedRouter: iface.backupDesignatedRouter,
    neighbors: goodbye ? [] : listed(iface, speaker.now),
  });
}

/** Who has been heard, and who is remembered from an earlier life as long as that is believable. */
function listed(iface: OspfInterface, now: Instant): Ipv4[] {
  const routerIds = heard(iface).map((neighbor) => neighbor.routerId);
  if (now >= iface.upAt + iface.config.deadInterval) return routerIds;
  return [...new Set([...routerIds, ...iface.remembered])];
}

function heard(iface: OspfInterface): Neighbor[] {
  return [...iface.neighbors.values()].filter(({ state }) => atLeast(state, 'init'));
}

/** Sub-second intervals travel as 0, as other implementations send their "fast hellos". */
function wholeSeconds(interval: Millis): number {
  return Math.floor(interval / 1000);
}

/** To a neighbor that we hear for the first time (`unknown`), that does not list us, or that waits for an answer. */
function reply(speaker: Speaker, iface: OspfInterface, neighbor: Neighbor, unknown: boolean): void {
  if (greetsByMulticast(iface)) replyToAll(speaker, iface);
  else if (unknown || speaker.now - neighbor.greetedAt >= REPLY_SPACING) {
    sendHelloTo(speaker, iface, neighbor.address);
  }
}

function replyToAll(speaker: Speaker, iface: OspfInterface): void {
  const due = iface.helloOutdated ? speaker.now : iface.lastHelloAt + REPLY_SPACING;
  if (due <= speaker.now) sendHello(speaker, iface);
  else speaker.timers.setAtLatest(replyTimer(iface), due, () => sendHello(speaker, iface));
}

/** RFC 2328 10.5. The common checks of 8.2 have been made. */
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
