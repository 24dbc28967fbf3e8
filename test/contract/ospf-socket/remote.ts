/** The parent's side of `remote-main.ts`: sockets inside a namespace, driven by a test outside. */
import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { compiled, type Namespace } from './namespace.ts';

/** What a socket's handler does after it has reported a packet. */
export type OnMessage = 'report' | 'close' | 'throw';

export type Command =
  | { readonly do: 'open'; readonly socket: string; readonly link: string; readonly onMessage: OnMessage }
  | { readonly do: 'join' | 'leave'; readonly socket: string; readonly group: string }
  | { readonly do: 'send'; readonly socket: string; readonly to: string; readonly size: number; readonly fill: number }
  /** Packets filled with 0, 1, 2, … (mod 256), as fast as they go. */
  | {
      readonly do: 'burst';
      readonly socket: string;
      readonly to: string;
      readonly size: number;
      readonly count: number;
    }
  | { readonly do: 'dropped' | 'close'; readonly socket: string }
  /** Says `blocked`, then keeps the event loop busy. */
  | { readonly do: 'block'; readonly milliseconds: number }
  | { readonly do: 'workers'; readonly link: string; readonly count: number }
  /** Closes all sockets. */
  | { readonly do: 'forget' };

export type Reply = Readonly<Record<string, unknown>>;

const DEADLINE_MS = 20_000;

export class Remote {
  readonly #child: ChildProcess;
  readonly #events: Reply[] = [];
  readonly #exited: Promise<number | null>;
  #waiting: { readonly matches: (line: Reply) => boolean; readonly resolve: (line: Reply) => void }[] = [];
  #nextId = 1;

  constructor(namespace: Namespace, prefix: readonly string[] = []) {
    const script = compiled('test/contract/ospf-socket/remote-main.js');
    const [command, ...args] = namespace.command([...prefix, process.execPath, script]);
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
    createInterface({ input: this.#child.stdout! }).on('line', (line) => this.#receive(JSON.parse(line) as Reply));
  }

  /** Sends a command and returns its reply; a failure comes back as `error: { code, syscall, message }`. */
  async do(command: Command): Promise<Reply> {
    const id = this.#nextId++;
    this.#child.stdin!.write(`${JSON.stringify({ id, ...command })}\n`);
    return this.#wait((line) => line['reply'] === id);
  }

  /** The next event with these properties; events that came earlier and were not taken count too. */
  event(properties: Reply): Promise<Reply> {
    return this.#wait((line) => Object.entries(properties).every(([key, value]) => line[key] === value));
  }

  /** Takes all events that have come so far. */
  events(): Reply[] {
    return this.#events.splice(0);
  }

  /** Ends the program by closing its input; returns its exit code. */
  end(): Promise<number | null> {
    this.#child.stdin!.end();
    return this.#exited;
  }

  #wait(matches: (line: Reply) => boolean): Promise<Reply> {
    const at = this.#events.findIndex(matches);
    if (at >= 0) return Promise.resolve(this.#events.splice(at, 1)[0]!);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new Error(`nothing came; events: ${JSON.stringify(this.#events)}`)),
        DEADLINE_MS,
      );
      const done = (line: Reply) => {
        clearTimeout(timer);
        resolve(line);
      };
      this.#waiting.push({ matches, resolve: done });
    });
  }

  #receive(line: Reply): void {
    const at = this.#waiting.findIndex(({ matches }) => matches(line));
    if (at < 0) this.#events.push(line);
    else this.#waiting.splice(at, 1)[0]!.resolve(line);
  }
}
