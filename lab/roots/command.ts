import { spawn } from 'node:child_process';
import { LabError } from '../lab-error.ts';

export interface CommandOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
  /** Called with each line of standard output as it comes; the lines are returned as well. */
  readonly onLine?: (line: string) => void;
}

/**
 * Runs a program to its end and returns its standard output. Throws a LabError with the command and the last lines of
 * its standard error when it cannot be started or ends with another code than 0.
 */
export function command(argv: readonly string[], options: CommandOptions = {}): Promise<string> {
  const [program, ...args] = argv as [string, ...string[]];
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    let stdout = '';
    let stderr = '';
    let pending = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (options.onLine === undefined) return;
      const lines = (pending + text).split('\n');
      pending = lines.pop() ?? '';
      for (const line of lines) options.onLine(line);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-4000);
    });
    child.on('error', (cause) => reject(new LabError(`cannot run ${argv.join(' ')}: ${cause.message}`, { cause })));
    child.on('close', (code, signal) => {
      if (code === 0) resolve(stdout);
      else reject(new LabError(`${argv.join(' ')} ended with ${signal ?? `code ${code}`}: ${tail(stderr || stdout)}`));
    });
    // A program that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
  });
}

function tail(text: string): string {
  return text.trim().split('\n').slice(-5).join('\n');
}
