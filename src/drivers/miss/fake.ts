/** Misses without a kernel: what is given to `arrive` is told of, and what goes back is kept. */
import { readMissed } from './missed.ts';
import type { MissCounts, Missed, Misses, MissListener } from './port.ts';

export class FakeMisses implements Misses {
  /** As they would be seen behind the director. */
  readonly returned: Missed[] = [];
  #listener: MissListener | undefined;
  readonly #counts = { told: 0, lost: 0, malformed: 0, damaged: 0, reinjected: 0, refused: 0 };

  /** A packet of a connection that nobody here knows; lost while nobody listens. */
  arrive(bytes: Uint8Array): void {
    if (this.#listener === undefined) return;
    const missed = readMissed(bytes);
    if (typeof missed === 'string') {
      this.#counts[missed] += 1;
      return;
    }
    this.#counts.told += 1;
    this.#listener.packet(missed);
  }

  async open(listener: MissListener): Promise<void> {
    this.#listener = listener;
  }

  reinject(packets: readonly Missed[]): void {
    this.#counts.reinjected += packets.length;
    this.returned.push(...packets);
  }

  counts(): MissCounts {
    return { ...this.#counts };
  }

  close(): void {
    this.#listener = undefined;
  }
}
