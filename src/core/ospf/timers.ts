/**
 * Named timers behind one deadline. Setting a name again replaces it, clearing an unset one does nothing, and running
 * them late, early or twice is harmless: whoever drives the machine needs to know only the least deadline.
 */
import type { Instant } from '../base/machine.ts';

interface Timer {
  readonly at: Instant;
  readonly fire: () => void;
}

export class Timers {
  readonly #pending = new Map<string, Timer>();
  #deadline: Instant | undefined;
  #stale = false;

  /** The least time at which something is due; `undefined` when nothing is pending. */
  get deadline(): Instant | undefined {
    if (this.#stale) {
      this.#deadline = undefined;
      for (const { at } of this.#pending.values()) {
        if (this.#deadline === undefined || at < this.#deadline) this.#deadline = at;
      }
      this.#stale = false;
    }
    return this.#deadline;
  }

  set(name: string, at: Instant, fire: () => void): void {
    this.#pending.set(name, { at, fire });
    this.#stale = true;
  }

  /** As `set`, unless the name is already due by then. For work that is done for all items at once. */
  setAtLatest(name: string, at: Instant, fire: () => void): void {
    const pending = this.#pending.get(name);
    if (pending === undefined || at < pending.at) this.set(name, at, fire);
  }

  has(name: string): boolean {
    return this.#pending.has(name);
  }

  clear(name: string): void {
    if (this.#pending.delete(name)) this.#stale = true;
  }

  clearAll(): void {
    this.#pending.clear();
    this.#stale = true;
  }

  /** Runs what is due, the earliest first; one that an earlier one cleared or set anew is left alone. */
  runDue(now: Instant): void {
    if (this.deadline === undefined || this.deadline > now) return;
    const due: [string, Timer][] = [];
    for (const pending of this.#pending) if (pending[1].at <= now) due.push(pending);
    due.sort(([, a], [, b]) => a.at - b.at);
    for (const [name, timer] of due) {
      if (this.#pending.get(name) !== timer) continue;
      this.clear(name);
      timer.fire();
    }
  }
}
