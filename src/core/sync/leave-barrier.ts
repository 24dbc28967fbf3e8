/**
 * Has every peer all that we had when we were told to leave? So many bytes may still be under way to it; and one that was
 * behind has to catch up first. What happens later is told as ever, and not waited for.
 */
import type { Instant, Millis } from '../base/machine.ts';
import type { MeshEffect } from './mesh-events.ts';
import type { PeerSession } from './peer-session.ts';

/** Longer than this no peer is waited for. */
const WITHIN: Millis = 5000;

export class LeaveBarrier {
  /** By peer: the number of the last record frame sent to it; undefined while it is behind. */
  #open: Map<PeerSession, number | undefined> | undefined;
  #until: Instant = 0;

  get deadline(): Instant | undefined {
    return this.#open === undefined ? undefined : this.#until;
  }

  begin(sessions: readonly PeerSession[], now: Instant): void {
    this.#until = now + WITHIN;
    this.#open = new Map(sessions.map((each) => [each, each.state === 'up' ? each.lastSent : undefined]));
  }

  check(now: Instant): MeshEffect | undefined {
    if (this.#open === undefined) return undefined;
    for (const [session, sequence] of [...this.#open]) {
      if (!session.established) continue;
      const taken =
        sequence === undefined ? session.state === 'up' && session.unacknowledged === 0 : session.hasTaken(sequence);
      if (taken) this.#open.delete(session);
    }
    if (this.#open.size > 0 && now < this.#until) return undefined;
    const silent = [...this.#open.keys()].map(({ name }) => name);
    this.#open = undefined;
    return { kind: 'flushed', silent };
  }
}
