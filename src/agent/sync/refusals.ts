/** Who was not let in: told as events, some of them, and counted by reason, all of them, as anybody can be refused at will. */
import type { Instant, Millis } from '../../core/base/machine.ts';
import type { Refusal } from '../../io/mesh/listener.ts';

/** So many are told of in a while. */
const MOST = 5;
const WHILE: Millis = 10_000;

export class Refusals {
  readonly #tell: (values: Readonly<Record<string, unknown>>) => void;
  readonly #counts = new Map<string, number>();
  #since: Instant = Number.NEGATIVE_INFINITY;
  #told = 0;
  #untold = 0;

  constructor(tell: (values: Readonly<Record<string, unknown>>) => void) {
    this.#tell = tell;
  }

  /** By reason. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }

  add({ reason, address, claim }: Refusal, now: Instant): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (now - this.#since >= WHILE) {
      this.#since = now;
      this.#told = 0;
    }
    if (this.#told >= MOST) {
      this.#untold += 1;
      return;
    }
    this.#told += 1;
    const others = this.#untold === 0 ? {} : { othersBefore: this.#untold };
    this.#untold = 0;
    this.#tell({ reason, address, name: claim?.name, key: claim?.keyId, ...others });
  }
}
