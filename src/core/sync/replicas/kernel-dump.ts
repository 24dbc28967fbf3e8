/**
 * What the kernel holds, once and again: at the start, and after events were lost. The dump is compared with the table: what
 * is ours in the kernel and unknown is taken, what is ours in the table and not in the kernel has ended.
 *
 * At the start the dump decides what peers' memories of our earlier life are worth. A kernel that holds entries has lived
 * through the restart of this process: what it does not hold any more has ended. One that holds nothing but what has begun since was rebooted: what the peers
 * remember lives, as far as anybody knows, and is taken back as replicas that we own. Events run on during a dump; what ended
 * meanwhile may be in it still, and is left out.
 */
import type { Instant, Millis } from '../../base/machine.ts';
import { Field, isRemembered, RECORD_BYTES, RecordFlag, recordHash } from '../records/record.ts';
import { ConnectionTable, NO_SLOT } from '../table/connection-table.ts';
import type { Ownership } from './ownership.ts';

/** For how long after the start peers' memories are compared with the copies that the kernel held then. */
const REMEMBER: Millis = 600_000;

export class KernelDump {
  /** Is it known what the kernel holds? */
  loaded = false;
  readonly #ownership: Ownership;
  /** Did the kernel hold what was there before this process? */
  #survived = false;
  /** In a dump: the generation in which it began. */
  #since: number | undefined;
  #again = false;
  readonly #ended = new Set<number>();
  readonly #startedAt: Instant;

  constructor(ownership: Ownership, seed: number, now: Instant) {
    this.#ownership = ownership;
    ownership.copies = new ConnectionTable({ seed });
    this.#startedAt = now;
  }

  /** @returns whether to ask now; while a dump runs, another one follows it */
  begin(): boolean {
    this.#again = this.#since !== undefined;
    if (this.#again) return false;
    this.#since = this.#ownership.nextGeneration();
    this.#ended.clear();
    return true;
  }

  /** The kernel told of an end. */
  ended(bytes: Uint8Array, at: number): void {
    if (this.#since !== undefined) this.#ended.add(recordHash(bytes, at));
  }

  records(records: Uint8Array, seconds: number): void {
    for (let at = 0; at < records.length; at += RECORD_BYTES) {
      if (this.#ended.has(recordHash(records, at))) continue;
      if ((records[at + Field.flags]! & RecordFlag.replica) !== 0) this.#copy(records, at, seconds);
      else this.#own(records, at, seconds);
    }
  }

  /**
   * @returns whether another one is due: events were lost meanwhile, so that it says nothing about what is not in it, or entries
   *   came into doubt
   */
  finish(): boolean {
    const since = this.#since;
    const again = this.#again;
    this.#again = false;
    this.#since = undefined;
    this.#ended.clear();
    if (since === undefined || again) {
      this.loaded = true;
      return again;
    }
    if (this.loaded) this.#endUnseen(since);
    this.loaded = true;
    return this.#ownership.endUnseenDoubts(since);
  }

  /** What a peer's record of a connection of ours is worth that is not in the table. */
  judge(bytes: Uint8Array, at: number, recalled: boolean): 'in kernel' | 'apply' | 'ended' | 'unknown' {
    if (!this.loaded) return 'unknown';
    if (isRemembered(bytes, at)) return 'apply';
    const { copies } = this.#ownership;
    if (copies !== undefined && copies.find(bytes, at) !== NO_SLOT) return 'in kernel';
    return recalled && !this.#survived ? 'apply' : 'ended';
  }

  forgetCopies(now: Instant): void {
    if (now > this.#startedAt + REMEMBER) this.#ownership.copies = undefined;
  }

  #copy(records: Uint8Array, at: number, seconds: number): void {
    const slot = this.#ownership.table.find(records, at);
    this.#survived = true;
    this.#ownership.saw(records, at);
    if (slot === NO_SLOT) {
      if (!this.loaded) this.#ownership.copies?.put(records, at, seconds);
    } else if (this.#ownership.owns(slot)) this.#ownership.stamp(slot);
    else if (!this.#ownership.same(slot, records, at)) this.#ownership.restore(slot, records, at);
  }

  #own(records: Uint8Array, at: number, seconds: number): void {
    const slot = this.#ownership.table.find(records, at);
    const claimed = (records[at + Field.flags]! & RecordFlag.claimed) !== 0;
    // What has begun since was told as an event, before the dump could.
    if (slot === NO_SLOT) this.#survived = true;
    if (slot !== NO_SLOT && this.#ownership.same(slot, records, at)) {
      if (this.#ownership.owns(slot)) {
        this.#ownership.stamp(slot);
        return;
      }
      if (!claimed) {
        this.#ownership.doubt(slot, seconds);
        return;
      }
    }
    this.#ownership.kernelPut(records, at, seconds, !this.loaded);
  }

  #endUnseen(since: number): void {
    const { table } = this.#ownership;
    table.walk(0, Number.MAX_SAFE_INTEGER, (slot) => {
      // Clients that are remembered are in no conntrack table: whoever keeps them tells of their end.
      if (!this.#ownership.owns(slot) || isRemembered(table.bytes, table.offset(slot))) return;
      if (this.#ownership.stampOf(slot) < since) this.#ownership.endOwn(slot);
    });
  }
}
