/**
 * Decides when each real server is checked and what the results mean.
 *
 * In: the targets wanted, results of probes, the passing of time. Out: probes to start, and verdicts. There is one check per
 * distinct target, however many services want it; first checks are spread over the interval by a hash of the target, so that
 * neither the servers nor we see them all at once; a target's checks never overlap; and a probe that is never heard of again
 * counts as failed, so that no target can be forgotten. How late checks start and how old results are is there to be seen.
 * Not here: the probes themselves, and what a verdict is used for.
 */
import type { Instant, Machine, Millis } from '../base/machine.ts';
import { Prng } from '../base/prng.ts';
import { observe, type Standing, UNKNOWN, type Verdict } from './rise-fall.ts';
import { type HealthTarget, strictest, targetKey } from './target.ts';

export type HealthInput =
  /** All targets wanted from now on. Those that stay keep their verdicts and their pace. */
  | { readonly kind: 'configure'; readonly targets: readonly HealthTarget[] }
  /** `key` and `run` as in the effect that started the probe; `detail` is for people. */
  | {
      readonly kind: 'result';
      readonly key: string;
      readonly run: number;
      readonly ok: boolean;
      readonly detail: string;
    }
  | { readonly kind: 'timer' };

export type HealthEffect =
  /** To be answered by one `result` within `target.timeout`. */
  | { readonly kind: 'startProbe'; readonly key: string; readonly run: number; readonly target: HealthTarget }
  | {
      readonly kind: 'verdict';
      readonly key: string;
      readonly from: Verdict;
      readonly to: 'up' | 'down';
      /** e.g. `3 failures in a row, the last: ECONNREFUSED`. */
      readonly reason: string;
    };

export interface LastRun {
  readonly ok: boolean;
  readonly detail: string;
  /** From start to result. */
  readonly duration: Millis;
  /** Since the result. */
  readonly age: Millis;
}

/** One target as of now. */
export interface TargetView {
  readonly key: string;
  readonly target: HealthTarget;
  readonly verdict: Verdict;
  /** Successes in a row, or failures in a row as a negative number. */
  readonly streak: number;
  readonly last: LastRun | undefined;
  /** How late the last probe was started; `undefined` before the first. */
  readonly lag: Millis | undefined;
  readonly runs: number;
  readonly running: boolean;
}

/** Beyond its own timeout a probe gets this long to report, before it counts as failed. */
export const PROBE_GRACE: Millis = 1000;

interface Entry {
  target: HealthTarget;
  standing: Standing;
  /** When the next probe should start: a point of the target's own grid. */
  due: Instant;
  runs: number;
  running: { readonly startedAt: Instant; readonly giveUpAt: Instant } | undefined;
  last: { readonly ok: boolean; readonly detail: string; readonly duration: Millis; readonly at: Instant } | undefined;
  lag: Millis | undefined;
}

/** Where in its interval a target's grid lies, in [0, 1): the same for the same target, unlike for different ones. */
function phaseOf(key: string): number {
  let hash = 0;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return new Prng(hash).unit();
}

export class HealthScheduler implements Machine<HealthInput, HealthEffect> {
  readonly #entries = new Map<string, Entry>();

  get deadline(): Instant | undefined {
    let least: Instant | undefined;
    for (const { running, due } of this.#entries.values()) {
      const wanted = running === undefined ? due : running.giveUpAt;
      if (least === undefined || wanted < least) least = wanted;
    }
    return least;
  }

  handle(input: HealthInput, now: Instant): readonly HealthEffect[] {
    const effects: HealthEffect[] = [];
    if (input.kind === 'configure') this.#configure(input.targets, now);
    if (input.kind === 'result') {
      const entry = this.#entries.get(input.key);
      // Answers to probes that were given up, or whose target is gone, are nobody's.
      if (entry?.running !== undefined && entry.runs === input.run) {
        effects.push(...this.#finish(input.key, entry, input.ok, input.detail, now));
      }
    }
    for (const [key, entry] of this.#entries) effects.push(...this.#advance(key, entry, now));
    return effects;
  }

  verdict(key: string): Verdict {
    return this.#entries.get(key)?.standing.verdict ?? 'unknown';
  }

  views(now: Instant): readonly TargetView[] {
    return [...this.#entries].map(([key, { target, standing, last, lag, runs, running }]) => ({
      key,
      target,
      ...standing,
      last: last && { ok: last.ok, detail: last.detail, duration: last.duration, age: now - last.at },
      lag,
      runs,
      running: running !== undefined,
    }));
  }

  #configure(targets: readonly HealthTarget[], now: Instant): void {
    const wanted = new Map<string, HealthTarget>();
    for (const target of targets) {
      const key = targetKey(target);
      const other = wanted.get(key);
      wanted.set(key, other === undefined ? target : strictest(other, target));
    }
    for (const key of this.#entries.keys()) if (!wanted.has(key)) this.#entries.delete(key);
    for (const [key, target] of wanted) {
      const entry = this.#entries.get(key);
      const first = now + phaseOf(key) * target.interval;
      if (entry === undefined) this.#entries.set(key, newEntry(target, first));
      else {
        // A shorter interval counts from now on, not only after the old one has passed.
        if (target.interval !== entry.target.interval) entry.due = Math.min(entry.due, first);
        entry.target = target;
      }
    }
  }

  #advance(key: string, entry: Entry, now: Instant): readonly HealthEffect[] {
    const effects: HealthEffect[] = [];
    if (entry.running !== undefined && entry.running.giveUpAt <= now) {
      effects.push(...this.#finish(key, entry, false, 'the probe never reported', now));
    }
    if (entry.running === undefined && entry.due <= now) effects.push(start(key, entry, now));
    return effects;
  }

  #finish(key: string, entry: Entry, ok: boolean, detail: string, now: Instant): readonly HealthEffect[] {
    const { target, standing, running } = entry;
    entry.last = { ok, detail, duration: now - (running?.startedAt ?? now), at: now };
    entry.running = undefined;
    entry.standing = observe(standing, ok, target.rise, target.fall);
    const { verdict, streak } = entry.standing;
    if (verdict === standing.verdict || verdict === 'unknown') return [];
    const count = Math.abs(streak);
    const what = ok ? 'success' : 'failure';
    const row = count === 1 ? `1 ${what}` : `${count} ${what}${ok ? 'es' : 's'} in a row, the last`;
    return [{ kind: 'verdict', key, from: standing.verdict, to: verdict, reason: `${row}: ${detail}` }];
  }
}

function newEntry(target: HealthTarget, due: Instant): Entry {
  return { target, standing: UNKNOWN, due, runs: 0, running: undefined, last: undefined, lag: undefined };
}

function start(key: string, entry: Entry, now: Instant): HealthEffect {
  const { target } = entry;
  entry.runs += 1;
  entry.lag = now - entry.due;
  entry.running = { startedAt: now, giveUpAt: now + target.timeout + PROBE_GRACE };
  // The next point of the grid that lies ahead: points that a long probe has covered are left out, not made up for.
  entry.due += target.interval * (Math.floor(entry.lag / target.interval) + 1);
  return { kind: 'startProbe', key, run: entry.runs, target };
}
