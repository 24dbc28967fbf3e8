/** What the system refuses, told once for as long as it lasts: the same refusal again is not news. */
export class Fault {
  readonly #tell: (message: string) => void;
  #standing: string | undefined;

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  report(message: string): void {
    if (this.#standing === message) return;
    this.#standing = message;
    this.#tell(message);
  }

  cleared(): void {
    this.#standing = undefined;
  }
}

/** The same of several things, each of which may be refused by itself. */
export class Faults {
  readonly #tell: (message: string) => void;
  readonly #faults = new Map<string, Fault>();

  constructor(tell: (message: string) => void) {
    this.#tell = tell;
  }

  report(what: string, message: string): void {
    const fault = this.#faults.get(what) ?? new Fault(this.#tell);
    this.#faults.set(what, fault);
    fault.report(message);
  }

  cleared(what: string): void {
    this.#faults.get(what)?.cleared();
  }
}
