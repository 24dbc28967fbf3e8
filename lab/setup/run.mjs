import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** The checkout's top folder. */
export const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * @typedef {{ code: number, output: string }} Outcome  `output`: standard output and error, interleaved
 */

/**
 * Runs a program in the checkout's top folder with its output collected. A program that cannot be started gives code 127.
 *
 * @param {string[]} argv
 * @param {{ env?: Record<string, string>, onLine?: (line: string) => void }} [options]
 * @returns {Promise<Outcome>}
 */
export function run([program, ...args], { env, onLine } = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    const take = (text) => {
      output += text;
      if (onLine !== undefined) for (const line of text.split('\n')) if (line.trim() !== '') onLine(line.trim());
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    child.on('error', (cause) => resolve({ code: 127, output: `${program}: ${cause.message}` }));
    child.on('close', (code) => resolve({ code: code ?? 1, output }));
  });
}

/**
 * Runs a program on this terminal and gives its exit code. Ctrl-C reaches it directly; we wait for it to clean up.
 *
 * @param {string[]} argv
 * @param {Record<string, string>} [env]
 * @returns {Promise<number>}
 */
export function handOver([program, ...args], env = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, args, { env: { ...process.env, ...env }, stdio: 'inherit' });
    const pass = (signal) => child.kill(signal);
    const ignore = () => {};
    process.on('SIGINT', ignore);
    process.on('SIGTERM', pass);
    child.on('error', (cause) => {
      process.stderr.write(`${program}: ${cause.message}\n`);
      resolve(127);
    });
    child.on('close', (code) => {
      process.off('SIGINT', ignore);
      process.off('SIGTERM', pass);
      resolve(code ?? 1);
    });
  });
}
