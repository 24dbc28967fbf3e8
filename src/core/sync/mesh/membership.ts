/**
 * Who lives: decided from the streams between the directors, with hysteresis, and published as one small view.
 *
 * In: that a peer's stream was greeted, that it closed, fell silent or said goodbye; and time. Out: a view that changes only
 * when somebody lives or is gone. A stream that comes back within `GRACE` (the agent restarted, a cable was moved) changes
 * nothing but the peer's epoch, and so does one of a peer that said to be back soon, within the time that it named; another
 * goodbye and a silence count at once, for both have been waited for already. A peer that
 * died has to be steady before it counts again, and longer each time, so that a flapping one does not move port blocks and
 * addresses back and forth.
 *
 * Each director decides for itself: no quorum, no vote. What rests on the view is soft (ranks, blocks, addresses to take
 * over), and two directors that disagree for a second disagree about new connections only. Not here: streams and their
 * keep-alive (`peer-session.ts`).
 */
import type { Instant, Millis } from '../../base/machine.ts';
import { type Cell, resolve, type StateTable } from '../../base/state-table.ts';
import type { MemberView, SyncMember } from '../../model/sync.ts';

export const PRESENCE_STATES = ['unseen', 'live', 'lost', 'dead', 'proving'] as const;
export type PresenceState = (typeof PRESENCE_STATES)[number];

/** `greeted`: authenticated, and its hello was accepted. `silent`: nothing was heard for longer than it may be quiet. `restarting`: it has said to be back soon. */
export const PRESENCE_EVENTS = ['greeted', 'closed', 'silent', 'goodbye', 'restarting', 'timer'] as const;
export type PresenceEvent = (typeof PRESENCE_EVENTS)[number];

type PresenceAction =
  /** It may come back within `GRACE`. */
  | 'wait'
  /** It counts from now on. */
  | 'live'
  /** It may come back within what it has asked for. */
  | 'await'
  /** It has to be steady first. */
  | 'prove'
  /** It counts no more; a death is remembered. */
  | 'die'
  /** It counts no more, by its own will. */
  | 'leave'
  /** Nothing is waited for any more. */
  | 'disarm';

/** Has it died lately? */
type PresenceGuard = 'flapping';

const dead: Cell<PresenceState, PresenceAction, PresenceGuard> = { next: 'dead', actions: ['die'] };
const left: Cell<PresenceState, PresenceAction, PresenceGuard> = { next: 'dead', actions: ['leave'] };
const live: Cell<PresenceState, PresenceAction, PresenceGuard> = { next: 'live', actions: ['live'] };

export const PRESENCE_TABLE: StateTable<PresenceState, PresenceEvent, PresenceState, PresenceAction, PresenceGuard> = {
  unseen: { greeted: live },
  live: {
    greeted: live,
    closed: { next: 'lost', actions: ['wait'] },
    silent: dead,
    goodbye: left,
    restarting: { next: 'lost', actions: ['await'] },
  },
  lost: { greeted: live, timer: dead },
  dead: { greeted: { when: 'flapping', yes: { next: 'proving', actions: ['prove'] }, no: live } },
  proving: {
    closed: { next: 'dead', actions: ['disarm'] },
    silent: { next: 'dead', actions: ['disarm'] },
    goodbye: { next: 'dead', actions: ['disarm'] },
    restarting: { next: 'dead', actions: ['disarm'] },
    timer: live,
  },
};

/** For how long a stream may be gone before its peer is: an agent that restarts is back sooner. */
export const GRACE: Millis = 1000;
/**
 * At the start nothing is said for so long, unless all peers are there before. A peer of whom nothing at all was heard may be
 * one that dials us, slowly: without evidence that it cannot be reached it is waited for until `LATEST`.
 */
export const SETTLE: Millis = 1500;
export const LATEST: Millis = 3000;
/** How long a peer has to be steady after one death; doubled by each further one that is remembered. */
export const STEADY: Millis = 1000;
export const LONGEST_STEADY: Millis = 30_000;
/** For how long a death is remembered. */
export const MEMORY: Millis = 60_000;

interface Presence {
  readonly name: string;
  readonly routerId: number;
  state: PresenceState;
  /** A stream to it could not be opened. */
  unreachable: boolean;
  epoch: string;
  /** When it came to be in the view, or when it was last known to live. */
  since: Instant;
  timer: Instant | undefined;
  /** For how long it has asked to be waited for. */
  back: Millis;
  /** When it died, oldest first, as far as remembered. */
  deaths: readonly Instant[];
}

/** One per mesh. Every method takes the time; `deadline` says when `expire` wants to be called. */
export class Membership {
  readonly #peers = new Map<string, Presence>();
  #self: SyncMember | undefined;
  /** While the start lasts: when it is over if there is evidence, and without. */
  #settleAt: Instant | undefined;
  #latest: Instant = 0;
  #published: MemberView | undefined;
  /** Has anything happened that may have changed the view? */
  #touched = false;

