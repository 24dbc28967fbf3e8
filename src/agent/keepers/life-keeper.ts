/**
 * Keeps the file that a killed agent leaves to the next one (`memory/last-life.ts`): written when the facts change, and again now
 * and then, so that its age tells when we were last alive; removed by an orderly stop, after which nobody should believe in
 * it. One that ends for a restart says so in it, for good. A disk that refuses costs an event and the smooth restart,
 * nothing else.
 */
import type { Millis } from '../../core/base/machine.ts';
import { messageOf } from '../../core/base/message-of.ts';
import type { Clock } from '../../io/clock.ts';
import type { StateFile } from '../../io/state-file.ts';
import type { EventLog } from '../events.ts';
import { Fault } from '../faults.ts';
import { decodeLife, encodeLife, LastLife, type LifeFacts, type Present } from '../memory/last-life.ts';
import { Reconciler } from './reconciler.ts';

export interface LifeKeeperOptions {
  readonly clock: Clock;
  readonly events: EventLog;
  readonly file: StateFile;
  readonly present: Present;
  /** How old the file may become. */
  readonly refresh: Millis;
}

/** Reads what the last agent has left. What cannot be read or understood is told and then ignored. */
export async function readLastLife(file: StateFile, present: Present, events: EventLog): Promise<LastLife> {
  const life = decoded(await readText(file, events), events);
  const last = new LastLife(life, present);
  if (life !== undefined && last.age !== undefined) {
    const verdicts = Object.keys(life.verdicts).length;
    events.emit('last-life-found', { age: Math.round(last.age), full: life.full.length, verdicts });
  }
  return last;
}

export class LifeKeeper {
  readonly #options: LifeKeeperOptions;
  readonly #reconciler: Reconciler<LifeFacts, void>;
  readonly #fault: Fault;
  #wasFull = false;
  /** What the file says for good; a sign of life may be lost with the power. */
  #lasting: string | undefined;
  /** Set when we end for a restart; milliseconds since boot. */
  #graceUntil: Millis | undefined;
  /** One write at a time. */
  #writing: Promise<unknown> = Promise.resolve();

  constructor(options: LifeKeeperOptions) {
    this.#options = options;
    this.#fault = new Fault((message) => options.events.emit('state-file-fault', { message }));
    this.#reconciler = new Reconciler({
      clock: options.clock,
      recheck: options.refresh,
      apply: (facts) => this.#write(facts),
      onApplied: () => this.#fault.cleared(),
      onFault: (error) => this.#fault.report(messageOf(error)),
    });
  }

  /** Until a first router is Full, what an earlier agent has left is worth more than what we know. */
  keep(facts: LifeFacts): void {
    if (facts.full.length > 0) this.#wasFull = true;
    if (this.#wasFull) this.#reconciler.want(facts);
  }

  /**
   * For an end with a restart to come, within `grace`. Nothing else is kept after that, unless it throws.
   *
   * @throws KernelError `state-write`: then the next agent would not know
   */
  async handOver(facts: LifeFacts, grace: Millis): Promise<void> {
    this.#graceUntil = this.#options.present.now() + grace;
    try {
      await this.#write(facts);
    } catch (error) {
      this.#graceUntil = undefined;
      throw error;
    }
    await this.#reconciler.close();
  }

  /** For an orderly end. Nothing is kept after that. */
  async forget(): Promise<void> {
    await this.#reconciler.close();
    try {
      await this.#options.file.remove();
    } catch (error) {
      this.#fault.report(messageOf(error));
    }
  }

  #write(facts: LifeFacts): Promise<void> {
    const writing = this.#writing.then(() => this.#writeNow(facts));
    this.#writing = writing.catch(() => {});
    return writing;
  }

  async #writeNow(facts: LifeFacts): Promise<void> {
    const { file, present } = this.#options;
    const { bootId, routerId } = present;
    const graceUntil = this.#graceUntil;
    const lasting = JSON.stringify([facts, graceUntil]);
    await file.write(
      encodeLife({ bootId, routerId, aliveAt: present.now(), graceUntil, ...facts }),
      lasting !== this.#lasting,
    );
    this.#lasting = lasting;
  }
}

async function readText(file: StateFile, events: EventLog): Promise<string | undefined> {
  try {
    return await file.read();
  } catch (error) {
    events.emit('state-file-fault', { message: messageOf(error) });
    return undefined;
  }
}

function decoded(text: string | undefined, events: EventLog) {
  if (text === undefined) return undefined;
  const life = decodeLife(text);
  if (!('fault' in life)) return life;
  events.emit('state-file-fault', { message: `what an earlier agent has left is ignored: ${life.fault}` });
  return undefined;
}
