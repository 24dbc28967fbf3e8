/**
 * New settings for the interfaces of a running instance: the difference is found and applied, each with as little unrest as
 * the protocol allows. Adjacencies of interfaces whose settings are the same never notice.
 *
 *     cost              our own LSAs and the routes are judged anew
 *     priority          the next election, which is now, and the next Hello, which is at once (RFC 2328 9.2, NeighborChange)
 *     hello, dead       the next Hello, at once. The neighbors refuse it until their settings follow (10.5); an adjacency
 *                       lasts if both hear each other again before the dead interval that they had armed has run out
 *     rxmt, mtuIgnore   from the next retransmission, the next database description on
 *     authentication    from the next packet on; an adjacency lasts as with hello and dead, or longer if both ends migrate
 *     neighbors, poll   new ones are greeted at once, the others from now on at the new pace; who was taken from the list and
 *                       still speaks stays
 *     network, passive  the interface starts over: what a neighbor is named by, and who elects, is another (8.2, 9.4)
 */
import type { InterfaceConfig } from '../events.ts';
import { markTopologyChanged } from '../routing/routing.ts';
import { addInterface, authenticate, type Speaker } from '../speaker.ts';
import { hastenHello, sendHello } from './hello.ts';
import { hasDesignatedRouter, type OspfInterface } from './interface.ts';
import { interfaceEvent } from './machine.ts';
import { seekNeighbors } from './non-broadcast.ts';

/** Makes the interfaces be these. Of two with the same name the last counts. */
export function configureInterfaces(speaker: Speaker, wanted: readonly InterfaceConfig[]): void {
  const byName = new Map(wanted.map((config) => [config.name, config]));
  for (const iface of [...speaker.interfaces.values()]) if (!byName.has(iface.name)) remove(speaker, iface);
  for (const config of byName.values()) {
    const iface = speaker.interfaces.get(config.name);
    if (iface === undefined) addInterface(speaker, config);
    else change(speaker, iface, config);
  }
}

function remove(speaker: Speaker, iface: OspfInterface): void {
  leave(speaker, iface);
  speaker.interfaces.delete(iface.name);
  // What was flooded on this link only (RFC 5250 3) has nobody left to refresh it, and nobody to be told to.
  for (const entry of [...speaker.lsdb.entries()]) {
    if (entry.interface === iface.name) speaker.lsdb.remove(entry);
  }
}

/** The empty Hello tells the neighbors at once what they would find out after a dead interval. */
function leave(speaker: Speaker, iface: OspfInterface): void {
  if (iface.state === 'down') return;
  sendHello(speaker, iface, true);
  interfaceEvent(speaker, iface, 'interfaceDown');
}

function change(speaker: Speaker, iface: OspfInterface, config: InterfaceConfig): void {
  const before = iface.config;
  if (before.network !== config.network || before.passive !== config.passive) {
    startOver(speaker, iface, config);
    return;
  }
  iface.config = config;
  const secured = !sameAuthentication(before, config);
  if (secured) authenticate(speaker, iface);
  if (iface.state === 'down') return;
  if (seeksOthers(before, config)) seekNeighbors(speaker, iface);
  if (before.cost !== config.cost) markTopologyChanged(speaker);
  const timing = before.helloInterval !== config.helloInterval || before.deadInterval !== config.deadInterval;
  const standing = before.priority !== config.priority;
  if (standing && hasDesignatedRouter(iface)) iface.neighborChange = true;
  if (timing || standing || secured) hastenHello(speaker, iface);
}

function seeksOthers(before: InterfaceConfig, after: InterfaceConfig): boolean {
  const list = ({ neighbors }: InterfaceConfig) => neighbors.map(({ address, priority }) => `${address} ${priority}`);
  return before.pollInterval !== after.pollInterval || list(before).join() !== list(after).join();
}

function startOver(speaker: Speaker, iface: OspfInterface, config: InterfaceConfig): void {
  const wasUp = iface.state !== 'down';
  leave(speaker, iface);
  iface.config = config;
  authenticate(speaker, iface);
  if (wasUp) interfaceEvent(speaker, iface, 'interfaceUp');
}

function sameAuthentication({ authentication: a }: InterfaceConfig, { authentication: b }: InterfaceConfig): boolean {
  return a?.algorithm === b?.algorithm && a?.migrate === b?.migrate;
}
