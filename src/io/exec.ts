/** Runs a program to its end and hands back what it said. A non-zero exit is a result, not an exception. */
import { spawn } from 'node:child_process';
import { Readable } from 'node:stream';
import { KernelError } from './kernel-error.ts';
import { lowerPriority } from './priority.ts';

export interface ExecResult {
  /** Exit code; `undefined` when a signal ended the program. */
  readonly code: number | undefined;
  readonly signal: string | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

export interface ExecOptions {
  /** Written to standard input, which is then closed; a long text best in pieces, one after the other. */
  readonly input?: string | readonly string[];
  /** Milliseconds after which the program is killed. */
  readonly deadline?: number;
}

/** The administrator's programs are not in every user's path. */
function searchPath(): string {
  return [process.env['PATH'], '/usr/local/sbin', '/usr/sbin', '/sbin'].filter((part) => part).join(':');
}

/**
 * @param argv program and arguments; no shell is involved
 * @throws KernelError `exec` with errno ENOENT, EACCES, … when the program cannot be started
 */
export function exec(argv: readonly [string, ...string[]], options: ExecOptions = {}): Promise<ExecResult> {
  const [program, ...args] = argv;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, PATH: searchPath(), LC_ALL: 'C' },
      stdio: 'pipe',
      ...(options.deadline === undefined ? {} : { timeout: options.deadline, killSignal: 'SIGKILL' as const }),
    });
    lowerPriority(child.pid);
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    // A program that ends without reading all of its input leaves EPIPE here; its exit code says why.
    child.stdin.on('error', () => {});
    const { input = '' } = options;
    if (typeof input === 'string') child.stdin.end(input);
    else Readable.from(input, { objectMode: false }).pipe(child.stdin);
    child.on('error', (cause: NodeJS.ErrnoException) => {
      reject(
        new KernelError('exec', { program, ...(cause.code === undefined ? {} : { errno: cause.code }) }, { cause }),
      );
    });
    child.on('close', (code, signal) => {
      resolve({
        code: code ?? undefined,
        signal: signal ?? undefined,
        stdout: Buffer.concat(stdout).toString(),
        stderr: Buffer.concat(stderr).toString(),
      });
    });
  });
}
