/**
 * The neighbor state machine (RFC 2328 10.1 to 10.3). State `attempt` and event Start are for neighbors of the file's list:
 * see interface/non-broadcast.ts. Who is Down is not in the table of neighbors.
 */

import type { Cell, StateTable, Step } from '../../base/state-table.ts';
import type { NeighborStateName } from '../events.ts';

export const NEIGHBOR_STATES = ['down', 'attempt', 'init', 'twoWay', 'exStart', 'exchange', 'loading', 'full'] as const;

/** 10.2, in RFC words. `oneWay` is 1-WayReceived. */
export const NEIGHBOR_EVENTS = [
  'start',
  'helloReceived',
  'twoWayReceived',
  'negotiationDone',
  'exchangeDone',
  'loadingDone',
  'adjOk',
  'badLsRequest',
  'seqNumberMismatch',
  'oneWay',
  'inactivityTimer',
  'killNeighbor',
  'llDown',
] as const;

export type NeighborEvent = (typeof NEIGHBOR_EVENTS)[number];

export type NeighborAction =
  | 'armInactivityTimer'
  /** Enter ExStart: new DD sequence number, claim to be master, send the empty first packet. */
  | 'negotiate'
  /** List the database for the peer. */
  | 'describe'
  /** The master stops repeating its last DD; the slave keeps its own for RouterDeadInterval. */
  | 'endExchange'
  /** Empty summary, request and retransmission lists. */
  | 'clearLists'
  /** Drop the neighbor and its timers. */
  | 'forget';

export type NeighborGuard =
  /** It restarts, and we help it (RFC 3623 3). */
  | 'helped'
  /** 10.4: should there be an adjacency? */
  | 'adjacencyWanted'
  /** Nothing is left on the request list, and no first prefix is waited for (`firstAnnounceLimit`). */
  | 'requestsEmpty';

type NeighborStep = Step<NeighborStateName, NeighborAction>;
type NeighborCell = Cell<NeighborStateName, NeighborAction, NeighborGuard>;
type Row = Readonly<Partial<Record<NeighborEvent, NeighborCell>>>;

const stay: NeighborStep = { next: 'same', actions: [] };
const refresh: NeighborStep = { next: 'same', actions: ['armInactivityTimer'] };
const gone: NeighborStep = { next: 'down', actions: ['clearLists', 'forget'] };
const restart: NeighborStep = { next: 'exStart', actions: ['clearLists', 'negotiate'] };
const fallBack: NeighborStep = { next: 'init', actions: ['clearLists'] };

const decide: NeighborCell = {
  when: 'adjacencyWanted',
  yes: { next: 'exStart', actions: ['negotiate'] },
  no: { next: 'twoWay', actions: [] },
};

const review: NeighborCell = {
  when: 'adjacencyWanted',
  yes: { next: 'same', actions: [] },
  no: { next: 'twoWay', actions: ['clearLists'] },
};

/** RFC 3623 3: neither silence nor a Hello from a router that has forgotten us ends an adjacency that restarts. */
const lose: NeighborCell = { when: 'helped', yes: stay, no: gone };
const doubt: NeighborCell = { when: 'helped', yes: stay, no: fallBack };

const alive: Row = { helloReceived: refresh, inactivityTimer: lose, killNeighbor: gone, llDown: gone };
const bidirectional: Row = { ...alive, oneWay: doubt };
const adjacent: Row = { ...bidirectional, adjOk: review, seqNumberMismatch: restart, badLsRequest: restart };

export const NEIGHBOR_TABLE: StateTable<
  NeighborStateName,
  NeighborEvent,
  NeighborStateName,
  NeighborAction,
  NeighborGuard
> = {
  down: {
    start: { next: 'attempt', actions: ['armInactivityTimer'] },
    helloReceived: { next: 'init', actions: ['armInactivityTimer'] },
  },
  attempt: { ...alive, helloReceived: { next: 'init', actions: ['armInactivityTimer'] } },
  init: { ...alive, twoWayReceived: decide },
  twoWay: { ...bidirectional, adjOk: decide },
  exStart: {
    ...bidirectional,
    adjOk: review,
    negotiationDone: { next: 'exchange', actions: ['describe'] },
  },
  exchange: {
    ...adjacent,
    exchangeDone: {
      when: 'requestsEmpty',
      yes: { next: 'full', actions: ['endExchange'] },
      no: { next: 'loading', actions: ['endExchange'] },
    },
  },
  loading: { ...adjacent, loadingDone: { next: 'full', actions: [] } },
  full: adjacent,
};
