/**
 * When to compute routes: the SPF back-off of RFC 8405 as a table, with delays for a leaf.
 *
 * In: that the area has changed (`igpEvent`), that something of our own has (`localEvent`), and the timers. Out: which timers
 * to set; when the SPF timer fires, the routes are computed, in every state and without a change of state.
 *
 * The RFC's transitions are its section 5.1; the column `localEvent` is ours. An adjacency of ours that is complete or gone,
 * an interface or an LSA of our own is no burst in the area: it comes alone, it says where our own packets go first, and
 * the way back to the clients waits for it. So it is answered after INITIAL_SPF_DELAY and begins no learning. Only
 * where the area does not come to rest (LONG_WAIT) it has to wait too, for SHORT_SPF_DELAY: a neighbor that flaps must not
 * keep us computing.
 */
import type { Millis } from '../../base/machine.ts';
import type { Cell, StateTable, Step } from '../../base/state-table.ts';

export const BACK_OFF_STATES = ['quiet', 'shortWait', 'longWait'] as const;
export type BackOffState = (typeof BACK_OFF_STATES)[number];

export const BACK_OFF_EVENTS = ['igpEvent', 'localEvent', 'learnTimer', 'holddownTimer'] as const;
export type BackOffEvent = (typeof BACK_OFF_EVENTS)[number];

export type BackOffAction =
  /** Start the SPF timer with that delay, unless it runs. */
  | 'initialDelay'
  | 'shortDelay'
  | 'longDelay'
  /** The same, and a timer that runs for longer is brought forward. */
  | 'hastenInitial'
  | 'hastenShort'
  | 'startLearnTimer'
  | 'stopLearnTimer'
  /** Starts it anew when it runs. */
  | 'startHolddownTimer';

/**
 * A leaf computes for itself alone: no loop can come of two routers that compute at different times, so none of the RFC's
 * defaults (50, 200, 5000 ms) is needed; what bounds the delays from below is the cost of a computation. The times that
 * tell a single failure from a storm are the RFC's.
 */
export const INITIAL_SPF_DELAY: Millis = 10;
export const SHORT_SPF_DELAY: Millis = 100;
export const LONG_SPF_DELAY: Millis = 1000;
/** How long the changes of a single failure take to come in. */
export const TIME_TO_LEARN: Millis = 500;
/** How long nothing may change before the next change counts as a first one. */
export const HOLDDOWN: Millis = 10_000;

type BackOffStep = Step<BackOffState, BackOffAction>;
type BackOffCell = Cell<BackOffState, BackOffAction, never>;

const quiet: BackOffStep = { next: 'quiet', actions: [] };

export const BACK_OFF_TABLE: StateTable<BackOffState, BackOffEvent, BackOffState, BackOffAction, never> = {
  quiet: {
    // Transition 1.
    igpEvent: { next: 'shortWait', actions: ['initialDelay', 'startLearnTimer', 'startHolddownTimer'] },
    localEvent: { next: 'same', actions: ['hastenInitial'] },
  },
  shortWait: {
    // Transitions 2, 3 and 5.
    igpEvent: { next: 'same', actions: ['startHolddownTimer', 'shortDelay'] },
    localEvent: { next: 'same', actions: ['hastenInitial'] },
    learnTimer: { next: 'longWait', actions: [] },
    holddownTimer: { next: 'quiet', actions: ['stopLearnTimer'] },
  },
  longWait: {
    // Transitions 4 and 6.
    igpEvent: { next: 'same', actions: ['startHolddownTimer', 'longDelay'] },
    localEvent: { next: 'same', actions: ['hastenShort'] },
    holddownTimer: quiet,
  } satisfies Record<string, BackOffCell>,
};
