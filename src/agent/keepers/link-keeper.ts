/**
 * Keeps links down until this director can serve (`holdLink`), because a router may send it its share of the traffic as soon
 * as the carrier is there, without any adjacency.
 *
 * In: the links to hold, and whether we can serve. Out: links set down and up, each at most once in our life, and events.
 * A link that is up while an earlier agent's data plane forwards is serving, and never taken down; nor is one without which
 * the host would lose its only way out. Once a link was released it is the operator's. Nothing is done at the end of our
 * life, however it ends.
 */

import { messageOf } from '../../core/base/message-of.ts';
import type { LinkControl } from '../../drivers/links/port.ts';
import type { Clock } from '../../io/clock.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';
import { Reconciler } from './reconciler.ts';

/** `missing` and `held` links wait for us to be able to serve; `released` and `refused` ones are left alone for good. */
export type HoldState = 'missing' | 'held' | 'released' | 'refused';

export interface HeldLink {
  readonly interface: string;
  readonly state: HoldState;
}

interface Wish {
  readonly names: readonly string[];
  readonly canServe: boolean;
}

export interface LinkKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly control: LinkControl;
}

/** How soon a link that appears, or that somebody else sets up, is looked at. */
const RECHECK = 1000;

export class LinkKeeper {
  readonly #options: LinkKeeperOptions;
  readonly #states = new Map<string, HoldState>();
  readonly #reconciler: Reconciler<Wish, void>;
  readonly #fault: Fault;

  constructor(options: LinkKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('link-fault', { message }));
    this.#reconciler = new Reconciler({
      clock: options.clock,
      recheck: RECHECK,
      apply: (wish) => this.#apply(wish),
      onApplied: () => this.#fault.cleared(),
      onFault: (error) => this.#fault.report(messageOf(error)),
    });
  }

  /**
   * Takes the links up as an earlier agent or the boot has left them. `isServing` says whether an earlier agent's data plane
   * forwards; it is asked only if there is a link to hold. Done before the first Hello.
   */
  async begin(names: readonly string[], isServing: () => Promise<boolean>): Promise<void> {
    if (names.length === 0) return;
    try {
      const serving = await isServing();
      for (const name of names) {
        if (serving && (await this.#options.control.isEnabled(name)) === true) this.#states.set(name, 'released');
      }
      await this.#apply({ names, canServe: false });
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
  }

  want(names: readonly string[], canServe: boolean): void {
    if (names.length > 0 || this.#states.size > 0) this.#reconciler.want({ names, canServe });
  }

  /** By name. */
  views(): readonly HeldLink[] {
    return [...this.#states].map(([name, state]) => ({ interface: name, state })).toSorted(byName);
  }

  close(): Promise<void> {
    return this.#reconciler.close();
  }

  async #apply({ names, canServe }: Wish): Promise<void> {
    // A link that the file no longer wants held is let go, ready or not.
    for (const name of [...this.#states.keys()]) {
      if (names.includes(name)) continue;
      await this.#release(name);
      this.#states.delete(name);
    }
    for (const name of names) await (canServe ? this.#release(name) : this.#hold(name, names));
  }

  async #hold(name: string, names: readonly string[]): Promise<void> {
    const { control, events } = this.#options;
    if (this.#isSettled(name)) return;
    const enabled = await control.isEnabled(name);
    if (enabled === true) {
      const reason = refusal(name, names, await control.defaultRoutes());
      if (reason !== undefined) {
        this.#states.set(name, 'refused');
        events.emit('link-hold-refused', { interface: name, reason });
        return;
      }
      await control.enable(name, false);
    }
    const state = enabled === undefined ? 'missing' : 'held';
    if (state === 'held' && (enabled === true || this.#states.get(name) !== 'held')) {
      events.emit('link-held', { interface: name, was: enabled === true ? 'up' : 'down' });
    }
    this.#states.set(name, state);
  }

  async #release(name: string): Promise<void> {
    const { control, events } = this.#options;
    if (this.#isSettled(name)) return;
    const enabled = await control.isEnabled(name);
    if (enabled === undefined) {
      this.#states.set(name, 'missing');
      return;
    }
    if (!enabled) await control.enable(name, true);
    this.#states.set(name, 'released');
    events.emit('link-released', { interface: name, was: enabled ? 'up' : 'down' });
  }

  #isSettled(name: string): boolean {
    const state = this.#states.get(name);
    return state === 'released' || state === 'refused';
  }
}

/**
 * Why a link must not be taken down, if so: routes that somebody else has made would be gone for good with it, and the one to
 * everywhere may be how the operator got here. `routes`: interfaces of each default route.
 */
function refusal(name: string, held: readonly string[], routes: readonly (readonly string[])[]): string | undefined {
  if (!routes.some((route) => route.includes(name))) return undefined;
  const stays = routes.some((route) => route.some((hop) => !held.includes(hop)));
  return stays ? undefined : `the only default route leads through ${name}`;
}

function byName(a: HeldLink, b: HeldLink): number {
  return a.interface < b.interface ? -1 : 1;
}
