/**
 * Drives the interface state machine (RFC 2328 9.3): looks a cell up, performs its actions, tells whom it concerns.
 *
 * In: events. Out: the interface's state, DR and BDR; the effects `interfaceChanged`, `joinAllDRouters` and
 * `leaveAllDRouters`; events for its neighbors, marks for our LSAs and routes.
 *
 * Not here: Hellos out (hello.ts, and to neighbors one by one non-broadcast.ts: either needs the other, as polls are Hellos)
 * and in (receive-hello.ts), the election itself (election.ts), new settings (configure.ts).
 */
import { resolve } from '../../base/state-table.ts';
import type { InterfaceStateName } from '../events.ts';
import { discardOutbox } from '../flooding/outbox.ts';
import { neighborEvent } from '../neighbor/machine.ts';
import { atLeast } from '../neighbor/neighbor.ts';
import { markTopologyChanged } from '../routing/routing.ts';
import type { Speaker } from '../speaker.ts';
import { type Candidate, electDesignatedRouter } from './election.ts';
import { hastenHello, startHellos, stopHellos } from './hello.ts';
import { hasDesignatedRouter, isDesignated, type OspfInterface } from './interface.ts';
import { seekNeighbors, stopSeeking } from './non-broadcast.ts';
import { INTERFACE_TABLE, type InterfaceAction, type InterfaceEvent, type InterfaceGuard } from './table.ts';

const waitTimer = (iface: OspfInterface) => `wait ${iface.name}`;

export function interfaceEvent(speaker: Speaker, iface: OspfInterface, event: InterfaceEvent): void {
  const cell = INTERFACE_TABLE[iface.state][event];
  if (cell === undefined) return;
  const step = resolve(cell, (guard) => answer(iface, guard));
  if (step.next === 'elected') elect(speaker, iface);
  else if (step.next !== 'same') changeState(speaker, iface, step.next);
  for (const action of step.actions) perform(speaker, iface, action);
}

function answer(iface: OspfInterface, guard: InterfaceGuard): boolean {
  switch (guard) {
    case 'passive':
      return iface.config.passive;
    case 'electing':
      return hasDesignatedRouter(iface);
    case 'eligible':
      return iface.config.priority > 0;
  }
}

function perform(speaker: Speaker, iface: OspfInterface, action: InterfaceAction): void {
  switch (action) {
    case 'seekNeighbors':
      seekNeighbors(speaker, iface);
      break;
    case 'startHellos':
      startHellos(speaker, iface);
      break;
    case 'startWaitTimer':
      speaker.timers.set(waitTimer(iface), speaker.now + iface.config.deadInterval, () =>
        interfaceEvent(speaker, iface, 'waitTimer'),
      );
      break;
    case 'stopWaitTimer':
      speaker.timers.clear(waitTimer(iface));
      break;
    case 'reset':
      reset(speaker, iface);
      break;
  }
}

function reset(speaker: Speaker, iface: OspfInterface): void {
  for (const neighbor of [...iface.neighbors.values()]) neighborEvent(speaker, neighbor, 'llDown');
  stopHellos(speaker, iface);
  stopSeeking(speaker, iface);
  speaker.timers.clear(waitTimer(iface));
  discardOutbox(speaker, iface);
  iface.designatedRouter = 0;
  iface.backupDesignatedRouter = 0;
  iface.neighborChange = false;
  iface.remembered = [];
}

/** RFC 2328 9.4 (5) to (7). */
function elect(speaker: Speaker, iface: OspfInterface): void {
  const { routerId } = speaker.config;
  const before = iface.state;
  const { address, designatedRouter: dr, backupDesignatedRouter: backup } = iface;
  const self: Candidate = {
    routerId,
    address,
    priority: iface.config.priority,
    designatedRouter: dr,
    backupDesignatedRouter: backup,
  };
  const neighbors = [...iface.neighbors.values()].filter((neighbor) => atLeast(neighbor.state, 'twoWay'));
  const result = electDesignatedRouter(self, neighbors);
  const { designatedRouter, backupDesignatedRouter } = result;
  const moved = designatedRouter !== iface.designatedRouter || backupDesignatedRouter !== iface.backupDesignatedRouter;
  iface.designatedRouter = designatedRouter;
  iface.backupDesignatedRouter = backupDesignatedRouter;
  changeState(speaker, iface, result.role);
  // Ours may change without theirs when we take up after a restart what we were.
  if (!moved && iface.state === before) return;
  markTopologyChanged(speaker);
  for (const neighbor of neighbors) neighborEvent(speaker, neighbor, 'adjOk');
}

function changeState(speaker: Speaker, iface: OspfInterface, to: InterfaceStateName): void {
  const from = iface.state;
  if (from === to) return;
  const wasDesignated = isDesignated(iface);
  iface.state = to;
  speaker.effects.push({ kind: 'interfaceChanged', interface: iface.name, from, to });
  if (!wasDesignated && isDesignated(iface)) takeUpDesignation(speaker, iface);
  if (wasDesignated && !isDesignated(iface)) speaker.effects.push({ kind: 'leaveAllDRouters', interface: iface.name });
  markTopologyChanged(speaker);
}

/** 9.4 (6): on an NBMA network those who may not become DR have not been greeted so far. */
function takeUpDesignation(speaker: Speaker, iface: OspfInterface): void {
  speaker.effects.push({ kind: 'joinAllDRouters', interface: iface.name });
  if (iface.config.network !== 'nbma') return;
  seekNeighbors(speaker, iface, true);
  hastenHello(speaker, iface);
}
