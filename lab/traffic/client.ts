/**
 * Runs the load client (`main.ts`) on a node of the lab and speaks with it: commands in, lines out. Keeps the newest tick
 * and every loss of the run.
 */
import type { ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { LabError } from '../lab-error.ts';
import { projectRoot } from '../project.ts';
import type { LabNode } from '../runtimes/lab.ts';
import type { LoadOptions } from './options.ts';
import type { BrokenLine, FlowRow, TickLine, TrafficCommand, TrafficLine, WindowSummary } from './protocol.ts';

export type TrafficSettings = Pick<LoadOptions, 'target' | 'sources'> & Partial<LoadOptions>;

type Reply = Extract<TrafficLine, { kind: 'flows' | 'window' | 'final' }>;

interface Waiter {
  resolve(reply: Reply): void;
  reject(error: Error): void;
}

/** How long the client may take to answer a command or to say its first word, milliseconds. */
const ANSWER_LIMIT = 10_000;

export class Traffic {
  latest: TickLine | undefined;
  readonly losses: BrokenLine[] = [];
  /** Called with every line. */
  onLine: (line: TrafficLine) => void = () => undefined;
  readonly #child: ChildProcess;
  readonly #waiters: Waiter[] = [];
  #fault: Error | undefined;
  #stderr = '';

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout !== null) createInterface({ input: child.stdout }).on('line', (line) => this.#line(line));
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-2000);
    });
    child.stdin?.on('error', () => undefined);
    child.on('error', (error) => this.#fail(error));
    child.on('exit', (code, signal) => this.#fail(new LabError(this.#endText(code, signal))));
  }

  /** Starts the load on `node` (the client) and waits for its first sign of life. Throws LabError. */
  static async start(node: LabNode, settings: TrafficSettings): Promise<Traffic> {
    const argv = [process.execPath, join(projectRoot, 'dist/lab/traffic/main.js'), ...optionWords(settings)];
    const traffic = new Traffic(node.spawn(argv, { stdio: ['pipe', 'pipe', 'pipe'] }));
    await traffic.window();
    return traffic;
  }

  /** Begins a new window and returns the one it closes. */
  async mark(name: string): Promise<WindowSummary> {
    return windowOf(await this.#ask({ cmd: 'mark', name }));
  }

  /** The window so far. */
  async window(): Promise<WindowSummary> {
    return windowOf(await this.#ask({ cmd: 'window' }));
  }

  /** The long-lived connections that are established. */
  async flows(): Promise<readonly FlowRow[]> {
    const reply = await this.#ask({ cmd: 'flows' });
    if (reply.kind !== 'flows') throw new LabError(`the load client answered ${reply.kind} to "flows"`);
    return reply.flows;
  }

  /** Ends the load; returns the last window. */
  async stop(): Promise<WindowSummary> {
    const last = windowOf(await this.#ask({ cmd: 'stop' }));
    this.#child.stdin?.end();
    return last;
  }

  /** For the way out after a failure: ends the process without asking. */
  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #ask(command: TrafficCommand): Promise<Reply> {
    if (this.#fault !== undefined) return Promise.reject(this.#fault);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => reject(new LabError(`the load client did not answer "${command.cmd}"`)),
        ANSWER_LIMIT,
      );
      const settle =
        <T>(act: (value: T) => void) =>
        (value: T): void => {
          clearTimeout(timer);
          act(value);
        };
      this.#waiters.push({ resolve: settle(resolve), reject: settle(reject) });
      this.#child.stdin?.write(`${JSON.stringify(command)}\n`);
    });
  }

  #line(text: string): void {
    const line = JSON.parse(text) as TrafficLine;
    if (line.kind === 'tick') this.latest = line;
    else if (line.kind === 'broken') this.losses.push(line);
    else if (line.kind === 'fault') this.#fail(new LabError(`load client: ${line.message}`));
    // Answers come in the order of the commands.
    else if (line.kind !== 'failed') this.#waiters.shift()?.resolve(line);
    this.onLine(line);
  }

  #endText(code: number | null, signal: string | null): string {
    return `the load client ended (${signal ?? `exit code ${code}`})${this.#stderr === '' ? '' : `: ${this.#stderr.trim()}`}`;
  }

  #fail(error: Error): void {
    this.#fault = error;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
  }
}

function windowOf(reply: Reply): WindowSummary {
  if (reply.kind === 'flows') throw new LabError('the load client answered with flows to a question about a window');
  return reply.window;
}

/** The settings as the client's command line. */
export function optionWords(settings: TrafficSettings): string[] {
  const { target, sources, idlePause, ...numbers } = settings;
  const words = ['--target', `${target.address}:${target.port}`, '--source', sources.join(',')];
  if (idlePause !== undefined) words.push('--idle-pause', String(idlePause));
  for (const [name, value] of Object.entries(numbers)) words.push(`--${name}`, String(value));
  return words;
}
