/**
 * The life of a director, from its first breath to the moment when nobody will miss it.
 *
 * In: what the shell has achieved (opened, synced, programmed), what the operator wants (drain, undrain, stop), and, while
 * draining, the traffic per VIP, what the neighbors can have heard, and for which VIPs we are the last director.
 * Out: the stance that `policy.ts` works from, every change of state with its reason, the steps of a drain, and `stop` when
 * the process may end.
 *
 * A drain first has every peer confirm what connections it was told of (flush), where there are peers; then raises the metric of every VIP, which is what moves the traffic; waits until each VIP has been quiet for a second,
 * or until the deadline; withdraws; and is done when the withdrawal has gone out. The last director of a VIP does not
 * withdraw it: if it was told to stop, the deadline decides; if it was only told to drain, it stays a last resort for as
 * long as there is nobody else. Not here: health, which withdraws whether we are the last or not (`policy.ts`).
 */
import { formatIpv4, type Ipv4 } from '../base/ipv4.ts';
import type { Instant, Machine, Millis } from '../base/machine.ts';
import { type HeardVip, LAST_RESORT, type Stance } from './policy.ts';

export type LifecycleState = 'starting' | 'syncing' | 'ready' | 'active' | 'draining' | 'drained' | 'failed';

export type LifecycleInput =
  /** Sockets are open and the kernel's state was adopted. `peers`: how many directors there are to copy connections from. */
  | { readonly kind: 'opened'; readonly peers: number }
  /** There are that many from now on. */
  | { readonly kind: 'peers'; readonly peers: number }
  | { readonly kind: 'synced' }
  /** The answer to `flush`; `silent`: peers that did not confirm in time. */
  | { readonly kind: 'flushed'; readonly silent: readonly string[] }
  /** The data plane was applied and read back for the first time. Whether it holds all services is the policy's concern. */
  | { readonly kind: 'programmed' }
  /** `within` is how long the traffic may take to go. */
  | { readonly kind: 'drain'; readonly within: Millis }
  | { readonly kind: 'undrain' }
  /** SIGTERM: drain, then end. */
  | { readonly kind: 'stop'; readonly within: Millis }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'recovered' }
  /** What the neighbors can have heard from us. */
  | { readonly kind: 'announced'; readonly announcements: readonly HeardVip[] }
  /** Client packets per second and VIP, since the last such input; a VIP that is left out is quiet. Wanted while draining. */
  | { readonly kind: 'traffic'; readonly rates: readonly { readonly vip: Ipv4; readonly packetsPerSecond: number }[] }
  /** VIPs that no other reachable director announces at a normal metric. Until told we count as the last of all. */
  | { readonly kind: 'lastAnnouncer'; readonly vips: readonly Ipv4[] }
  | { readonly kind: 'timer' };

export type DrainStep =
  | 'flushed'
  | 'flush-timeout'
  | 'metric-raised'
  | 'traffic-gone'
  | 'deadline-passed'
  | 'withdrawing';

export type LifecycleEffect =
  | {
      readonly kind: 'state';
      readonly from: LifecycleState;
      readonly to: LifecycleState;
      readonly reason: string;
    }
  /** For the policy's input of the same name; sent when either changes. */
  | { readonly kind: 'stance'; readonly stance: Stance; readonly state: LifecycleState }
  | { readonly kind: 'drainStep'; readonly step: DrainStep; readonly detail: string }
  /** The peers are to hold all connections that this director has. Sent once a drain. */
  | { readonly kind: 'flush' }
  /** Everything is withdrawn: the process may end. Sent once. */
  | { readonly kind: 'stop' };

/** A VIP with less traffic than this is quiet: what is left are keep-alives and stray packets. */
export const QUIET_BELOW_PACKETS_PER_SECOND = 10;
/** For how long it has to be quiet. */
export const QUIET_FOR: Millis = 1000;
/** How long the peers may take to confirm that they hold our connections; a frozen one does not keep us from leaving. */
export const FLUSH_WITHIN: Millis = 5000;
/** How long a withdrawal may take to go out before we stop waiting; a speaker needs about 1.1 s at most. */
export const WITHDRAW_WITHIN: Millis = 5000;

type Guard =
  | 'hasFailed'
  | 'hasRecovered'
  | 'isOpen'
  | 'isSynced'
  | 'isProgrammed'
  | 'mustLeave'
  | 'mayStay'
  | 'mustStop'
  | 'isWithdrawn';

