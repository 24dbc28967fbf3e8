/**
 * Hellos out (RFC 2328 9.5). What comes in: receive-hello.ts.
 *
 * Beyond the RFC, all for coming up in milliseconds: the first Hello leaves when the interface comes up, more follow
 * closely until a neighbor is heard (the far end may come up a little later than ours), a Hello that does not list us is
 * answered at once, and on point-to-point links the first Hellos are followed by a description (opening.ts). On a LAN whose
 * designated router can only be somebody else, there is nothing to begin before that router's own Hello: we listen for it
 * and answer. Should it have us in Full from a life that we know nothing of, it keeps us there: a Hello of ours that lists
 * nobody would have ended that, and left us waiting for the router's next one.
 */
import { type Ipv4, maskOf } from '../../base/ipv4.ts';
import type { Instant, Millis } from '../../base/machine.ts';
import { helloOptions } from '../area.ts';
import { ALL_SPF_ROUTERS } from '../codes.ts';
import { atLeast, type Neighbor } from '../neighbor/neighbor.ts';
import { askForGrace } from '../restart/take-over.ts';
import { type Speaker, sendPacket } from '../speaker.ts';
import { greetsByMulticast, isUnnumbered, type OspfInterface } from './interface.ts';
import { greeted } from './non-broadcast.ts';
import { scheduleOpening, stopOpening } from './opening.ts';

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
export function wholeSeconds(interval: Millis): number {
  return Math.floor(interval / 1000);
}

/** To a neighbor that we hear for the first time (`unknown`), that does not list us, or that waits for an answer. */
export function reply(speaker: Speaker, iface: OspfInterface, neighbor: Neighbor, unknown: boolean): void {
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
