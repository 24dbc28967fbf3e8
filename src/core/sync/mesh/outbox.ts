/**
 * What has happened on its way to the peers: at once while little happens, together while much does. The end of a connection
 * is in no hurry: it goes with the next beginning, or a moment later.
 *
 * All that are `up` hear the same records in the same order; one that is behind hears nothing. What is for one peer alone goes
 * with the next turn.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import { RECORD_BYTES } from '../records/record.ts';
import type { Ownership } from '../replicas/ownership.ts';
import type { PeerSession } from './peer-session.ts';

/**
 * After so many records at once the next ones are waited for so long. Fewer are no load: whoever reads the kernel's events rests
 * under one, and a timer would hold up what comes after a burst for longer than the burst lasted.
 */
const MANY = 256;
const COALESCE: Millis = 2;
/** So long the ends of connections wait for something to go with: a message of its own costs each director as much as ten in one. */
const ENDS_WAIT: Millis = 5;
/** So many records are not waited with. */
const BATCH = 512;
/** The longest frame is so many records. */
const MOST_IN_FRAME = 4096;

/** What of the stream to a peer it needs. */
type Session = Pick<PeerSession, 'state' | 'routerId' | 'sendRecords'>;

export class Outbox {
  readonly #ownership: Pick<Ownership, 'tell' | 'direct'>;
  readonly #sessions: () => readonly Session[];
  #notBefore: Instant = Number.NEGATIVE_INFINITY;
  /** When the first of what waits happened, and the first of it that should not wait. */
  #first: Instant = 0;
  #oldest: Instant = 0;

  /** @param sessions all that there are, in whatever state */
  constructor(ownership: Pick<Ownership, 'tell' | 'direct'>, sessions: () => readonly Session[]) {
    this.#ownership = ownership;
    this.#sessions = sessions;
  }

  get deadline(): Instant | undefined {
    const { tell } = this.#ownership;
    if (tell.count === 0) return undefined;
    return tell.isPressing ? this.#notBefore : Math.max(this.#notBefore, this.#first + ENDS_WAIT);
  }

  /** Something is about to happen. */
  open(now: Instant): void {
    const { tell } = this.#ownership;
    if (tell.count === 0) this.#first = now;
    if (!tell.isPressing) this.#oldest = now;
  }

  /** Sends what may go now. */
  turn(now: Instant): void {
    if (this.#ownership.tell.count >= BATCH || now >= (this.deadline ?? now)) this.flush(now);
    this.#direct(now);
  }

  /** Sends all that has happened. */
  flush(now: Instant): void {
    const { tell } = this.#ownership;
    if (tell.count === 0) return;
    this.#notBefore = tell.count >= MANY ? now + COALESCE : now;
    const at = tell.isPressing ? this.#oldest : undefined;
    this.#toAll('batch', tell.take(), at, now);
  }

  /** Sends refreshes, behind all that has happened. */
  refresh(records: Uint8Array, now: Instant): void {
    this.flush(now);
    this.#toAll('refresh', records, undefined, now);
  }

  #toAll(kind: 'batch' | 'refresh', records: Uint8Array, at: Instant | undefined, now: Instant): void {
    for (let from = 0; from < records.length; from += MOST_IN_FRAME * RECORD_BYTES) {
      const part = records.subarray(from, from + MOST_IN_FRAME * RECORD_BYTES);
      for (const session of this.#sessions()) {
        if (session.state === 'up') session.sendRecords(kind, part, at, now);
      }
    }
  }

  #direct(now: Instant): void {
    for (const [routerId, records] of this.#ownership.direct) {
      if (records.count === 0) continue;
      const session = this.#sessions().find((each) => each.routerId === routerId);
      if (session?.state === 'up') session.sendRecords('batch', records.take(), undefined, now);
      else records.clear();
    }
  }
}
