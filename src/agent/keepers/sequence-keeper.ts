/**
 * The sequence numbers of packets with cryptographic authentication, kept across restarts (RFC 2328 D.3). Routers accept no
 * number below the last one, until a dead interval has passed without us. Numbers begin at the clock's seconds; but
 * more than one packet a second lets them run ahead of it, and a clock may be set back. So a file names a number that none
 * of ours has reached, and is rewritten before one does: the next agent begins there, or at the clock if that is ahead.
 */
import type { Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { UnixMillis } from '../../core/model/keys.ts';
import type { Clock } from '../../io/clock.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';

export interface SequenceKeeperOptions {
  readonly clock: Clock;
  readonly timeOfDay: () => UnixMillis;
  readonly events: EventLog;
  readonly file: StateFile;
}

/** How far ahead is reserved: hours of Hellos, and far more than can be sent between two looks. */
const STEP = 1 << 16;
const LOOK_AGAIN: Millis = 1000;
const LAST = 0xffffffff;
const VERSION = 1;

export class SequenceKeeper {
  readonly #options: SequenceKeeperOptions;
  readonly #followed: (() => number)[] = [];
  /** What an earlier agent may have come to. */
  #earlier = 0;
  /** What the file says. */
  #reserved = 0;
  #writing: Promise<void> = Promise.resolve();
  readonly #fault: Fault;
  #cancel: (() => void) | undefined;

  constructor(options: SequenceKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('state-file-fault', { message }));
  }

  /** Reads what an earlier agent has reserved. What cannot be read or understood is told, and the clock has to do. */
  async open(): Promise<void> {
    try {
      const text = await this.#options.file.read();
      if (text !== undefined) this.#reserved = decode(text);
      this.#earlier = this.#reserved;
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
  }

  /** The number behind which a new speaker begins. */
  first(): number {
    return Math.min(LAST, Math.max(Math.floor(this.#options.timeOfDay() / 1000), this.#highest()));
  }

  /** A speaker uses numbers from now on: `sequence` tells its last one. */
  follow(sequence: () => number): void {
    this.#followed.push(sequence);
  }

  /** Reserves what is ahead, now and from time to time. To be awaited before the first number is used. */
  async reserve(): Promise<void> {
    await this.#extend(this.first());
    this.#cancel ??= this.#options.clock.after(LOOK_AGAIN, () => void this.#look());
  }

  close(): void {
    this.#cancel?.();
  }

  async #look(): Promise<void> {
    this.#cancel = this.#options.clock.after(LOOK_AGAIN, () => void this.#look());
    await this.#extend(this.#highest());
  }

  #highest(): number {
    return Math.max(this.#earlier, ...this.#followed.map((sequence) => sequence()));
  }

  /** One write at a time. */
  #extend(highest: number): Promise<void> {
    this.#writing = this.#writing.then(() => this.#write(highest));
    return this.#writing;
  }

  async #write(highest: number): Promise<void> {
    if (this.#reserved >= Math.min(LAST, highest + STEP / 2)) return;
    const reserved = Math.min(LAST, highest + STEP);
    try {
      await this.#options.file.write(`${JSON.stringify({ version: VERSION, reserved })}\n`, true);
      this.#reserved = reserved;
      this.#fault.cleared();
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
  }
}

/** @throws Error when the text is none of ours */
function decode(text: string): number {
  let value: { readonly version?: unknown; readonly reserved?: unknown } | null;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Error('the file of sequence numbers is not JSON');
  }
  const reserved = value?.version === VERSION ? value.reserved : undefined;
  if (typeof reserved === 'number' && Number.isInteger(reserved) && reserved >= 0 && reserved <= LAST) return reserved;
  throw new Error('the file of sequence numbers has none that is believable');
}