  /** Peers that are new are unseen; those that are not listed any more are forgotten. */
  configure(
    self: { readonly name: string; readonly routerId: number; readonly epoch: string },
    peers: readonly { readonly name: string; readonly routerId: number }[],
    now: Instant,
  ): void {
    if (this.#self === undefined && peers.length > 0) {
      this.#settleAt = now + SETTLE;
      this.#latest = now + LATEST;
    }
    this.#touched = true;
    this.#self = { ...self, since: this.#self?.since ?? now };
    for (const name of this.#peers.keys()) if (!peers.some((peer) => peer.name === name)) this.#peers.delete(name);
    for (const { name, routerId } of peers) {
      if (this.#peers.get(name)?.routerId === routerId) continue;
      this.#peers.set(name, {
        name,
        routerId,
        state: 'unseen',
        unreachable: false,
        epoch: '',
        since: now,
        timer: undefined,
        back: 0,
        deaths: [],
      });
    }
  }

  /**
   * @param epoch of the peer's process, with `greeted`
   * @param back for how long it is waited for, with `restarting`
   */
  tell(name: string, event: Exclude<PresenceEvent, 'timer'>, now: Instant, epoch = '', back: Millis = 0): void {
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    if (event === 'greeted') peer.epoch = epoch;
    peer.back = back;
    this.#step(peer, event, now);
    if ([...this.#peers.values()].every(({ state }) => state === 'live')) this.#settleAt = undefined;
  }

  expire(now: Instant): void {
    for (const peer of this.#peers.values()) {
      if (peer.timer !== undefined && peer.timer <= now) this.#step(peer, 'timer', now);
    }
    if (this.#settleAt === undefined || this.#settleAt > now) return;
    this.#touched = true;
    this.#settleAt = now < this.#latest && this.#maybeComing() ? this.#latest : undefined;
  }

  /** A stream to a peer could not be opened. */
  unreachable(name: string, now: Instant): void {
    const peer = this.#peers.get(name);
    if (peer === undefined) return;
    peer.unreachable = true;
    // The start may be over with this.
    if (this.#settleAt === this.#latest) this.#settleAt = now;
  }

  #maybeComing(): boolean {
    return [...this.#peers.values()].some(({ state, unreachable }) => state === 'unseen' && !unreachable);
  }

  get deadline(): Instant | undefined {
    let least = this.#settleAt;
    for (const { timer } of this.#peers.values()) {
      if (timer !== undefined && (least === undefined || timer < least)) least = timer;
    }
    return least;
  }

  /** May it be said who lives: were all peers there, or is the start over? */
  get settled(): boolean {
    return this.#self !== undefined && this.#settleAt === undefined;
  }

  /** Does it count as living, stream or not? */
  lives(name: string): boolean {
    const state = this.#peers.get(name)?.state;
    return state === 'live' || state === 'lost';
  }

  /** The view, if it has changed since it was last taken. */
  takeView(): MemberView | undefined {
    if (!this.#touched || this.#self === undefined || !this.settled) return undefined;
    this.#touched = false;
    const peers = [...this.#peers.values()];
    const view: MemberView = {
      living: [
        this.#self,
        ...peers
          .filter(({ name }) => this.lives(name))
          .map(({ name, routerId, epoch, since }) => ({ name, routerId, epoch, since })),
      ],
      dead: peers
        .filter(({ state }) => state === 'dead' || state === 'proving')
        .map(({ name, since }) => ({ name, since })),
    };
    if (this.#published !== undefined && JSON.stringify(view) === JSON.stringify(this.#published)) return undefined;
    this.#published = view;
    return view;
  }

  #step(peer: Presence, event: PresenceEvent, now: Instant): void {
    this.#touched = true;
    const cell = PRESENCE_TABLE[peer.state][event];
    if (cell === undefined) return;
    const { next, actions } = resolve(cell, () => this.#deathsOf(peer, now) > 0);
    const before = peer.state;
    if (next !== 'same') peer.state = next;
    for (const action of actions) this.#act(peer, action, before, now);
  }

  #act(peer: Presence, action: PresenceAction, before: PresenceState, now: Instant): void {
    peer.timer = undefined;
    if (action === 'wait') peer.timer = now + GRACE;
    if (action === 'await') peer.timer = now + peer.back;
    if (action === 'prove') peer.timer = now + Math.min(STEADY * 2 ** (this.#deathsOf(peer, now) - 1), LONGEST_STEADY);
    if (action === 'live' && before !== 'live' && before !== 'lost') peer.since = now;
    if (action === 'die') peer.deaths = [...peer.deaths, now];
    if (action === 'die' || action === 'leave') peer.since = now;
  }

  /** Forgets those that are too long ago. */
  #deathsOf(peer: Presence, now: Instant): number {
    peer.deaths = peer.deaths.filter((at) => at > now - MEMORY);
    return peer.deaths.length;
  }
}
