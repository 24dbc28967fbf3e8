/**
 * The program `vtysh`, by which FRR's daemons are asked and configured.
 *
 * One call at a time, each with a deadline, after which its whole process group is killed; while one that was killed has not
 * gone (a daemon that hangs may keep it), further calls are refused at once, so that they never pile up.
 * What FRR refuses is a `KernelError` `vtysh` with the command and FRR's words; its errno is `ETIMEDOUT` where nothing was
 * answered in time, `ECONNREFUSED` where no such daemon runs, `EBUSY` where an earlier call has not gone.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { KernelError } from './kernel-error.ts';
import { lowerPriority } from './priority.ts';

export interface VtyshOptions {
  /** An absolute path. */
  readonly program: string;
  /** Where the daemons' sockets are; undefined = where vtysh looks by itself. */
  readonly vtyDir?: string | undefined;
  /** Milliseconds. */
  readonly deadline: number;
}

interface Ended {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export class Vtysh {
  readonly #options: VtyshOptions;
  #last: Promise<unknown> = Promise.resolve();
  #stuck: ChildProcess | undefined;
  readonly counters = { calls: 0, timeouts: 0, refusals: 0 };

  constructor(options: VtyshOptions) {
    this.#options = options;
  }

  /**
   * Commands of the enable mode, in one call; the answers come one after the other, in one text.
   *
   * @param daemon only this one is asked, so that another that hangs does not matter
   * @throws KernelError `vtysh`
   */
  show(commands: readonly string[], daemon?: string): Promise<string> {
    const only = daemon === undefined ? [] : ['-d', daemon];
    return this.#inTurn([...only, ...commands.flatMap((command) => ['-c', command])], commands[0] ?? '');
  }

  /**
   * Lines of the configuration mode, in one call. FRR stops at the first that it does not know.
   *
   * @param atOnce as `vtysh -f` has it done: mgmtd, which FRR has from 10 on, commits all lines together (500 routes in 0.4 s in
   *   place of 10 s)
   * @throws KernelError `vtysh`; lines before the one that was refused are in force
   */
  async configure(lines: readonly string[], atOnce = false): Promise<void> {
    const command = `configure terminal, ${lines[0] ?? ''}${lines.length > 1 ? `, … (${lines.length} lines)` : ''}`;
    const framed = atOnce
      ? ['configure terminal file-lock', 'XFRR_start_configuration', ...lines, 'XFRR_end_configuration']
      : ['configure terminal', ...lines];
    const args = framed.flatMap((line) => ['-c', line]);
    const said = await this.#inTurn(args, command);
    // Some refusals do not end the call.
    const refused = said.split('\n').find((line) => line.startsWith('%'));
    if (refused !== undefined) throw this.#refusal(command, { text: refused });
  }

  #inTurn(args: readonly string[], command: string): Promise<string> {
    const result = this.#last.then(() => this.#call(args, command));
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #call(args: readonly string[], command: string): Promise<string> {
    if (this.#stuck !== undefined) {
      throw this.#refusal(command, { errno: 'EBUSY', text: 'an earlier vtysh was killed and has not gone yet' });
    }
    this.counters.calls += 1;
    const { vtyDir } = this.#options;
    const where = vtyDir === undefined ? [] : ['--vty_socket', vtyDir];
    const ended = await this.#run([...where, ...args], command);
    if (ended === undefined) {
      this.counters.timeouts += 1;
      throw this.#refusal(command, { errno: 'ETIMEDOUT', text: `no answer within ${this.#options.deadline / 1000} s` });
    }
    if (ended.code === 0) return ended.stdout;
    const said = `${ended.stdout}\n${ended.stderr}`;
    if (/failed to connect to any daemons/.test(said)) {
      throw this.#refusal(command, { errno: 'ECONNREFUSED', text: 'no such daemon is running' });
    }
    const words = said.split('\n').filter((line) => line.startsWith('%'));
    throw this.#refusal(command, { text: words.join('; ') || said.trim().slice(-500) || `exit ${ended.code}` });
  }

  #refusal(command: string, why: { readonly errno?: string; readonly text: string }): KernelError {
    if (why.errno === undefined) this.counters.refusals += 1;
    return new KernelError('vtysh', { command, ...why });
  }

  /** Undefined when it had to be killed. */
  #run(args: readonly string[], command: string): Promise<Ended | undefined> {
    const { program, deadline } = this.#options;
    return new Promise((resolve, reject) => {
      // Its own process group: the program may be a script that starts vtysh elsewhere.
      const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
      lowerPriority(child.pid);
      const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
      child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
      child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
      const timer = setTimeout(() => {
        this.#kill(child);
        resolve(undefined);
      }, deadline);
      child.on('error', (cause: NodeJS.ErrnoException) => {
        clearTimeout(timer);
        const errno = cause.code ?? 'EIO';
        const text = `cannot start ${program}`;
        reject(new KernelError('vtysh', { command, errno, text }, { cause }));
      });
      child.on('close', (code) => {
        clearTimeout(timer);
        const [out, error] = [Buffer.concat(stdout).toString(), Buffer.concat(stderr).toString()];
        resolve({ code: code ?? undefined, stdout: out, stderr: error });
      });
    });
  }

  #kill(child: ChildProcess): void {
    this.#stuck = child;
    child.once('close', () => {
      if (this.#stuck === child) this.#stuck = undefined;
    });
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has gone in the meantime.
    }
  }
}
