/**
 * The interface state machine (RFC 2328 9.1 to 9.3). State `passive` is ours: up, announced, silent. A point-to-multipoint
 * interface is in state pointToPoint, as the RFC has it.
 */

import type { Fork, StateTable, Step } from '../../base/state-table.ts';
import type { InterfaceStateName } from '../events.ts';

export const INTERFACE_STATES = ['down', 'passive', 'waiting', 'pointToPoint', 'drOther', 'backup', 'dr'] as const;

/** 9.2. Loopback events have no use here: a director does not loop its uplinks. */
export const INTERFACE_EVENTS = ['interfaceUp', 'waitTimer', 'backupSeen', 'neighborChange', 'interfaceDown'] as const;

export type InterfaceEvent = (typeof INTERFACE_EVENTS)[number];

/** `elected` is drOther, backup or dr, as the election (9.4) turns out. */
export type InterfaceNext = InterfaceStateName | 'elected';

export type InterfaceAction =
  /** Event Start for the static neighbors that are to be greeted (9.5.1), and polling of the others. */
  | 'seekNeighbors'
  /** Send the first Hello now and go on. */
  | 'startHellos'
  /** Listen for one RouterDeadInterval before electing anyone. */
  | 'startWaitTimer'
  | 'stopWaitTimer'
  /** Take the neighbors down, stop all timers, forget DR and BDR. */
  | 'reset';

export type InterfaceGuard =
  | 'passive'
  /** Broadcast or NBMA. */
  | 'electing'
  | 'eligible';

type InterfaceStep = Step<InterfaceNext, InterfaceAction>;

const elect: InterfaceStep = { next: 'elected', actions: [] };
const electAfterWaiting: InterfaceStep = { next: 'elected', actions: ['stopWaitTimer'] };
const goDown: InterfaceStep = { next: 'down', actions: ['reset'] };

const comeUp: Fork<InterfaceNext, InterfaceAction, InterfaceGuard> = {
  when: 'passive',
  yes: { next: 'passive', actions: [] },
  no: {
    when: 'electing',
    yes: {
      when: 'eligible',
      yes: { next: 'waiting', actions: ['seekNeighbors', 'startHellos', 'startWaitTimer'] },
      // Priority 0 has nothing to wait for: it takes whatever DR the others declare.
      no: { next: 'drOther', actions: ['seekNeighbors', 'startHellos'] },
    },
    no: { next: 'pointToPoint', actions: ['seekNeighbors', 'startHellos'] },
  },
};

export const INTERFACE_TABLE: StateTable<
  InterfaceStateName,
  InterfaceEvent,
  InterfaceNext,
  InterfaceAction,
  InterfaceGuard
> = {
  down: { interfaceUp: comeUp },
  waiting: { waitTimer: electAfterWaiting, backupSeen: electAfterWaiting, interfaceDown: goDown },
  passive: { interfaceDown: goDown },
  pointToPoint: { interfaceDown: goDown },
  drOther: { neighborChange: elect, interfaceDown: goDown },
  backup: { neighborChange: elect, interfaceDown: goDown },
  dr: { neighborChange: elect, interfaceDown: goDown },
};
