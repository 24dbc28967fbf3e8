/**
 * Source addresses in turn, each with its own ports, so that no two flows of a run share `address:port`. Long-lived
 * flows have a range of their own: a rule on a director can then tell them from the short ones.
 */
export const LONG_PORTS = { low: 10_000, high: 19_999 } as const;
export const SHORT_PORTS = { low: 20_000, high: 59_999 } as const;

export interface Source {
  readonly localAddress: string;
  readonly localPort: number;
}

export class PortPool {
  readonly #sources: readonly string[];
  readonly #taken = { long: 0, short: 0 };

  constructor(sources: readonly string[]) {
    this.#sources = sources;
  }

  /** The next address and port. Ports come again after a whole range was used on every address. */
  take(kind: 'long' | 'short'): Source {
    const range = kind === 'long' ? LONG_PORTS : SHORT_PORTS;
    const number = this.#taken[kind];
    this.#taken[kind] += 1;
    const round = Math.floor(number / this.#sources.length);
    const localPort = range.low + (round % (range.high - range.low + 1));
    return { localAddress: this.#sources[number % this.#sources.length] ?? '', localPort };
  }
}
