/** The interface state machine (RFC 2328 9.1 to 9.3), for broadcast and point-to-point links. */
import type { InterfaceStateName } from '../events.ts';
import type { Fork, StateTable, Step } from '../state-table.ts';

export const INTERFACE_STATES = ['down', 'waiting', 'pointToPoint', 'drOther', 'backup', 'dr'] as const;

/** 9.2. Loopback events have no use here: a director does not loop its uplinks. */
export const INTERFACE_EVENTS = ['interfaceUp', 'waitTimer', 'backupSeen', 'neighborChange', 'interfaceDown'] as const;

export type InterfaceEvent = (typeof INTERFACE_EVENTS)[number];

/** `elected` is drOther, backup or dr, as the election (9.4) turns out. */
export type InterfaceNext = InterfaceStateName | 'elected';

export type InterfaceAction =
  /** Send the first Hello now and go on. */
  | 'startHellos'
  /** Listen for one RouterDeadInterval before electing anyone. */
  | 'startWaitTimer'
  | 'stopWaitTimer'
  /** Take the neighbors down, stop all timers, forget DR and BDR. */
  | 'reset';

export type InterfaceGuard = 'pointToPoint' | 'eligible';

type InterfaceStep = Step<InterfaceNext, InterfaceAction>;

const elect: InterfaceStep = { next: 'elected', actions: [] };
const electAfterWaiting: InterfaceStep = { next: 'elected', actions: ['stopWaitTimer'] };
const goDown: InterfaceStep = { next: 'down', actions: ['reset'] };

const comeUp: Fork<InterfaceNext, InterfaceAction, InterfaceGuard> = {
  when: 'pointToPoint',
  yes: { next: 'pointToPoint', actions: ['startHellos'] },
  no: {
    when: 'eligible',
    yes: { next: 'waiting', actions: ['startHellos', 'startWaitTimer'] },
    // Priority 0 has nothing to wait for: it takes whatever DR the others declare.
    no: { next: 'drOther', actions: ['startHellos'] },
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
  pointToPoint: { interfaceDown: goDown },
  drOther: { neighborChange: elect, interfaceDown: goDown },
  backup: { neighborChange: elect, interfaceDown: goDown },
  dr: { neighborChange: elect, interfaceDown: goDown },
};
