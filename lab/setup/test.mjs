/** `npm test`: every check and every suite at its reduced size, and one closing line with the sum. */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { hold, LINT, readResults, suite, TYPES, UNUSED } from './checks.mjs';
import { say } from './report.mjs';
import { root } from './run.mjs';

/** Random packets per codec property; `npm run check` uses a small number instead. */
const FUZZ = '100000';
const SLOWEST = 5;

/**
 * Files that wait for other routers' timers most of the time and need next to no processor, in rows that take about as
 * long. What measures milliseconds, or keeps a processor busy, has the machine for itself.
 */
const WAITING = {
  frr: ['test/contract/routing/frr.test.ts', 'test/lab/speaker.test.ts', 'test/lab/interop.test.ts'],
  forms: [
    'test/contract/routing/frr-stub.test.ts',
    'test/contract/routing/frr-areas.test.ts',
    'test/contract/routing/quagga.test.ts',
  ],
  routers: [
    'test/lab/graceful-restart.test.ts',
    'test/lab/authentication.test.ts',
    'test/lab/authentication-rollover.test.ts',
    'test/lab/adjacency.test.ts',
    'test/lab/mixed-lan.test.ts',
  ],
};

/** @returns {Promise<number>} exit code: 0 when everything held */
export async function runTests() {
  const env = { SLUICE_FUZZ: FUZZ };
  const pure = suite('pure', { env });
  const lab = suite('lab', { env, files: filesWithRoot() });
  const frr = suite('lab', { env, name: 'frr', files: WAITING.frr });
  const forms = suite('lab', { env, name: 'forms', files: WAITING.forms });
  const routers = suite('lab', { env, name: 'routers', files: WAITING.routers });
  const nft = suite('nft', { env });
  const suites = [pure, lab, frr, forms, routers, nft];
  // Yesterday's report must not be counted when today's run breaks off.
  for (const { results } of suites) rmSync(results, { force: true });
  const started = performance.now();
  const before = await inTurn([LINT, TYPES, pure, UNUSED, lab]);
  const beside = await Promise.all([inTurn([frr, nft]), inTurn([forms]), inTurn([routers])]);
  return conclude([...before, ...beside.flat()], suites, (performance.now() - started) / 1000);
}

/** Every file of the project `lab` that has the machine for itself. */
function filesWithRoot() {
  const all = ['test/contract', 'test/lab'].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true }).map((file) => `${folder}/${file}`),
  );
  const others = Object.values(WAITING).flat();
  return all.filter((file) => file.endsWith('.test.ts') && !others.includes(file));
}

async function inTurn(checks) {
  const outcomes = [];
  for (const check of checks) outcomes.push(await hold(check));
  return outcomes;
}

function conclude(outcomes, suites, seconds) {
  const results = suites.map(({ results: path }) => readResults(path));
  const files = results.flatMap((one) => one.files).sort((a, b) => b.seconds - a.seconds);
  say('\nSlowest files:');
  for (const { name, seconds } of files.slice(0, SLOWEST)) say(`  ${seconds.toFixed(1).padStart(7)} s  ${name}`);
  const broken = outcomes.filter(({ held }) => !held).map(({ name }) => name);
  say(`Took ${seconds.toFixed(0)} s.${broken.length > 0 ? ` FAILED: ${broken.join(', ')}.` : ''}`);
  const passed = results.reduce((sum, one) => sum + one.passed, 0);
  const failed = results.reduce((sum, one) => sum + one.failed, 0);
  // A broken check is no test, and yet the line must not claim that nothing failed.
  const failures = failed === 0 ? broken.length : failed;
  const skipped = results.reduce((sum, one) => sum + one.skipped, 0);
  console.log(`${passed} passed, ${failures} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`);
  return failures === 0 ? 0 : 1;
}
