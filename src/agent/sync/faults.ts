/** What the system refuses, told once for as long as it lasts: the same refusal again is not news. */
export class Faults {
  readonly #tell: (message: string) => void;
  readonly #standing = new Map<string, string>();

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  report(what: string, message: string): void {
    if (this.#standing.get(what) === message) return;
    this.#standing.set(what, message);
    this.#tell(message);
  }

  cleared(what: string): void {
    this.#standing.delete(what);
  }
}
