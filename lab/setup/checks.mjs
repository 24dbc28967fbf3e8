/** The checks of `npm run check` and the suites of `npm test`, each a step with its duration. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { say } from './report.mjs';
import { handOver, root, run } from './run.mjs';

const bin = (name) => join(root, 'node_modules/.bin', name);

/** @typedef {{ name: string, argv: string[], env?: Record<string, string> }} Check */

/** @type {Check} */
export const LINT = { name: 'biome check', argv: [bin('biome'), 'check', '.'] };
/** @type {Check} */
export const TYPES = { name: 'tsc -b', argv: [bin('tsc'), '-b'] };
/** @type {Check} */
export const UNUSED = { name: 'knip', argv: [bin('knip')] };

/**
 * One of vitest's projects, or some files of one; the result is also written as JSON.
 *
 * @param {'pure' | 'lab' | 'nft'} project
 * @param {{ name?: string, files?: readonly string[], env?: Record<string, string> }} [choice] all files unless given
 * @returns {Check & { project: string, results: string }}
 */
export function suite(project, { name = project, files = [], env = {} } = {}) {
  const results = join(root, 'dist/test-results', `${name}.json`);
  mkdirSync(join(root, 'dist/test-results'), { recursive: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${results}`];
  // Certificates that every Node process would load first; nothing here speaks to the outside.
  const vitest = { ...env, NODE_EXTRA_CA_CERTS: '' };
  return {
    name: `vitest ${name}`,
    argv: [bin('vitest'), 'run', '--project', project, ...reporters, ...files],
    env: vitest,
    project,
    results,
  };
}

/**
 * Runs one check on this terminal, says how long it took and whether it held.
 *
 * @param {Check} check @returns {Promise<{ name: string, held: boolean, seconds: number }>}
 */
export async function hold({ name, argv, env }) {
  const started = performance.now();
  say(`\n> ${name}`);
  const held = (await handOver(argv, env)) === 0;
  const seconds = (performance.now() - started) / 1000;
  say(`${held ? 'ok' : 'FAILED'}: ${name}, ${seconds.toFixed(1)} s`);
  return { name, held, seconds };
}

/**
 * Runs one check out of sight, beside another one that has the terminal.
 *
 * @param {Check} check @returns {Promise<{ name: string, held: boolean, seconds: number, output: string }>}
 */
export async function holdAside({ name, argv, env }) {
  const started = performance.now();
  const { code, output } = await run(argv, { env });
  return { name, held: code === 0, seconds: (performance.now() - started) / 1000, output };
}

/** @typedef {{ name: string, seconds: number, passed: number, failed: number, skipped: number }} FileResult */

/**
 * What a suite's JSON report says of each file. One that could not even be loaded counts as one failure, as does a missing
 * report.
 *
 * @param {string} path @returns {FileResult[]}
 */
export function readResults(path) {
  let report;
  try {
    report = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return [{ name: path, seconds: 0, passed: 0, failed: 1, skipped: 0 }];
  }
  return report.testResults.map(({ name, startTime, endTime, status, assertionResults }) => {
    const count = (...wanted) => assertionResults.filter((one) => wanted.includes(one.status)).length;
    const [passed, failed] = [count('passed'), count('failed')];
    return {
      name: name.replace(root, ''),
      seconds: (endTime - startTime) / 1000,
      passed,
      failed: failed === 0 && status === 'failed' ? 1 : failed,
      skipped: assertionResults.length - passed - failed,
    };
  });
}
