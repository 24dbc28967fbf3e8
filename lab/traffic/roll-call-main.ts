/**
 * Connections that are silent until they are called: `node dist/lab/traffic/roll-call-main.js '{"target":…}'`. On each line of
 * standard input every connection asks one question, one after the other, and waits for its answer; then a line says what
 * became of each and how long it took. Which way the packets took in between is the caller's affair.
 *
 * Input: `RollOptions` as JSON, then lines. Output: `RollAnswer[]` as one line of JSON for the opening, and one for each call.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { AnswerReader, AtCheck } from './answer.ts';
import { PortPool } from './ports.ts';

export interface RollOptions {
  readonly target: { readonly address: string; readonly port: number };
  readonly sources: readonly string[];
  readonly count: number;
  /** Milliseconds from one question to the next. */
  readonly pace: number;
  /** Milliseconds for an answer. */
  readonly patience: number;
}

export interface RollAnswer {
  /** `address:port` of the client's side. */
  readonly flow: string;
  readonly server: string | null;
  /** From the question to the answer, milliseconds. */
  readonly took: number;
  /** What was wrong, if anything; `wrong: …` when the answer is not what this connection must say. */
  readonly fault?: string;
}

class Caller {
  readonly flow: string;
  readonly #socket: Socket;
  readonly #host: string;
  readonly #reader = new AnswerReader();
  readonly #check = new AtCheck();
  #offset = 0;
  #fault: string | undefined;
  #heard: (fault: string | undefined) => void = () => undefined;

  constructor({ target, patience }: RollOptions, ports: PortPool) {
    const source = ports.take('long');
    this.flow = `${source.localAddress}:${source.localPort}`;
    this.#host = target.address;
    this.#socket = connect({ host: target.address, port: target.port, ...source, noDelay: true });
    this.#socket.setTimeout(0);
    this.#socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    this.#socket.on('end', () => this.#lost('closed'));
    this.#socket.on('error', (error: NodeJS.ErrnoException) => this.#lost(error.code ?? error.message));
    setTimeout(() => this.#socket.connecting && this.#lost('not open'), patience).unref();
  }

  /** Asks one question. A connection that is lost stays so. */
  async call(patience: number): Promise<RollAnswer> {
    const began = performance.now();
    const fault = this.#fault ?? (await this.#ask(patience));
    const took = performance.now() - began;
    return { flow: this.flow, server: this.#check.server ?? null, took, ...(fault === undefined ? {} : { fault }) };
  }

  #ask(patience: number): Promise<string | undefined> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#lost('no answer'), patience);
      this.#heard = (fault) => {
        clearTimeout(timer);
        resolve(fault);
      };
      this.#socket.write(`GET /at/${this.#offset} HTTP/1.1\r\nHost: ${this.#host}\r\n\r\n`, 'latin1');
    });
  }

  #receive(chunk: Buffer): void {
    const bodies = this.#reader.push(chunk);
    const complaint = typeof bodies === 'string' ? bodies : this.#complaintAbout(bodies);
    if (complaint !== undefined) this.#lost(`wrong: ${complaint}`);
    else if (bodies.length > 0) this.#heard(undefined);
  }

  #complaintAbout(bodies: readonly string[]): string | undefined {
    for (const body of bodies) {
      const complaint = this.#check.accept(body, this.#offset);
      if (complaint !== undefined) return complaint;
      this.#offset += body.length;
    }
    return undefined;
  }

  #lost(fault: string): void {
    this.#fault ??= fault;
    this.#socket.destroy();
    this.#heard(this.#fault);
  }
}

async function callAll(callers: readonly Caller[], { pace, patience }: RollOptions): Promise<void> {
  const answers: Promise<RollAnswer>[] = [];
  const began = performance.now();
  for (const [index, caller] of callers.entries()) {
    await sleep(Math.max(0, began + index * pace - performance.now()));
    answers.push(caller.call(patience));
  }
  process.stdout.write(`${JSON.stringify(await Promise.all(answers))}\n`);
}

const options = JSON.parse(process.argv[2] ?? '{}') as RollOptions;
const ports = new PortPool(options.sources);
const callers: Caller[] = [];
for (let index = 0; index < options.count; index += 1) {
  callers.push(new Caller(options, ports));
  await sleep(options.pace);
}
await callAll(callers, options);
let last: Promise<void> = Promise.resolve();
const input = createInterface({ input: process.stdin });
input.on('line', () => {
  last = last.then(() => callAll(callers, options));
});
// Whoever started us is gone.
process.stdin.on('end', () => process.exit(0));