interface Row {
  readonly when: Guard;
  readonly to: LifecycleState;
  readonly reason: string;
}

const FAILED: Row = { when: 'hasFailed', to: 'failed', reason: 'failed' };
const NEVER_SERVED: Row = { when: 'mustStop', to: 'drained', reason: 'stopped before it served' };

/** For each state, what leads out of it; the first row that holds is taken. */
export const TRANSITIONS: Readonly<Record<LifecycleState, readonly Row[]>> = {
  starting: [FAILED, NEVER_SERVED, { when: 'isOpen', to: 'syncing', reason: 'kernel state adopted, sockets open' }],
  syncing: [
    FAILED,
    NEVER_SERVED,
    { when: 'isSynced', to: 'ready', reason: 'no peer has connections that are still to be copied' },
  ],
  ready: [FAILED, NEVER_SERVED, { when: 'isProgrammed', to: 'active', reason: 'data plane read back' }],
  active: [FAILED, { when: 'mustLeave', to: 'draining', reason: 'told to drain' }],
  draining: [
    FAILED,
    { when: 'mayStay', to: 'active', reason: 'told to serve again' },
    { when: 'isWithdrawn', to: 'drained', reason: 'all VIPs withdrawn' },
  ],
  drained: [{ when: 'mayStay', to: 'ready', reason: 'told to serve again' }],
  failed: [NEVER_SERVED, { when: 'hasRecovered', to: 'starting', reason: 'recovered' }],
};

/** The table as text, one transition per line. */
export function printTransitions(): string {
  const rows = Object.entries(TRANSITIONS).flatMap(([from, all]) =>
    all.map(({ when, to, reason }) => `${from.padEnd(8)} -> ${to.padEnd(8)} when ${when.padEnd(12)} (${reason})`),
  );
  return `${rows.join('\n')}\n`;
}

/** A drain under way. Its first part ends when `withdrawingSince` is set. */
interface Drain {
  /** Until when the peers may confirm what they hold; undefined once they have, or need not. The metric is not raised before. */
  flushBy: Instant | undefined;
  /** Every announcement that is out has a raised metric: from now on it is worth looking at the traffic. */
  raised: boolean;
  /** When every VIP was first seen quiet, and has been in each sample since. */
  quietSince: Instant | undefined;
  isQuiet: boolean;
  withdrawingSince: Instant | undefined;
}

export class Lifecycle implements Machine<LifecycleInput, LifecycleEffect> {
  #state: LifecycleState = 'starting';
  #stance: Stance = 'withhold';
  /** The state that the last `stance` effect carried; a new policy takes us to be starting. */
  #told: LifecycleState = 'starting';
  #peers = 0;
  readonly #done = { open: false, synced: false, programmed: false };
  #failure: string | undefined;
  #leaving = false;
  #stopping = false;
  #stopSent = false;
  /** When the drain that was asked for has to be over. */
  #drainBy: Instant = 0;
  #drain: Drain | undefined;
  #announced: readonly HeardVip[] = [];
  #rates: ReadonlyMap<Ipv4, number> = new Map();
  #last: ReadonlySet<Ipv4> | undefined;
  #now: Instant = 0;

  get state(): LifecycleState {
    return this.#state;
  }

  get stance(): Stance {
    return this.#stance;
  }

