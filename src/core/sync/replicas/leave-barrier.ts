/**
 * Has every peer all that we had when we were told to leave? What was under way to it then has to be acknowledged; one that
 * was behind has to catch up. What happens later is told as ever, and not waited for.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import type { MeshEffect } from '../mesh/mesh-events.ts';
import type { PeerSession } from '../mesh/peer-session.ts';

/** Longer than this no peer is waited for; one whose stream breaks meanwhile has not confirmed. */
const WITHIN: Millis = 5000;
/** A peer that has been behind asks for what it missed within this, if it missed something. */
const ASKS_WITHIN: Millis = 200;

interface Awaited {
  readonly stream: number;
  /** Number of the last record frame sent to it; undefined while it is behind. */
  readonly sequence: number | undefined;
}

export class LeaveBarrier {
  #open: Map<PeerSession, Awaited> | undefined;
  #until: Instant = 0;

  get deadline(): Instant | undefined {
    return this.#open === undefined ? undefined : this.#until;
  }

  begin(sessions: readonly PeerSession[], now: Instant): void {
    this.#until = now + WITHIN;
    this.#open = new Map(
      sessions.map((each) => [
        each,
        { stream: each.stream, sequence: each.state === 'up' ? each.lastSent : undefined },
      ]),
    );
  }

  check(now: Instant): MeshEffect | undefined {
    if (this.#open === undefined) return undefined;
    for (const [session, awaited] of [...this.#open]) if (hasAll(session, awaited, now)) this.#open.delete(session);
    if (this.#open.size > 0 && now < this.#until) return undefined;
    const silent = [...this.#open.keys()].map(({ name }) => name);
    this.#open = undefined;
    return { kind: 'flushed', silent };
  }
}

function hasAll(session: PeerSession, { stream, sequence }: Awaited, now: Instant): boolean {
  if (session.stream !== stream || !session.established) return false;
  if (sequence !== undefined) return session.hasTaken(sequence);
  return session.state === 'up' && session.unacknowledged === 0 && now >= session.since + ASKS_WITHIN;
}