  get deadline(): Instant | undefined {
    if (this.#drain === undefined) return undefined;
    const { flushBy, withdrawingSince } = this.#drain;
    if (flushBy !== undefined) return flushBy;
    if (withdrawingSince !== undefined) return withdrawingSince + WITHDRAW_WITHIN;
    // Past its deadline a drain goes on only as the last director, and until something other than time changes.
    return this.#drainBy > this.#now ? this.#drainBy : undefined;
  }

  handle(input: LifecycleInput, now: Instant): readonly LifecycleEffect[] {
    this.#now = now;
    this.#note(input, now);
    const effects: LifecycleEffect[] = [];
    if (this.#drain !== undefined) {
      if (input.kind === 'traffic') this.#sample(this.#drain, now);
      effects.push(...this.#advanceFlush(this.#drain, input, now));
    }
    // Guards exclude each other around every cycle of the table, so this ends.
    for (;;) {
      if (this.#drain !== undefined && this.#mustGoOn()) effects.push(...this.#advanceDrain(this.#drain, now));
      const row = TRANSITIONS[this.#state].find(({ when }) => this.#holds(when));
      if (row === undefined) break;
      effects.push(this.#enter(row));
      if (this.#drain?.flushBy !== undefined) effects.push({ kind: 'flush' });
    }
    return [...effects, ...this.#settle()];
  }

  /** Why a drain is not over yet, for one VIP or for all of them; empty when no drain is under way. */
  waitingFor(now: Instant = this.#now, only?: Ipv4): readonly string[] {
    if (this.#drain === undefined) return [];
    if (this.#drain.flushBy !== undefined) return ['peers to confirm that they hold our connections'];
    if (this.#drain.withdrawingSince !== undefined) return ['withdrawal to go out'];
    const asked = (vip: Ipv4) => only === undefined || vip === only;
    const last = this.#lastVips().filter(asked);
    const busy = this.#busyVips().filter(([vip]) => asked(vip));
    return [
      ...last.map((vip) => `${formatIpv4(vip)}: no other director announces it`),
      ...busy.map(([vip, rate]) => `${formatIpv4(vip)}: ${Math.round(rate)} packets/s`),
      this.#deadlineText(now),
    ];
  }

  /** Past its deadline only the last director of a VIP is still draining. */
  #deadlineText(now: Instant): string {
    const left = Math.ceil((this.#drainBy - now) / 1000);
    return left > 0 ? `${left} s until the deadline` : 'the deadline has passed';
  }

  #note(input: LifecycleInput, now: Instant): void {
    switch (input.kind) {
      case 'opened':
        this.#done.open = true;
        this.#done.synced ||= input.peers === 0;
        this.#peers = input.peers;
        return;
      case 'peers':
        this.#peers = input.peers;
        return;
      case 'synced':
      case 'programmed':
        this.#done[input.kind] = true;
        return;
      case 'drain':
      case 'stop':
        this.#leave(input.kind === 'stop', now + input.within);
        return;
      case 'undrain':
        // Whoever asked us to end has the last word.
        if (!this.#stopping) this.#leaving = false;
        return;
      case 'failed':
        this.#failure = input.reason;
        return;
      case 'recovered':
        this.#failure = undefined;
        return;
      case 'announced':
        this.#announced = input.announcements;
        return;
      case 'traffic':
        this.#rates = new Map(input.rates.map(({ vip, packetsPerSecond }) => [vip, packetsPerSecond]));
        return;
      case 'lastAnnouncer':
        this.#last = new Set(input.vips);
        return;
      case 'flushed':
      case 'timer':
        return;
    }
  }

  /** Asking twice does not put the deadline off, save that a stop brings its own. */
  #leave(stop: boolean, by: Instant): void {
    if (!this.#leaving || (stop && !this.#stopping)) this.#drainBy = by;
    this.#leaving = true;
    this.#stopping ||= stop;
  }

  #holds(guard: Guard): boolean {
    switch (guard) {
      case 'hasFailed':
        return this.#failure !== undefined;
      case 'hasRecovered':
        return this.#failure === undefined;
      case 'isOpen':
        return this.#done.open;
      case 'isSynced':
        return this.#done.synced;
      case 'isProgrammed':
        return this.#done.programmed;
      case 'mustLeave':
        return this.#leaving;
      case 'mayStay':
        return !this.#leaving;
      case 'mustStop':
        return this.#stopping;
      case 'isWithdrawn':
        return this.#isWithdrawn();
    }
  }

  #enter({ to, reason }: Row): LifecycleEffect {
    const from = this.#state;
    this.#state = to;
    this.#drain = to === 'draining' ? this.#newDrain() : undefined;
    if (to === 'failed') Object.assign(this.#done, { open: false, synced: false, programmed: false });
    return { kind: 'state', from, to, reason: to === 'failed' ? (this.#failure ?? reason) : reason };
  }

  #newDrain(): Drain {
    const flushBy = this.#peers === 0 ? undefined : Math.min(this.#now + FLUSH_WITHIN, this.#drainBy);
    return { flushBy, raised: false, quietSince: undefined, isQuiet: false, withdrawingSince: undefined };
  }

  #advanceFlush(drain: Drain, input: LifecycleInput, now: Instant): readonly LifecycleEffect[] {
    if (drain.flushBy === undefined) return [];
    const silent = input.kind === 'flushed' ? input.silent : undefined;
    if (silent === undefined && now < drain.flushBy) return [];
    drain.flushBy = undefined;
    if (silent === undefined) return [drainStep('flush-timeout', 'no word of who holds our connections')];
    if (silent.length > 0) return [drainStep('flush-timeout', `not confirmed by ${silent.join(', ')}`)];
    return [drainStep('flushed', 'every peer that lives holds our connections')];
  }

  /** Neither an undrain nor a failure is about to end the drain. */
  #mustGoOn(): boolean {
    return this.#leaving && this.#failure === undefined;
  }

  /** Traffic seen before the raised metric was out says nothing about what comes after it. */
  #sample(drain: Drain, now: Instant): void {
    if (!drain.raised || this.#busyVips().length > 0) drain.quietSince = undefined;
    else drain.quietSince ??= now;
    drain.isQuiet = drain.quietSince !== undefined && now >= drain.quietSince + QUIET_FOR;
  }

  #advanceDrain(drain: Drain, now: Instant): readonly LifecycleEffect[] {
    if (drain.flushBy !== undefined || drain.withdrawingSince !== undefined) return [];
    const effects: LifecycleEffect[] = [];
    if (!drain.raised && this.#announced.every(({ metric }) => metric >= LAST_RESORT)) {
      drain.raised = true;
      if (this.#announced.length > 0) effects.push(drainStep('metric-raised', this.#vipText()));
    }
    const why = this.#reasonToWithdraw(drain, now);
    if (why === undefined) return effects;
    drain.withdrawingSince = now;
    return [...effects, drainStep(why, this.#rateText()), drainStep('withdrawing', this.#vipText())];
  }

  #reasonToWithdraw(drain: Drain, now: Instant): 'traffic-gone' | 'deadline-passed' | undefined {
    if (this.#announced.length === 0) return 'traffic-gone';
    const last = this.#lastVips().length > 0;
    if (now >= this.#drainBy && (this.#stopping || !last)) return 'deadline-passed';
    return drain.isQuiet && !last ? 'traffic-gone' : undefined;
  }

  #isWithdrawn(): boolean {
    const since = this.#drain?.withdrawingSince;
    if (since === undefined) return false;
    return this.#announced.length === 0 || this.#now >= since + WITHDRAW_WITHIN;
  }

  /** Sends what follows from the state that was reached, once, whatever was passed through on the way. */
  #settle(): readonly LifecycleEffect[] {
    const effects: LifecycleEffect[] = [];
    const [stance, state] = [this.#wantedStance(), this.#state];
    if (stance !== this.#stance || state !== this.#told) {
      [this.#stance, this.#told] = [stance, state];
      effects.push({ kind: 'stance', stance, state });
    }
    if (this.#state === 'drained' && this.#stopping && !this.#stopSent) {
      this.#stopSent = true;
      effects.push({ kind: 'stop' });
    }
    return effects;
  }

  #wantedStance(): Stance {
    if (this.#state === 'active') return 'serve';
    if (this.#state !== 'draining' || this.#drain === undefined) return 'withhold';
    if (this.#drain.flushBy !== undefined) return 'serve';
    return this.#drain.withdrawingSince === undefined ? 'lastResort' : 'withhold';
  }

  #lastVips(): Ipv4[] {
    return this.#announced.map(({ vip }) => vip).filter((vip) => this.#last?.has(vip) ?? true);
  }

  #busyVips(): [Ipv4, number][] {
    return this.#announced
      .map(({ vip }): [Ipv4, number] => [vip, this.#rates.get(vip) ?? 0])
      .filter(([, rate]) => rate >= QUIET_BELOW_PACKETS_PER_SECOND);
  }

  #vipText(): string {
    return this.#announced.map(({ vip }) => formatIpv4(vip)).join(', ') || 'no VIP announced';
  }

  #rateText(): string {
    const rates = this.#announced.map(
      ({ vip }) => `${formatIpv4(vip)} ${Math.round(this.#rates.get(vip) ?? 0)} packets/s`,
    );
    return rates.join(', ') || 'no VIP announced';
  }
}

function drainStep(step: DrainStep, detail: string): LifecycleEffect {
  return { kind: 'drainStep', step, detail };
}
